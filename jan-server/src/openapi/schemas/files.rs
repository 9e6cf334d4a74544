//! The shapes of OpenAI's files.

use utoipa::ToSchema;

/// A form with a file.
#[derive(ToSchema)]
pub(crate) struct CreateFile {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `assistants`, `batch`, `evals`, `fine-tune`, `user_data` or `vision`.
    #[schema(example = "user_data")]
    purpose: String,
    /// `created_at`, with `expires_after[seconds]`.
    #[schema(rename = "expires_after[anchor]")]
    anchor: Option<String>,
    /// 3600 to 2592000.
    #[schema(rename = "expires_after[seconds]")]
    seconds: Option<u64>,
}

/// A file.
#[derive(ToSchema)]
pub(crate) struct File {
    #[schema(example = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0")]
    id: String,
    #[schema(example = "file")]
    object: String,
    bytes: u64,
    created_at: i64,
    filename: String,
    #[schema(example = "user_data")]
    purpose: String,
    #[schema(example = "processed")]
    status: String,
    /// Kept until then, and for as long as a conversation shows it.
    expires_at: Option<i64>,
}
