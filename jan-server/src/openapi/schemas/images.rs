//! The shapes of making pictures.

use serde_json::Value;
use utoipa::ToSchema;

/// A picture to be made.
#[derive(ToSchema)]
pub(crate) struct CreateImage {
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
pub(crate) struct EditImage {
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

/// Pictures that were made.
#[derive(ToSchema)]
pub(crate) struct Images {
    /// Seconds since the Unix epoch.
    created: u64,
    data: Vec<Image>,
    usage: Option<Value>,
}

/// A picture that was made.
#[derive(ToSchema)]
pub(crate) struct Image {
    /// Its name among your media.
    #[schema(example = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0")]
    id: Option<String>,
    url: Option<String>,
    b64_json: Option<String>,
    revised_prompt: Option<String>,
}

/// A picture being made.
#[derive(ToSchema)]
pub(crate) struct ImageEvent {
    /// The name of the event: `image_generation.partial_image`, `image_generation.completed`, `image_edit.…`.
    r#type: String,
    b64_json: Option<String>,
    partial_image_index: Option<u32>,
    /// With the whole picture: its name among your media.
    id: Option<String>,
    /// With the whole picture: a link to it.
    url: Option<String>,
    usage: Option<Value>,
}
