//! The OpenAPI schemas of generated images, with the members that are known. Replies stay raw bytes; these types only
//! describe them.
#![expect(dead_code, reason = "they only describe")]

use serde_json::Value;
use utoipa::ToSchema;

/// Generated images.
#[derive(ToSchema)]
struct Images {
    /// Seconds since the Unix epoch.
    created: u64,
    data: Vec<Image>,
    usage: Option<Value>,
}

/// A generated image.
#[derive(ToSchema)]
struct Image {
    /// Its media id.
    #[schema(example = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0")]
    id: Option<String>,
    url: Option<String>,
    b64_json: Option<String>,
    revised_prompt: Option<String>,
}

/// An event of a streamed image generation.
#[derive(ToSchema)]
pub struct ImageEvent {
    /// The name of the event: `image_generation.partial_image`, `image_generation.completed`, `image_edit.…`.
    r#type: String,
    b64_json: Option<String>,
    partial_image_index: Option<u32>,
    /// With the complete image: its media id.
    id: Option<String>,
    /// With the complete image: a link to it.
    url: Option<String>,
    usage: Option<Value>,
}

crate::described_by!(super::ImageReply => Images);
