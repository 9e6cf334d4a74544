//! The OpenAPI schemas of chats, with the members that are known. Requests, answers and chunks stay raw bytes; these
//! types only describe them.
#![expect(dead_code, reason = "they only describe")]

use serde_json::Value;
use utoipa::ToSchema;

/// A chat request of OpenAI's API. Any other field is passed on to the model.
#[derive(ToSchema)]
struct ChatCompletionRequest {
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
    /// The largest number of tokens to generate.
    max_completion_tokens: Option<u32>,
    /// The older name of `max_completion_tokens`.
    max_tokens: Option<u32>,
    /// A text, or up to four, at which the answer ends.
    #[schema(value_type = Option<Value>)]
    stop: Option<Value>,
    /// The number of alternative answers. Default: 1.
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
    /// The conversation that this chat continues and is stored in: its id, `{"id": …}`, or `{}` for a new one.
    #[schema(value_type = Option<Value>, example = json!({}))]
    conversation: Option<Value>,
    /// Whether the chat is stored. Default: true with a conversation. Without a conversation, `true` stores the
    /// completion by itself (`GET /v1/chat/completions`).
    store: Option<bool>,
    /// Stores the model's reasoning with its answer. Default: false.
    store_reasoning: Option<bool>,
    /// Puts the operator's instructions for thorough research before the chat. Default: false.
    deep_research: Option<bool>,
    /// With `store`: up to 16 pairs of texts, by which stored completions can be searched.
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
struct ChatMessage {
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
struct ChatCompletion {
    id: String,
    #[schema(example = "chat.completion")]
    object: String,
    created: u64,
    model: String,
    choices: Vec<ChatChoice>,
    usage: Option<Usage>,
    /// The conversation in which the chat is stored.
    conversation: Option<KeptIn>,
    /// True if the conversation was too long for the model, so that its oldest messages were omitted or shortened.
    trimmed: Option<bool>,
    /// For a completion that is stored by itself: the pairs of its request.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// The conversation in which a chat is stored.
#[derive(ToSchema)]
struct KeptIn {
    #[schema(example = "conv_0123456789abcdef")]
    id: String,
    title: Option<String>,
}

/// One of an answer's choices.
#[derive(ToSchema)]
struct ChatChoice {
    index: u32,
    message: ChatMessage,
    /// `stop`, `length`, `tool_calls` or `content_filter`.
    finish_reason: Option<String>,
}

/// One chunk of a streamed answer.
#[derive(ToSchema)]
struct ChatCompletionChunk {
    id: String,
    #[schema(example = "chat.completion.chunk")]
    object: String,
    created: u64,
    model: String,
    choices: Vec<ChunkChoice>,
    usage: Option<Usage>,
    /// In the first chunk: the conversation in which the chat is stored.
    conversation: Option<KeptIn>,
    /// In the first chunk: true if the conversation was too long for the model, so that its oldest messages were
    /// omitted or shortened.
    trimmed: Option<bool>,
}

/// What a chunk adds to one choice.
#[derive(ToSchema)]
struct ChunkChoice {
    index: u32,
    delta: ChatDelta,
    finish_reason: Option<String>,
}

/// A piece of a message.
#[derive(ToSchema)]
struct ChatDelta {
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

crate::described_by!(super::ChatRequest => ChatCompletionRequest);
crate::described_by!(super::Message => ChatMessage);
crate::described_by!(super::ChatAnswer => ChatCompletion);
crate::described_by!(super::ChatChunk => ChatCompletionChunk);
