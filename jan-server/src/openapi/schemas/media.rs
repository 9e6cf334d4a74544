//! The shapes of media.

use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::openapi::doc::Components;

/// Bytes of any kind.
pub(crate) fn bytes(_: &mut Components) -> Value {
    json!({"type": "string", "format": "binary"})
}

/// A file to be kept.
#[derive(ToSchema)]
pub(crate) struct CreateMedia {
    source: MediaSource,
    filename: Option<String>,
    /// Shows it to everybody who knows its id. Default: false.
    public: Option<bool>,
    /// Passed over: the credential says who it is.
    user_id: Option<String>,
}

/// Where it is.
#[derive(ToSchema)]
pub(crate) struct MediaSource {
    /// `remote_url` (or `remoteurl`, `remote`) or `data_url` (or `dataurl`, `datauri`).
    #[schema(example = "data_url")]
    r#type: String,
    /// A public address.
    url: Option<String>,
    /// `data:<mime>;base64,<data>`.
    #[schema(
        example = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
    )]
    data_url: Option<String>,
}

/// A form with a file.
#[derive(ToSchema)]
pub(crate) struct UploadForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `true` shows it to everybody who knows its id; `false` is the default, anything else is refused.
    public: Option<bool>,
    /// Passed over: the credential says who it is.
    user_id: Option<String>,
}

/// A kept file.
#[derive(ToSchema)]
pub(crate) struct Media {
    #[schema(example = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0")]
    id: String,
    #[schema(example = "media")]
    object: String,
    #[schema(example = "image/png")]
    mime: String,
    /// The same as `mime`.
    content_type: String,
    bytes: u64,
    /// The same as `bytes`.
    size: u64,
    /// You had these bytes already.
    deduped: bool,
    /// Where it can be read without a credential: for good when it is public, a link that ends otherwise.
    url: String,
    sha256: String,
    width: Option<u32>,
    height: Option<u32>,
    filename: Option<String>,
    /// Of what came by the Files API: what it is for.
    purpose: Option<String>,
    public: bool,
    created_at: i64,
    /// Kept until then, and for as long as a conversation shows it.
    retention_until: Option<i64>,
}

/// Who may see it.
#[derive(ToSchema)]
pub(crate) struct UpdateMedia {
    public: bool,
}

/// An upload to be announced.
#[derive(ToSchema)]
pub(crate) struct PrepareUpload {
    /// What it will be.
    #[schema(example = "image/png")]
    mime_type: Option<String>,
    /// Another name of `mime_type`.
    content_type: Option<String>,
    filename: Option<String>,
    /// Exactly so many bytes.
    size: Option<u64>,
    /// Exactly these.
    sha256: Option<String>,
    public: Option<bool>,
    /// Passed over: the credential says who it is.
    user_id: Option<String>,
}

/// Where to put it.
#[derive(ToSchema)]
pub(crate) struct PreparedUpload {
    id: String,
    upload_url: String,
    mime_type: String,
    #[schema(example = "PUT")]
    method: String,
    expires_at: i64,
    /// Seconds.
    expires_in: i64,
}

/// What was put.
#[derive(ToSchema)]
pub(crate) struct PutMedia {
    id: String,
    mime: String,
    bytes: u64,
    deduped: bool,
}

/// A link that ends.
#[derive(ToSchema)]
pub(crate) struct MediaLink {
    id: String,
    url: String,
    /// The same as `url`.
    presigned_url: String,
    expires_at: Option<i64>,
    /// Seconds.
    expires_in: Option<i64>,
}

/// Either ids or a payload.
#[derive(ToSchema)]
pub(crate) struct ResolveMedia {
    /// 1 to 100.
    ids: Option<Vec<String>>,
    /// Any JSON.
    #[schema(value_type = Option<Value>)]
    payload: Option<Value>,
}

/// What was asked for.
#[derive(ToSchema)]
pub(crate) struct ResolvedMedia {
    media: Option<Vec<MediaLink>>,
    #[schema(value_type = Option<Value>)]
    payload: Option<Value>,
}

/// Files to be deleted.
#[derive(ToSchema)]
pub(crate) struct BulkDeleteMedia {
    /// 1 to 100; `media_ids` is taken too.
    ids: Vec<String>,
}

/// Those that were.
#[derive(ToSchema)]
pub(crate) struct BulkDeleted {
    deleted_count: u64,
    deleted_ids: Vec<String>,
}
