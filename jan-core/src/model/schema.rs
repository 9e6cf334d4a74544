//! The OpenAPI schemas of embeddings, with the members that are known. Requests and replies stay raw bytes; these
//! types only describe them.
#![expect(dead_code, reason = "they only describe")]

use serde_json::Value;
use utoipa::ToSchema;

/// Texts to be converted into embedding vectors.
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

/// The embedding vectors of all texts.
#[derive(ToSchema)]
pub struct EmbeddingList {
    #[schema(example = "list")]
    object: String,
    data: Vec<Embedding>,
    model: String,
}

/// The embedding vector of one text.
#[derive(ToSchema)]
struct Embedding {
    index: u32,
    #[schema(value_type = Vec<f32>)]
    embedding: Value,
}

crate::described_by!(super::EmbeddingRequest => EmbeddingRequest);
