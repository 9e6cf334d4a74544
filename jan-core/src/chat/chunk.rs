//! One chunk of a streamed answer.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::reported::{ReportedError, is_failure};
use super::{Rest, Usage, lenient, scan};
use crate::{Error, Result};

/// A chunk as JSON text. A chunk from an upstream keeps its original bytes and is parsed only when a caller needs its
/// parts. Clones share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatChunk(Bytes);

impl ChatChunk {
    /// Reads JSON text from an upstream. Only cheap checks are made: it must be an object in UTF-8 that reports no
    /// error. It is parsed only if it might report an error.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when a check fails; if the upstream reports an error, with the upstream's
    /// message.
    pub fn from_wire(json: Bytes) -> Result<Self> {
        let text = std::str::from_utf8(&json).map(str::trim);
        if !text.is_ok_and(|text| text.starts_with('{') && text.ends_with('}')) {
            return Err(
                Error::upstream("The model sent a chunk that is not JSON.").with_code("upstream_garbage")
            );
        }
        if let Some(error) = ReportedError::find(&json) {
            return Err(error);
        }
        let chunk = Self(json);
        match chunk.reasons().iter().find(|reason| is_failure(reason)) {
            Some(_) => Err(ReportedError::default().into_failure(&chunk.0)),
            None => Ok(chunk),
        }
    }

    /// Makes a chunk from typed parts.
    ///
    /// # Errors
    /// When `body` cannot be written as JSON.
    pub fn new(body: &ChunkBody) -> Result<Self> {
        Ok(Self(serde_json::to_vec(body).map_err(Error::internal)?.into()))
    }

    /// The chunk's JSON text.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The chunk parsed into its typed parts.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when it is not a chat chunk.
    pub fn parse(&self) -> Result<ChunkBody> {
        lenient::parse(&self.0).map_err(|e| {
            Error::upstream("The model sent a chunk that is not a chat chunk.")
                .with_code("upstream_garbage")
                .because(e)
        })
    }

    /// Whether the chunk has any choices. Decided without parsing the chunk.
    pub fn has_choices(&self) -> bool {
        scan::has_choices(&self.0)
    }

    /// Whether a choice ends with this chunk.
    pub fn ends_a_choice(&self) -> bool {
        !self.reasons().is_empty()
    }

    /// The tokens used so far, if the chunk reports them.
    pub fn usage(&self) -> Option<Usage> {
        // Most chunks report no usage. A search for the key shows that without parsing the chunk.
        scan::may_report_usage(&self.0).then(|| self.parse().ok()?.usage).flatten()
    }

    /// The finish reasons in this chunk. Most chunks have none, which a search shows without parsing.
    fn reasons(&self) -> Vec<String> {
        let body = scan::may_finish(&self.0).then(|| self.parse().ok()).flatten().unwrap_or_default();
        body.choices.into_iter().filter_map(|choice| choice.finish_reason).collect()
    }

    /// The text that this chunk adds to the first choice; empty when it adds none.
    pub fn text(&self) -> String {
        let first = self.parse().ok().and_then(|body| body.choices.into_iter().next());
        first.and_then(|choice| choice.delta.content).unwrap_or_default()
    }
}

/// A `chat.completion.chunk`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChunkBody {
    /// The id of the answer, the same in all its chunks.
    #[serde(default, deserialize_with = "lenient::name")]
    pub id: String,
    /// The object type: `chat.completion.chunk`.
    #[serde(default, deserialize_with = "lenient::name")]
    pub object: String,
    /// When the answer started, in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient::number")]
    pub created: u64,
    /// The model that answers.
    #[serde(default, deserialize_with = "lenient::name")]
    pub model: String,
    /// The additions to each choice; empty in the chunk that carries usage.
    #[serde(default, deserialize_with = "lenient::list")]
    pub choices: Vec<ChunkChoice>,
    /// The tokens used; only in the last chunk.
    #[serde(default, deserialize_with = "lenient::usage", skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// All other members.
    #[serde(flatten)]
    pub rest: Rest,
}

impl ChunkBody {
    /// A chunk of the answer `id` by `model`, without choices yet.
    pub fn new(id: impl Into<String>, model: impl Into<String>, created: u64) -> Self {
        let object = "chat.completion.chunk".into();
        Self { id: id.into(), object, created, model: model.into(), ..Self::default() }
    }

    /// The same chunk, which adds `delta` to the first choice.
    #[must_use]
    pub fn delta(mut self, delta: Delta) -> Self {
        self.choices = vec![ChunkChoice { delta, ..ChunkChoice::default() }];
        self
    }

    /// The same chunk, which ends the first choice with `reason` (`stop`, `length`, `tool_calls`, `content_filter`).
    #[must_use]
    pub fn finish(mut self, reason: impl Into<String>) -> Self {
        self.choices = vec![ChunkChoice { finish_reason: Some(reason.into()), ..ChunkChoice::default() }];
        self
    }

