//! The types of OpenAI's chat API.
//!
//! [`ChatRequest`], [`ChatChunk`] and [`ChatAnswer`] keep the bytes that came over the network, with methods that read
//! and change single members. Fields of vendors and of future versions are forwarded unchanged. [`Message`],
//! [`ChunkBody`] and [`AnswerBody`] are the typed forms, for code that reads or writes everything; each keeps unknown
//! members in `rest`.

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

/// The members of a JSON object for which a typed form has no field.
pub type Rest = serde_json::Map<String, serde_json::Value>;

/// Tokens used by one call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    #[serde(default, deserialize_with = "lenient::number")]
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    #[serde(default, deserialize_with = "lenient::number")]
    pub completion_tokens: u64,
    /// The sum of both.
    #[serde(default, deserialize_with = "lenient::number")]
    pub total_tokens: u64,
    /// Details that some providers add (cached tokens, reasoning tokens, cost).
    #[serde(flatten)]
    pub rest: Rest,
}

impl Usage {
    /// The usage of a call with `prompt` tokens of input and `completion` tokens of output.
    pub fn new(prompt: u64, completion: u64) -> Self {
        let total_tokens = prompt.saturating_add(completion);
        Self { prompt_tokens: prompt, completion_tokens: completion, total_tokens, rest: Rest::new() }
    }
}
