//! The request types of the image service. A request stays the JSON that it was read from, so that unknown members
//! reach the provider unchanged.

use jan_core::JsonObject;
use jan_core::image::Picture;
use serde::Serialize;

/// A request for new images: the members of OpenAI's body and of this server. [`super::Images::generate`] checks them.
///
/// ```
/// use jan_llm::images::NewImage;
///
/// let fox = NewImage::new("A red fox in the snow").with("size", "1024x1024").with("n", &2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct NewImage(pub(super) JsonObject);

/// A request to edit images. The images are those in `pictures` (uploaded in a form) and those that the members `image`
/// and `images` name.
#[derive(Debug, Clone, Default)]
pub struct ImageEdit {
    /// The prompt and the other members.
    pub new: NewImage,
    /// Uploaded images to edit.
    pub pictures: Vec<Picture>,
    /// The mask: where the first image may be changed.
    pub mask: Option<Picture>,
}

impl NewImage {
    /// A request for an image of `prompt`.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self::default().with("prompt", &prompt.into())
    }

    /// Sets a member, also an unknown one. A value that cannot be written as JSON is ignored.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        let _ = self.0.set(name, value);
        self
    }
}

impl From<JsonObject> for NewImage {
    fn from(body: JsonObject) -> Self {
        Self(body)
    }
}

impl From<NewImage> for ImageEdit {
    fn from(new: NewImage) -> Self {
        Self { new, ..Self::default() }
    }
}

/// The members that the OpenAPI document lists.
#[cfg(feature = "openapi")]
mod schema {
    use serde_json::Value;
    use utoipa::ToSchema;

    /// A request for new images.
    #[derive(ToSchema)]
    #[expect(dead_code, reason = "it only describes")]
    struct NewImage {
        #[schema(example = "A red fox in the snow", max_length = 32000)]
        prompt: String,
        model: Option<String>,
        /// The number of images, 1 to 4.
        n: Option<u32>,
        /// `1024x1024`, or `auto`.
        size: Option<String>,
        quality: Option<String>,
        style: Option<String>,
        /// `url` (the default) or `b64_json`.
        response_format: Option<String>,
        stream: Option<bool>,
        /// The number of partial images to stream before each complete one, 0 to 3.
        partial_images: Option<u32>,
        /// The name of the image provider; default: the first.
        provider_id: Option<String>,
        /// The conversation that gets an item with the images when `store` is true.
        conversation_id: Option<String>,
        store: Option<bool>,
    }

    /// A request to edit images.
    #[derive(ToSchema)]
    #[expect(dead_code, reason = "it only describes")]
    struct ImageEdit {
        prompt: String,
        /// A `jan_` id, a URL or base64; `{id}`, `{url}` or `{b64_json}`; or several of them.
        image: Value,
        /// Where the first image may be changed; in the same form as `image`.
        mask: Option<Value>,
        /// `1024x1024`, `auto`, or `original` to keep the size.
        size: Option<String>,
        model: Option<String>,
        n: Option<u32>,
        response_format: Option<String>,
        stream: Option<bool>,
        provider_id: Option<String>,
        conversation_id: Option<String>,
        store: Option<bool>,
    }

    jan_core::described_by!(super::NewImage => NewImage);
    jan_core::described_by!(super::ImageEdit => ImageEdit);
}