    /// The same chunk with usage and without choices.
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
    /// The index of the choice, from 0.
    #[serde(default, deserialize_with = "lenient::index")]
    pub index: u32,
    /// What the chunk adds to the choice's message.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub delta: Delta,
    /// Why the choice ended; `null` until it does. An empty text is read as `None`.
    #[serde(default, deserialize_with = "lenient::some_name")]
    pub finish_reason: Option<String>,
    /// All other members (`logprobs`, …).
    #[serde(flatten)]
    pub rest: Rest,
}

/// A piece of an assistant message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// The role `assistant`, in the first piece.
    #[serde(default, deserialize_with = "lenient::some_name", skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// A piece of the message's text.
    #[serde(default, deserialize_with = "lenient::content", skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// A piece of the model's reasoning. Some vendors call this member `reasoning`; that one is in `rest`.
    #[serde(default, deserialize_with = "lenient::content", skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Pieces of tool calls.
    #[serde(default, deserialize_with = "lenient::some_list", skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCallDelta>>,
    /// All other members.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Delta {
    /// A piece of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: Some(text.into()), ..Self::default() }
    }

    /// The first piece of a message, which contains the role.
    pub fn assistant() -> Self {
        Self { role: Some("assistant".into()), content: Some(String::new()), ..Self::default() }
    }
}

/// A piece of a tool call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolCallDelta {
    /// The index of the call within the message. Some upstreams omit it, or give all calls the same index.
    #[serde(default, deserialize_with = "lenient::some_index", skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The call's id, in its first piece. An empty text is read as `None`.
    #[serde(default, deserialize_with = "lenient::some_name", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `function` or `custom`, in its first piece.
    #[serde(
        rename = "type",
        default,
        deserialize_with = "lenient::some_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub kind: Option<String>,
    /// A piece of the name and arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionDelta>,
    /// All other members.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A piece of a call's name and arguments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FunctionDelta {
    /// The name, in the call's first piece.
    #[serde(default, deserialize_with = "lenient::some_name", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A piece of the arguments' JSON text.
    #[serde(default, deserialize_with = "lenient::some_arguments", skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    /// All other members.
    #[serde(flatten)]
    pub rest: Rest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_a_json_object_is_refused() {
        for bad in [&b"not json"[..], b"", b"[1]", b"{\"a\":\"\xe2\x82\"}"] {
            let error = ChatChunk::from_wire(Bytes::copy_from_slice(bad)).unwrap_err();
            assert_eq!(error.code(), "upstream_garbage");
        }
    }

    #[test]
    fn a_chunk_that_reports_an_error_is_refused_and_an_empty_error_is_not() {
        let read = |text: &'static str| ChatChunk::from_wire(text.into());
        for bad in [
            r#"{"choices":[{"delta":{},"finish_reason":"insufficient_system_resource"}]}"#,
            r#"{"choices":[{"delta":{"content":"x"}}],"error":{"message":"gone"}}"#,
        ] {
            assert_eq!(read(bad).unwrap_err().kind(), crate::ErrorKind::Upstream, "{bad}");
        }
        let chunk =
            read(r#"{"error":null,"choices":[{"delta":{"content":"a"},"finish_reason":""}]}"#).unwrap();
        assert!(chunk.has_choices() && !chunk.ends_a_choice() && chunk.usage().is_none());
        let last = read(r#"{"choices":[],"usage":{"prompt_tokens":1.0,"total_tokens":"3"}}"#).unwrap();
        assert!(!last.has_choices());
        assert_eq!(last.usage().map(|usage| (usage.prompt_tokens, usage.total_tokens)), Some((1, 3)));
    }

    #[test]
    fn chunks_that_deviate_from_the_specification_are_read() {
        let odd = r#"{"id":null,"created":1.5,"model":7,"usage":[],"choices":[null,{"index":null,"delta":null},
            {"index":"1","delta":{"content":[{"type":"text","text":"a"}],"tool_calls":[null,
            {"index":null,"id":"","function":{"name":null,"arguments":{"a":1}}}]},"finish_reason":""}]}"#;
        let body = ChatChunk::from_wire(odd.into()).unwrap().parse().unwrap();
        assert_eq!((body.id.as_str(), body.created, body.model.as_str(), body.usage), ("", 1, "7", None));
        let last = &body.choices[1];
        assert_eq!((last.index, last.delta.content.as_deref(), &last.finish_reason), (1, Some("a"), &None));
        let call = &last.delta.tool_calls.as_ref().unwrap()[0];
        assert_eq!((call.index, &call.id), (None, &None));
        assert_eq!(call.function.as_ref().unwrap().arguments.as_deref(), Some(r#"{"a":1}"#));
        let twice = r#"{"id":"a","id":"b","choices":[{"delta":{"content":"\ud83d"}}]}"#;
        assert_eq!(ChatChunk::from_wire(twice.into()).unwrap().parse().unwrap().id, "b");
    }

    #[test]
    fn unknown_fields_survive_parsing_and_writing() {
        let text = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a","audio":{"x":1}},"finish_reason":null,"logprobs":null}],"obfuscation":"zz"}"#;
        let body = ChatChunk::from_wire(text.into()).unwrap().parse().unwrap();
        let again: serde_json::Value = serde_json::to_value(&body).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap());
    }
}
