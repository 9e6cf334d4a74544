//! A whole answer, not streamed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Message, Rest, Usage};
use crate::json::JsonObject;
use crate::{Error, Result, id};

/// A `chat.completion` as the bytes it came in. Cloning shares them.
#[derive(Debug, Clone)]
pub struct ChatAnswer(JsonObject);

impl ChatAnswer {
    /// Takes an answer as an upstream gave it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when it is no JSON object with `choices`: nonsense is never passed on as success.
    pub fn from_wire(json: Bytes) -> Result<Self> {
        let garbage = |message| Error::upstream(message).code("upstream_garbage");
        let object =
            JsonObject::parse(json).map_err(|e| garbage("The model's answer is not JSON.").because(e))?;
        if object.raw("choices").is_none_or(|raw| !raw.starts_with(b"[")) {
            return Err(garbage("The model's answer holds no choices."));
        }
        Ok(Self(object))
    }

    /// Writes an answer.
    ///
    /// # Errors
    /// When `rest` holds something that is no JSON.
    pub fn new(body: &AnswerBody) -> Result<Self> {
        let bytes = serde_json::to_vec(body).map_err(Error::internal)?;
        Ok(Self(JsonObject::parse(bytes.into())?))
    }

    /// An answer of plain text, without usage: the shortest way for an own model.
    ///
    /// # Errors
    /// Never for a plain text; the signature is that of [`ChatAnswer::new`].
    pub fn text(model: impl Into<String>, text: impl Into<String>) -> Result<Self> {
        Self::new(&AnswerBody::text(model, text))
    }

    /// The answer's JSON text.
    pub fn to_bytes(&self) -> Bytes {
        self.0.to_bytes()
    }

    /// The answer, typed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when it is no chat completion.
    pub fn parse(&self) -> Result<AnswerBody> {
        self.0.to().map_err(|e| Error::upstream("The model's answer is not a chat completion.").because(e))
    }

    /// What it cost, if the model says so.
    pub fn usage(&self) -> Option<Usage> {
        self.0.get("usage").ok().flatten()
    }

    /// Its members, to read or to add to.
    pub fn object_mut(&mut self) -> &mut JsonObject {
        &mut self.0
    }
}

/// A `chat.completion`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerBody {
    /// The answer's id.
    #[serde(default)]
    pub id: String,
    /// `chat.completion`.
    #[serde(default)]
    pub object: String,
    /// Seconds since the Unix epoch.
    #[serde(default)]
    pub created: u64,
    /// The model that spoke.
    #[serde(default)]
    pub model: String,
    /// The answers, as many as `n` asked for.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

impl AnswerBody {
    /// An answer of plain text.
    pub fn text(model: impl Into<String>, text: impl Into<String>) -> Self {
        let message = Message::new("assistant", text);
        let choice = Choice { message, finish_reason: Some("stop".into()), ..Choice::default() };
        Self {
            id: id::short("chatcmpl-"),
            object: "chat.completion".into(),
            model: model.into(),
            choices: vec![choice],
            ..Self::default()
        }
    }
}

/// One of an answer's choices.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Which one.
    #[serde(default)]
    pub index: u32,
    /// What was said.
    #[serde(default)]
    pub message: Message,
    /// Why it ended.
    #[serde(default)]
    pub finish_reason: Option<String>,
    /// Everything else (`logprobs`, …).
    #[serde(flatten)]
    pub rest: Rest,
}
