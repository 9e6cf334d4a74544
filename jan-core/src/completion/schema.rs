//! The OpenAPI schemas of text completions, with the members that are known. Requests and replies stay raw bytes;
//! these types only describe them.
#![expect(dead_code, reason = "they only describe")]

use serde_json::Value;
use utoipa::ToSchema;

use crate::chat::schema::{StreamOptions, Usage};

/// A prompt to be continued. Any other field is passed on to the model.
#[derive(ToSchema)]
struct CompletionRequest {
    /// A name from `GET /v1/models`.
    #[schema(example = "SmolLM2-135M-Instruct")]
    model: String,
    /// A text, an array of texts, or tokens of the model; each gets a choice.
    #[schema(value_type = Value, example = "Once upon a time")]
    prompt: Value,
    /// The text after the requested text, for models that can fill in.
    suffix: Option<String>,
    /// The largest number of tokens to generate. Default for a local model, as in OpenAI's API: 16.
    max_tokens: Option<u32>,
    /// Repeat the prompt before the text.
    echo: Option<bool>,
    /// A text, or an array of texts, before which the answer ends.
    #[schema(value_type = Option<Value>)]
    stop: Option<Value>,
    n: Option<u32>,
    best_of: Option<u32>,
    logprobs: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    seed: Option<i64>,
    /// Answer chunk by chunk. Default: false.
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

/// The continuation of a prompt; a chunk of a stream has the same form.
#[derive(ToSchema)]
struct Completion {
    id: String,
    #[schema(example = "text_completion")]
    object: String,
    created: u64,
    model: String,
    choices: Vec<CompletionChoice>,
    usage: Option<Usage>,
}

/// One of the alternative continuations.
#[derive(ToSchema)]
struct CompletionChoice {
    index: u32,
    text: String,
    #[schema(value_type = Option<Value>)]
    logprobs: Option<Value>,
    /// `stop`, `length` or `content_filter`; `null` in the chunks before.
    finish_reason: Option<String>,
}

crate::described_by!(super::CompletionRequest => CompletionRequest);
crate::described_by!(super::CompletionReply => Completion);
