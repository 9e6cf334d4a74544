//! The trait for image generation: images made from a prompt, or by changing other images.

#[cfg(feature = "openapi")]
mod schema;

use async_trait::async_trait;
use bytes::Bytes;

use crate::json::JsonObject;
use crate::{BoxStream, Result};

#[cfg(feature = "openapi")]
pub use schema::ImageEvent;

/// Generates and edits images.
///
/// ```
/// use jan_core::image::{ImageProvider, ImageReply, ImageRequest};
/// use jan_core::{Error, JsonObject, Result, async_trait};
///
/// /// Always returns the same image.
/// struct Dot(String);
///
/// #[async_trait]
/// impl ImageProvider for Dot {
///     async fn generate(&self, request: ImageRequest) -> Result<ImageReply> {
///         let prompt: Option<String> = request.members.get("prompt")?;
///         let prompt = prompt.ok_or_else(|| Error::invalid("prompt", "`prompt` is required."))?;
///         let mut reply = JsonObject::new();
///         reply.set("data", &[serde_json::json!({"b64_json": self.0, "revised_prompt": prompt})])?;
///         Ok(ImageReply::Whole(reply))
///     }
/// }
/// ```
#[async_trait]
pub trait ImageProvider: Send + Sync + 'static {
    /// Generates images from a prompt. If the request contains images, those are changed instead.
    ///
    /// Promises: dropping the future or the events stops the work. Parameters that the provider does not know are
    /// ignored or forwarded, not refused. The provider may ignore `stream`: callers accept both forms of reply.
    ///
    /// # Errors
    /// As [`crate::ModelProvider::chat`].
    async fn generate(&self, request: ImageRequest) -> Result<ImageReply>;
}

/// A request for image generation.
#[derive(Debug, Clone, Default)]
pub struct ImageRequest {
    /// The members of OpenAI's request body (`prompt`, `model`, `n`, `size`, …), without the images.
    pub members: JsonObject,
    /// The images to be changed. If there are none, a new image is generated.
    pub pictures: Vec<Picture>,
    /// A mask image that marks the area of the first image that may be changed.
    pub mask: Option<Picture>,
}

/// An input image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The MIME type, for example `image/png`.
    pub mime: String,
    /// The file name.
    pub filename: Option<String>,
    /// The encoded image.
    pub bytes: Bytes,
}

/// The reply of an image provider.
pub enum ImageReply {
    /// The whole reply: `{created, data: [{b64_json | url, revised_prompt}], usage}`.
    Whole(JsonObject),
    /// A stream of events, each with its `type` (`image_generation.partial_image`, `image_generation.completed`,
    /// `image_edit.…`). The end of the stream means that all images are complete; work that was cut off ends with an
    /// error item.
    Events(BoxStream<Result<JsonObject>>),
}
