//! What the OpenAPI document says of embeddings: the members that are known. Requests and replies stay bytes, so these
//! types only describe them.
#![expect(dead_code, reason = "they only describe")]

use serde_json::Value;
use utoipa::ToSchema;

/// Texts to turn into vectors.
#[derive(ToSchema)]
struct EmbeddingRequest {
    model: String,
    /// A text, or an array of texts.
    #[schema(value_type = Value)]
    input: Value,
    /// `float` or `base64`.
    encoding_format: Option<String>,
    dimensions: Option<u32>,
}

/// Vectors.
#[derive(ToSchema)]
pub struct EmbeddingList {
    #[schema(example = "list")]
    object: String,
    data: Vec<Embedding>,
    model: String,
}

/// One vector.
#[derive(ToSchema)]
struct Embedding {
    index: u32,
    #[schema(value_type = Vec<f32>)]
    embedding: Value,
}

crate::described_by!(super::EmbeddingRequest => EmbeddingRequest);
