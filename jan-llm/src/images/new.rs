//! Pictures that are asked for, as callers say it. Members that are not known here go to the provider as they are, so that
//! a request stays the JSON that it came as.

use jan_core::JsonObject;
use jan_core::image::Picture;
use serde::Serialize;

/// A picture to be made: the members of OpenAI's body, and ours. What they hold is checked when pictures are made.
///
/// ```
/// use jan_llm::images::NewImage;
///
/// let fox = NewImage::new("A red fox in the snow").with("size", "1024x1024").with("n", &2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct NewImage(pub(super) JsonObject);

/// A picture to be changed: as for a new one, and the pictures that came beside it in a form. Those that `image` or `images`
/// name in the members count as well.
#[derive(Debug, Clone, Default)]
pub struct ImageEdit {
    /// The prompt and all else.
    pub new: NewImage,
    /// Pictures to be changed.
    pub pictures: Vec<Picture>,
    /// Where the first of them may be changed.
    pub mask: Option<Picture>,
}

impl NewImage {
    /// A picture of `prompt`.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self::default().with("prompt", &prompt.into())
    }

    /// Sets any member, known here or not. A value that cannot be written as JSON leaves the request as it was.
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

/// The members that are known.
#[cfg(feature = "openapi")]
mod schema {
    use serde_json::Value;
    use utoipa::ToSchema;

    /// A picture to be made.
    #[derive(ToSchema)]
    #[expect(dead_code, reason = "it only describes")]
    struct NewImage {
        #[schema(example = "A red fox in the snow", max_length = 32000)]
        prompt: String,
        model: Option<String>,
        /// How many, 1 to 4.
        n: Option<u32>,
        /// `1024x1024`, or `auto`.
        size: Option<String>,
        quality: Option<String>,
        style: Option<String>,
        /// `url` (the default) or `b64_json`.
        response_format: Option<String>,
        stream: Option<bool>,
        /// Pictures on the way to the whole one, 0 to 3.
        partial_images: Option<u32>,
        /// Whom to ask, where there are several.
        provider_id: Option<String>,
        /// The conversation that remembers it, with `store`.
        conversation_id: Option<String>,
        store: Option<bool>,
    }

    /// A picture to be changed.
    #[derive(ToSchema)]
    #[expect(dead_code, reason = "it only describes")]
    struct ImageEdit {
        prompt: String,
        /// A `jan_` id, a URL or base64; `{id}`, `{url}` or `{b64_json}`; or several of them.
        image: Value,
        /// Where it may be changed; as `image`.
        mask: Option<Value>,
        /// Besides `1024x1024` and `auto`: `original`.
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
