//! A chat request. The members of OpenAI's body that this server acts on are checked; all others are forwarded
//! unchanged.

use std::borrow::Cow;

use serde::Deserialize;

use super::Message;
use crate::json::JsonObject;
use crate::request::{ModelRequest, RequestKind};
use crate::{Error, Result};

/// The longest accepted model name, in bytes.
const MAX_MODEL: usize = 256;

/// The body of a chat request. Clones share its bytes.
pub type ChatRequest = ModelRequest<ChatKind>;

/// The marker type of [`ChatRequest`].
#[derive(Debug, Clone, Copy)]
pub enum ChatKind {}

impl RequestKind for ChatKind {
    const STREAMS: bool = true;

    /// Requires a model name and a non-empty list of messages, and checks well-known parameters.
    fn check(object: &JsonObject, model: &str) -> Result<()> {
        if model.is_empty() || model.len() > MAX_MODEL {
            return Err(Error::invalid("model", "`model` must be a name of 1 to 256 bytes."));
        }
        check_messages(object.raw("messages").ok_or_else(|| Error::missing("messages"))?)?;
        object.members().try_for_each(|(key, raw)| check_parameter(key, raw))
    }
}

impl ChatRequest {
    /// A request to `model` without messages yet.
    pub fn new(model: impl Into<String>) -> Self {
        Self::empty(model).with("messages", &[(); 0])
    }

    /// The messages, parsed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `messages` when one of them cannot be parsed.
    pub fn messages(&self) -> Result<Vec<Message>> {
        Ok(self.get("messages")?.unwrap_or_default())
    }

    /// Adds a message.
    #[must_use]
    pub fn message(self, message: Message) -> Self {
        let mut messages = self.messages().unwrap_or_default();
        messages.push(message);
        self.with("messages", &messages)
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
}

/// Checks that every message is an object with a role. The provider checks everything else in it.
fn check_messages(raw: &[u8]) -> Result<()> {
    let heads: Vec<Head<'_>> = match serde_json::from_slice(raw) {
        Ok(heads) => heads,
        Err(error) => return Err(name_bad_message(raw, &error)),
    };
    if heads.is_empty() {
        return Err(Error::invalid("messages", "`messages` must hold at least one message."));
    }
    match heads.iter().position(|head| head.role.is_empty()) {
        None => Ok(()),
        Some(i) => Err(Error::invalid(
            format!("messages[{i}].role"),
            format!("`messages[{i}].role` must not be empty."),
        )),
    }
}

/// Parses the messages one by one to find out which is wrong. Slow, so used only to report an error.
fn name_bad_message(raw: &[u8], error: &serde_json::Error) -> Error {
    let Ok(values) = serde_json::from_slice::<Vec<&serde_json::value::RawValue>>(raw) else {
        return Error::invalid("messages", "`messages` must be an array of messages.");
    };
    for (i, value) in values.iter().enumerate() {
        if let Err(error) = serde_json::from_str::<Head<'_>>(value.get()) {
            let param = if value.get().starts_with('{') {
                format!("messages[{i}].role")
            } else {
                format!("messages[{i}]")
            };
            return Error::invalid(param.clone(), format!("`{param}` is not valid: {error}."));
        }
    }
    Error::invalid("messages", format!("`messages` is not valid: {error}."))
}

/// Checks a parameter whose type and range OpenAI's specification fixes. Other parameters are not checked.
pub(crate) fn check_parameter(key: &str, raw: &[u8]) -> Result<()> {
    if raw == b"null" {
        return Ok(());
    }
    match key {
        "temperature" => number(key, raw, 0.0, 2.0),
        "top_p" => number(key, raw, 0.0, 1.0),
        "frequency_penalty" | "presence_penalty" => number(key, raw, -2.0, 2.0),
        "n" => whole(key, raw, 1, 128),
        "top_logprobs" => whole(key, raw, 0, 20),
        "max_tokens" | "max_completion_tokens" => whole(key, raw, 1, i64::from(u32::MAX)),
        "seed" => whole(key, raw, i64::MIN, i64::MAX),
        "stream" | "logprobs" | "parallel_tool_calls" | "store" => flag(key, raw),
        "tools" => opens_with(key, raw, b'[', "an array"),
        "stream_options" | "response_format" | "metadata" | "logit_bias" => {
            opens_with(key, raw, b'{', "an object")
        }
        _ => Ok(()),
    }
}

