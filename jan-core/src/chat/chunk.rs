//! One chunk of a streamed answer.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Rest, Usage};
use crate::{Error, Result};

/// A chunk as one JSON text. A chunk that comes from an upstream is those very bytes; nobody parses it who does not
/// have to. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatChunk(Bytes);

impl ChatChunk {
    /// Takes JSON text as it came over the wire. It is only looked at from outside: an object, in UTF-8.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when it is not.
    pub fn from_wire(json: Bytes) -> Result<Self> {
        let text = std::str::from_utf8(&json).map(str::trim);
        match text {
            Ok(text) if text.starts_with('{') && text.ends_with('}') => Ok(Self(json)),
            _ => Err(Error::upstream("The model sent a chunk that is not JSON.").code("upstream_garbage")),
        }
    }

    /// Writes a chunk.
    ///
    /// # Errors
    /// When `rest` holds something that is no JSON.
    pub fn new(body: &ChunkBody) -> Result<Self> {
        Ok(Self(serde_json::to_vec(body).map_err(Error::internal)?.into()))
    }

    /// The chunk's JSON text.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The chunk, typed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when it is no chat chunk.
    pub fn parse(&self) -> Result<ChunkBody> {
        serde_json::from_slice(&self.0).map_err(|e| {
            Error::upstream("The model sent a chunk that is not a chat chunk.")
                .code("upstream_garbage")
                .because(e)
        })
    }

    /// The text this chunk adds to the first choice; empty when it adds none.
    pub fn text(&self) -> String {
        let first = self.parse().ok().and_then(|body| body.choices.into_iter().next());
        first.and_then(|choice| choice.delta.content).unwrap_or_default()
    }
}

/// A `chat.completion.chunk`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChunkBody {
    /// The same in every chunk of an answer.
    #[serde(default)]
    pub id: String,
    /// `chat.completion.chunk`.
    #[serde(default)]
    pub object: String,
    /// When the answer began, in seconds since the Unix epoch.
    #[serde(default)]
    pub created: u64,
    /// The model that speaks.
    #[serde(default)]
    pub model: String,
    /// What is added to which choice; empty in the chunk that carries usage.
    #[serde(default)]
    pub choices: Vec<ChunkChoice>,
    /// In the last chunk: what the answer cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

impl ChunkBody {
    /// A chunk of the answer `id` by `model`, adding nothing yet.
    pub fn new(id: impl Into<String>, model: impl Into<String>, created: u64) -> Self {
        let object = "chat.completion.chunk".into();
        Self { id: id.into(), object, created, model: model.into(), ..Self::default() }
    }

    /// The same chunk adding `delta` to the first choice.
    #[must_use]
    pub fn delta(mut self, delta: Delta) -> Self {
        self.choices = vec![ChunkChoice { delta, ..ChunkChoice::default() }];
        self
    }

    /// The same chunk ending the first choice with `reason` (`stop`, `length`, `tool_calls`, `content_filter`).
    #[must_use]
    pub fn finish(mut self, reason: impl Into<String>) -> Self {
        self.choices = vec![ChunkChoice { finish_reason: Some(reason.into()), ..ChunkChoice::default() }];
        self
    }

    /// The same chunk carrying usage and no choice.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.choices.clear();
        self.usage = Some(usage);
        self
    }
}

/// What one chunk adds to one choice.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChunkChoice {
    /// Which choice, when `n` is more than one.
    #[serde(default)]
    pub index: u32,
    /// What is added.
    #[serde(default)]
    pub delta: Delta,
    /// Why the choice ended; `null` until it does.
    #[serde(default)]
    pub finish_reason: Option<String>,
    /// Everything else (`logprobs`, …).
    #[serde(flatten)]
    pub rest: Rest,
}

/// A piece of an assistant message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// `assistant`, in the first piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Thinking, as reasoning models send it; some vendors call it `reasoning` (that one is in `rest`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Pieces of tool calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCallDelta>>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Delta {
    /// A piece of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: Some(text.into()), ..Self::default() }
    }

    /// The opening piece, which names the role.
    pub fn assistant() -> Self {
        Self { role: Some("assistant".into()), content: Some(String::new()), ..Self::default() }
    }
}

/// A piece of a tool call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolCallDelta {
    /// Which call of the message.
    #[serde(default)]
    pub index: u32,
    /// The call's id, in its first piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `function`, in its first piece.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name and arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionDelta>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A piece of a call's name and arguments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FunctionDelta {
    /// The name, in the call's first piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A piece of the arguments' JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_no_chunk() {
        for bad in [&b"not json"[..], b"", b"[1]", b"{\"a\":\"\xe2\x82\"}"] {
            let error = ChatChunk::from_wire(Bytes::copy_from_slice(bad)).unwrap_err();
            assert_eq!(error.get_code(), "upstream_garbage");
        }
    }

    #[test]
    fn unknown_fields_survive_the_typed_face() {
        let text = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a","audio":{"x":1}},"finish_reason":null,"logprobs":null}],"obfuscation":"zz"}"#;
        let body = ChatChunk::from_wire(text.into()).unwrap().parse().unwrap();
        let again: serde_json::Value = serde_json::to_value(&body).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap());
    }
}
