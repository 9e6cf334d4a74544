//! The seam to whoever makes pictures out of words, or out of other pictures.

#[cfg(feature = "openapi")]
mod schema;

use async_trait::async_trait;
use bytes::Bytes;

use crate::json::JsonObject;
use crate::{BoxStream, Result};

#[cfg(feature = "openapi")]
pub use schema::ImageEvent;

/// Makes pictures.
///
/// ```
/// use jan_core::image::{ImageProvider, ImageReply, ImageRequest};
/// use jan_core::{Error, JsonObject, Result, async_trait};
///
/// /// Always makes the same picture.
/// struct Dot(String);
///
/// #[async_trait]
/// impl ImageProvider for Dot {
///     async fn paint(&self, request: ImageRequest) -> Result<ImageReply> {
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
    /// Makes pictures of a prompt; with pictures in the request, it changes those.
    ///
    /// Promises: dropping the future or the events stops the work. Parameters that the provider does not know are
    /// ignored or passed on, not refused. It need not honour `stream`: whoever asked takes either reply.
    ///
    /// # Errors
    /// As [`crate::ModelProvider::chat`].
    async fn paint(&self, request: ImageRequest) -> Result<ImageReply>;
}

/// What is to be made.
#[derive(Debug, Clone, Default)]
pub struct ImageRequest {
    /// The members of OpenAI's body (`prompt`, `model`, `n`, `size`, …) but for the pictures.
    pub members: JsonObject,
    /// The pictures to be changed; without any, a new one is made.
    pub pictures: Vec<Picture>,
    /// Where the first picture may be changed.
    pub mask: Option<Picture>,
}

/// A picture that goes into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What it is, for example `image/png`.
    pub mime: String,
    /// What it is called.
    pub filename: Option<String>,
    /// It.
    pub bytes: Bytes,
}

/// What came of it.
pub enum ImageReply {
    /// All of it: `{created, data: [{b64_json | url, revised_prompt}], usage}`.
    Whole(JsonObject),
    /// Events as they are made, each with its `type` (`image_generation.partial_image`, `image_generation.completed`,
    /// `image_edit.…`). The end of the stream means that all is made; what broke off ends with an error item.
    Events(BoxStream<Result<JsonObject>>),
}
