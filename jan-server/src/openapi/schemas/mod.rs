//! The shapes of requests and replies as the document shows them. The server itself reads only what it acts on (see
//! `jan_core::chat`); these types exist to be described, which is why nothing constructs them.
#![allow(dead_code)]

use serde_json::Value;
use utoipa::ToSchema;

pub(crate) mod conversations;
pub(crate) mod files;
pub(crate) mod images;
pub(crate) mod media;

/// What every error looks like.
#[derive(ToSchema)]
pub(crate) struct ErrorReply {
    error: ErrorBody,
}

/// The error itself.
#[derive(ToSchema)]
pub(crate) struct ErrorBody {
    /// `invalid_request_error`, `auth_error`, `permission_error`, `not_found_error`, `rate_limit_error` or
    /// `internal_error`.
    #[schema(example = "invalid_request_error")]
    r#type: String,
    /// A narrower reason, for programs.
    #[schema(example = "invalid_parameter")]
    code: String,
    /// The reason in words.
    message: String,
    /// The field of the request that is at fault.
    param: Option<String>,
    /// To find the request in the log.
    request_id: String,
}

/// What comes beside the data.
#[derive(ToSchema)]
pub(crate) struct Meta {
    request_id: String,
}

/// What comes beside a list.
#[derive(ToSchema)]
pub(crate) struct ListMeta {
    request_id: String,
    has_more: bool,
    /// The `after` of the next page.
    next_after: Option<String>,
}

