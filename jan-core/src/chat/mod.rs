//! The vocabulary of chat, in OpenAI's own shapes.
//!
//! What comes over the wire is kept as the bytes it came in and read only as far as somebody looks: [`ChatRequest`],
//! [`ChatChunk`] and [`ChatAnswer`] are those bytes with readers and writers around them, so vendor fields and fields
//! of next year pass through untouched. [`Message`], [`ChunkBody`] and [`AnswerBody`] are the typed faces for those
//! who want to read or write everything; each keeps what it does not know in `rest`.

mod answer;
mod build;
mod chunk;
mod collect;
mod lenient;
mod message;
mod reported;
mod request;
mod scan;
#[cfg(feature = "openapi")]
pub(crate) mod schema;
mod stream;

pub use answer::{AnswerBody, ChatAnswer, Choice};
pub use chunk::{ChatChunk, ChunkBody, ChunkChoice, Delta, FunctionDelta, ToolCallDelta};
pub use collect::{Collector, MAX_COLLECTED};
pub use message::{Content, FunctionCall, Message, Part, ToolCall};
pub use reported::ReportedError;
pub use request::{ChatKind, ChatRequest};
pub(crate) use request::{check_parameter, flag, whole};
pub use stream::{ChatReply, ChatStream};

use serde::{Deserialize, Serialize};

/// The members of a JSON object that a typed face does not name.
pub type Rest = serde_json::Map<String, serde_json::Value>;

/// Tokens used by one call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    #[serde(default, deserialize_with = "lenient::number")]
    pub prompt_tokens: u64,
    /// Tokens written.
    #[serde(default, deserialize_with = "lenient::number")]
    pub completion_tokens: u64,
    /// Both together.
    #[serde(default, deserialize_with = "lenient::number")]
    pub total_tokens: u64,
    /// Details that some providers add (cached tokens, reasoning tokens, cost).
    #[serde(flatten)]
    pub rest: Rest,
}

impl Usage {
    /// Usage of a call that read `prompt` tokens and wrote `completion` tokens.
    pub fn new(prompt: u64, completion: u64) -> Self {
        let total_tokens = prompt.saturating_add(completion);
        Self { prompt_tokens: prompt, completion_tokens: completion, total_tokens, rest: Rest::new() }
    }
}