pub(crate) fn flag(key: &str, raw: &[u8]) -> Result<()> {
    match raw {
        b"true" | b"false" => Ok(()),
        _ => Err(Error::invalid(key, format!("`{key}` must be true or false."))),
    }
}

fn opens_with(key: &str, raw: &[u8], first: u8, what: &str) -> Result<()> {
    if raw.first() == Some(&first) {
        return Ok(());
    }
    Err(Error::invalid(key, format!("`{key}` must be {what}.")))
}

fn number(key: &str, raw: &[u8], min: f64, max: f64) -> Result<()> {
    match serde_json::from_slice::<f64>(raw) {
        Ok(value) if (min..=max).contains(&value) => Ok(()),
        _ => Err(Error::invalid(key, format!("`{key}` must be a number from {min} to {max}."))),
    }
}

pub(crate) fn whole(key: &str, raw: &[u8], min: i64, max: i64) -> Result<()> {
    match serde_json::from_slice::<i64>(raw) {
        Ok(value) if (min..=max).contains(&value) => Ok(()),
        _ => Err(Error::invalid(key, format!("`{key}` must be a whole number from {min} to {max}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn param_of(body: &str) -> String {
        let error = ChatRequest::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap_err();
        error.param().unwrap_or("-").to_owned()
    }

    #[test]
    fn an_error_names_the_wrong_field() {
        for (body, param) in [
            (r#"{"messages":[{"role":"user"}]}"#, "model"),
            (r#"{"model":7,"messages":[{"role":"user"}]}"#, "model"),
            (r#"{"model":"","messages":[{"role":"user"}]}"#, "model"),
            (r#"{"model":"m"}"#, "messages"),
            (r#"{"model":"m","messages":null}"#, "messages"),
            (r#"{"model":"m","messages":[]}"#, "messages"),
            (r#"{"model":"m","messages":"hi"}"#, "messages"),
            (r#"{"model":"m","messages":["hi"]}"#, "messages[0]"),
            (r#"{"model":"m","messages":[{"role":"user"},{"content":"x"}]}"#, "messages[1].role"),
            (r#"{"model":"m","messages":[{"role":""}]}"#, "messages[0].role"),
            (r#"{"model":"m","messages":[{"role":"user"}],"temperature":3}"#, "temperature"),
            (r#"{"model":"m","messages":[{"role":"user"}],"stream":"yes"}"#, "stream"),
            (r#"{"model":"m","messages":[{"role":"user"}],"n":0}"#, "n"),
            (r#"{"model":"m","messages":[{"role":"user"}],"tools":{}}"#, "tools"),
            ("not json", "-"),
        ] {
            assert_eq!(param_of(body), param, "{body}");
        }
    }

    #[test]
    fn unchanged_members_are_forwarded_byte_for_byte() {
        let body = r#"{"top_k": 40, "messages":[ {"role":"user","content":"hi","x":1} ], "model":"m"}"#;
        let request = ChatRequest::parse(body.into()).unwrap();
        assert_eq!(request.to_bytes(), body);
        let routed = request.to_model("n").to_bytes();
        assert_eq!(routed, r#"{"top_k":40,"messages":[ {"role":"user","content":"hi","x":1} ],"model":"n"}"#);
    }

    #[test]
    fn usage_is_requested_only_by_include_usage() {
        let with = |options: &str| {
            let body = format!(r#"{{"model":"m","messages":[{{"role":"user"}}]{options}}}"#);
            ChatRequest::parse(body.into()).unwrap().wants_usage()
        };
        assert!(with(r#","stream_options":{"include_usage":true}"#));
        for options in ["", r#","stream_options":{}"#, r#","stream_options":{"include_usage":false}"#] {
            assert!(!with(options), "{options}");
        }
    }

    #[test]
    fn a_request_is_built_by_chained_calls() {
        let request = ChatRequest::new("jan-v1-4b").system("Be brief.").user("Hello!").stream(true);
        assert_eq!(request.messages().unwrap().len(), 2);
        let parsed = ChatRequest::parse(request.to_bytes()).unwrap();
        assert!(parsed.wants_stream());
        assert_eq!(parsed.model(), "jan-v1-4b");
    }

    proptest! {
        #[test]
        fn parse_never_panics(body in ".{0,200}") {
            let _ = ChatRequest::parse(body.into());
        }
    }
}
