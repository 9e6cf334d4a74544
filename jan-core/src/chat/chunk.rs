//! One chunk of a streamed answer.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::reported::{ReportedError, is_failure};
use super::{Rest, Usage, lenient, scan};
use crate::{Error, Result};

/// A chunk as one JSON text. A chunk that comes from an upstream is those very bytes; nobody parses it who does not
/// have to. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatChunk(Bytes);

impl ChatChunk {
    /// Takes JSON text as it came over the wire. It is only looked at from outside: an object, in UTF-8, in which no
    /// error is reported; what looks suspicious from there is parsed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when it is not, with the upstream's own words if it reports an error.
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
        lenient::parse(&self.0).map_err(|e| {
            Error::upstream("The model sent a chunk that is not a chat chunk.")
                .with_code("upstream_garbage")
                .because(e)
        })
    }

    /// Whether it says anything of a choice. It is not parsed for that.
    pub fn has_choices(&self) -> bool {
        scan::has_choices(&self.0)
    }

    /// Whether it says why a choice ended.
    pub fn ends_a_choice(&self) -> bool {
        !self.reasons().is_empty()
    }

    /// What the answer cost so far, if the chunk reports it.
    pub fn usage(&self) -> Option<Usage> {
        // Most chunks report nothing, which is seen without parsing them.
        scan::may_report_usage(&self.0).then(|| self.parse().ok()?.usage).flatten()
    }

    /// Why choices ended; of most chunks it is seen without parsing them that none did.
    fn reasons(&self) -> Vec<String> {
        let body = scan::may_finish(&self.0).then(|| self.parse().ok()).flatten().unwrap_or_default();
        body.choices.into_iter().filter_map(|choice| choice.finish_reason).collect()
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
    #[serde(default, deserialize_with = "lenient::name")]
    pub id: String,
    /// `chat.completion.chunk`.
    #[serde(default, deserialize_with = "lenient::name")]
    pub object: String,
    /// When the answer began, in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient::number")]
    pub created: u64,
    /// The model that speaks.
    #[serde(default, deserialize_with = "lenient::name")]
    pub model: String,
    /// What is added to which choice; empty in the chunk that carries usage.
    #[serde(default, deserialize_with = "lenient::list")]
    pub choices: Vec<ChunkChoice>,
    /// In the last chunk: what the answer cost.
    #[serde(default, deserialize_with = "lenient::usage", skip_serializing_if = "Option::is_none")]
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
    #[serde(default, deserialize_with = "lenient::index")]
    pub index: u32,
    /// What is added.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub delta: Delta,
    /// Why the choice ended; `null` until it does. An empty text says nothing.
    #[serde(default, deserialize_with = "lenient::some_name")]
    pub finish_reason: Option<String>,
    /// Everything else (`logprobs`, …).
    #[serde(flatten)]
    pub rest: Rest,
}

/// A piece of an assistant message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// `assistant`, in the first piece.
    #[serde(default, deserialize_with = "lenient::some_name", skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Text.
    #[serde(default, deserialize_with = "lenient::content", skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Thinking, as reasoning models send it; some vendors call it `reasoning` (that one is in `rest`).
    #[serde(default, deserialize_with = "lenient::content", skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Pieces of tool calls.
    #[serde(default, deserialize_with = "lenient::some_list", skip_serializing_if = "Option::is_none")]
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
    /// Which call of the message. Some upstreams leave it out, or give every call the same.
    #[serde(default, deserialize_with = "lenient::some_index", skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The call's id, in its first piece. An empty one names nothing.
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
    #[serde(default, deserialize_with = "lenient::some_name", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A piece of the arguments' JSON text.
    #[serde(default, deserialize_with = "lenient::some_arguments", skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_no_chunk() {
        for bad in [&b"not json"[..], b"", b"[1]", b"{\"a\":\"\xe2\x82\"}"] {
            let error = ChatChunk::from_wire(Bytes::copy_from_slice(bad)).unwrap_err();
            assert_eq!(error.code(), "upstream_garbage");
        }
    }

    #[test]
    fn an_error_is_no_chunk_and_no_error_is_one() {
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
    fn what_upstreams_write_oddly_is_read() {
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
    fn unknown_fields_survive_the_typed_face() {
        let text = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a","audio":{"x":1}},"finish_reason":null,"logprobs":null}],"obfuscation":"zz"}"#;
        let body = ChatChunk::from_wire(text.into()).unwrap().parse().unwrap();
        let again: serde_json::Value = serde_json::to_value(&body).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap());
    }
}