/// A chat, as OpenAI writes it. Any other field is passed on to the model.
#[derive(ToSchema)]
pub(crate) struct ChatCompletionRequest {
    /// A name from `GET /v1/models`.
    #[schema(example = "SmolLM2-135M-Instruct")]
    model: String,
    messages: Vec<ChatMessage>,
    /// Answer chunk by chunk. Default: false.
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    /// 0 to 2.
    temperature: Option<f64>,
    /// 0 to 1.
    top_p: Option<f64>,
    /// The most tokens to write.
    max_completion_tokens: Option<u32>,
    /// The older name of `max_completion_tokens`.
    max_tokens: Option<u32>,
    /// A text, or up to four, at which the answer ends.
    #[schema(value_type = Option<Value>)]
    stop: Option<Value>,
    /// How many answers. Default: 1.
    n: Option<u32>,
    seed: Option<i64>,
    tools: Option<Vec<Value>>,
    /// `auto`, `none`, `required`, or one function by name.
    #[schema(value_type = Option<Value>)]
    tool_choice: Option<Value>,
    /// `{"type": "json_schema", "json_schema": {…}}` for an answer of that form.
    #[schema(value_type = Option<Object>)]
    response_format: Option<Value>,
    reasoning_effort: Option<String>,
    user: Option<String>,
    /// The conversation that the turn goes on with and is kept in: its id, `{"id": …}`, or `{}` for a new one.
    #[schema(value_type = Option<Value>, example = json!({}))]
    conversation: Option<Value>,
    /// Whether it is kept. With a conversation it is unless this is false; without one, `true` keeps the completion by
    /// itself (`GET /v1/chat/completions`).
    store: Option<bool>,
    /// Keeps the model's reasoning with its answer. Default: false.
    store_reasoning: Option<bool>,
    /// Puts the operator's instructions for thorough research before the chat. Default: false.
    deep_research: Option<bool>,
    /// With `store`: up to 16 pairs of texts, to find it again.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// How to stream.
#[derive(ToSchema)]
pub(crate) struct StreamOptions {
    /// Report usage in a last chunk, whose `choices` are empty. Default: false.
    include_usage: Option<bool>,
}

/// One message.
#[derive(ToSchema)]
pub(crate) struct ChatMessage {
    #[schema(example = "user")]
    role: String,
    /// Text, or an array of parts (`text`, `image_url`, …).
    #[schema(value_type = Option<Value>, example = "Hello!")]
    content: Option<Value>,
    tool_calls: Option<Vec<Value>>,
    tool_call_id: Option<String>,
}

/// A whole answer.
#[derive(ToSchema)]
pub(crate) struct ChatCompletion {
    id: String,
    #[schema(example = "chat.completion")]
    object: String,
    created: u64,
    model: String,
    choices: Vec<ChatChoice>,
    usage: Option<Usage>,
    /// Where the turn is kept.
    conversation: Option<KeptIn>,
    /// The conversation was too long for the model, and was cut from its old end.
    trimmed: Option<bool>,
    /// Of a completion kept by itself: the pairs that came with it.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// The conversation that a turn is kept in.
#[derive(ToSchema)]
pub(crate) struct KeptIn {
    #[schema(example = "conv_0123456789abcdef")]
    id: String,
    title: Option<String>,
}

/// One of its choices.
#[derive(ToSchema)]
pub(crate) struct ChatChoice {
    index: u32,
    message: ChatMessage,
    /// `stop`, `length`, `tool_calls` or `content_filter`.
    finish_reason: Option<String>,
}

/// A piece of an answer.
#[derive(ToSchema)]
pub(crate) struct ChatCompletionChunk {
    id: String,
    #[schema(example = "chat.completion.chunk")]
    object: String,
    created: u64,
    model: String,
    choices: Vec<ChunkChoice>,
    usage: Option<Usage>,
    /// In the first chunk: where the turn is kept.
    conversation: Option<KeptIn>,
    /// In the first chunk: the conversation was too long for the model, and was cut from its old end.
    trimmed: Option<bool>,
}

/// What the piece adds.
#[derive(ToSchema)]
pub(crate) struct ChunkChoice {
    index: u32,
    delta: ChatDelta,
    finish_reason: Option<String>,
}

/// A piece of a message.
#[derive(ToSchema)]
pub(crate) struct ChatDelta {
    role: Option<String>,
    content: Option<String>,
    reasoning_content: Option<String>,
    tool_calls: Option<Vec<Value>>,
}

/// Tokens used.
#[derive(ToSchema)]
pub(crate) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

/// The models.
#[derive(ToSchema)]
pub(crate) struct ModelList {
    #[schema(example = "list")]
    object: String,
    data: Vec<Model>,
}

/// A model.
#[derive(ToSchema)]
pub(crate) struct Model {
    id: String,
    #[schema(example = "model")]
    object: String,
    created: u64,
    owned_by: String,
    /// The name to show.
    model_display_name: String,
    /// The heading under which it is shown.
    category: String,
    /// Where the category stands, the least first.
    category_order_number: i64,
    /// Where it stands in its category, the least first.
    model_order_number: i64,
}

/// What a model is and can do.
#[derive(ToSchema)]
pub(crate) struct ModelCatalog {
    id: String,
    public_id: String,
    #[schema(example = "model.catalog")]
    object: String,
    model_display_name: String,
    description: Option<String>,
    category: String,
    category_order_number: i64,
    model_order_number: i64,
    /// `names` of the parameters that it takes.
    #[schema(value_type = Object)]
    supported_parameters: Value,
    /// What it reads and writes.
    #[schema(value_type = Object)]
    architecture: Value,
    tags: Vec<String>,
    /// How many tokens it can read.
    context_length: Option<u64>,
    active: bool,
    /// What its provider says of it in its own words.
    #[schema(value_type = Object)]
    extras: Value,
    status: String,
    family: Option<String>,
    experimental: bool,
    supports_tools: bool,
    supports_reasoning: bool,
    supports_images: bool,
    supports_browser: bool,
    supports_instruct: bool,
    supports_embeddings: bool,
    supports_audio: bool,
    supports_video: bool,
    created_at: u64,
    updated_at: u64,
}

/// A prompt that is to go on. Any other field is passed on to the model.
#[derive(ToSchema)]
pub(crate) struct CompletionRequest {
    /// A name from `GET /v1/models`.
    #[schema(example = "SmolLM2-135M-Instruct")]
    model: String,
    /// A text, an array of texts, or tokens of the model; each gets a choice.
    #[schema(value_type = Value, example = "Once upon a time")]
    prompt: Value,
    /// What follows the text that is asked for, for models that can fill in.
    suffix: Option<String>,
    /// Default, as OpenAI has it, where the model is a local one: 16.
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

/// How a text goes on; a chunk of a stream looks the same.
#[derive(ToSchema)]
pub(crate) struct Completion {
    id: String,
    #[schema(example = "text_completion")]
    object: String,
    created: u64,
    model: String,
    choices: Vec<CompletionChoice>,
    usage: Option<Usage>,
}

/// One way in which it goes on.
#[derive(ToSchema)]
pub(crate) struct CompletionChoice {
    index: u32,
    text: String,
    #[schema(value_type = Option<Value>)]
    logprobs: Option<Value>,
    /// `stop`, `length` or `content_filter`; `null` in the chunks before.
    finish_reason: Option<String>,
}

/// Texts to turn into vectors.
#[derive(ToSchema)]
pub(crate) struct EmbeddingRequest {
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
pub(crate) struct EmbeddingList {
    #[schema(example = "list")]
    object: String,
    data: Vec<Embedding>,
    model: String,
}

/// One vector.
#[derive(ToSchema)]
pub(crate) struct Embedding {
    index: u32,
    #[schema(value_type = Vec<f32>)]
    embedding: Value,
}

/// A pair of tokens.
#[derive(ToSchema)]
pub(crate) struct Tokens {
    user_id: String,
    access_token: String,
    refresh_token: String,
    #[schema(example = "Bearer")]
    token_type: String,
    /// Seconds.
    #[schema(example = 300)]
    expires_in: u64,
    /// Seconds since the Unix epoch.
    expires_at: u64,
}

/// The first tokens of a guest, and who it is.
#[derive(ToSchema)]
pub(crate) struct GuestTokens {
    user_id: String,
    /// The same id, as the original names it.
    principal_id: String,
    /// What `GET /v1/users/me` says as well.
    username: String,
    access_token: String,
    refresh_token: String,
    #[schema(example = "Bearer")]
    token_type: String,
    /// Seconds.
    #[schema(example = 300)]
    expires_in: u64,
    /// Seconds since the Unix epoch.
    expires_at: u64,
}

/// The token to refresh with.
#[derive(ToSchema)]
pub(crate) struct RefreshRequest {
    refresh_token: String,
}

/// A state in one word.
#[derive(ToSchema)]
pub(crate) struct Status {
    status: String,
}

/// What the server says of itself.
#[derive(ToSchema)]
pub(crate) struct Home {
    #[schema(example = "Jan Server")]
    name: String,
    version: String,
    #[schema(example = "v1")]
    api: String,
    /// Where Swagger UI is, if it is served.
    documentation: Option<String>,
    /// Where this document is, if it is served.
    openapi: Option<String>,
}

/// This document.
#[derive(ToSchema)]
pub(crate) struct OpenApi {
    #[schema(example = "3.1.0")]
    openapi: String,
    #[schema(value_type = Object)]
    info: Value,
    servers: Vec<Value>,
    #[schema(value_type = Object)]
    paths: Value,
    #[schema(value_type = Object)]
    components: Value,
}

/// What runs.
#[derive(ToSchema)]
pub(crate) struct Version {
    version: String,
    /// RFC 3339.
    env_reloaded_at: String,
}
