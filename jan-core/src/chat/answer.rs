//! A whole answer, as opposed to a stream.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::reported::{ReportedError, is_failure};
use super::{Message, Rest, Usage, lenient};
use crate::json::JsonObject;
use crate::{Error, Result, id};

/// A `chat.completion`, kept as the bytes it was read from. Clones share them.
#[derive(Debug, Clone)]
pub struct ChatAnswer(JsonObject);

impl ChatAnswer {
    /// Reads an answer from an upstream.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when it is not a JSON object with `choices`, when a choice has no message or no
    /// finish reason, or when the answer reports an error. A broken or incomplete answer is never passed on as a
    /// success.
    pub fn from_wire(json: Bytes) -> Result<Self> {
        Self::checked(json, |choice| choice.has_message())
    }

    /// The same for a text completion, whose choices hold `text` in place of a message.
    ///
    /// # Errors
    /// As [`ChatAnswer::from_wire`].
    pub fn completion_from_wire(json: Bytes) -> Result<Self> {
        Self::checked(json, |choice| choice.has_text())
    }

    fn checked(json: Bytes, has_content: fn(&Outline<'_>) -> bool) -> Result<Self> {
        if let Some(error) = ReportedError::find(&json) {
            return Err(error);
        }
        let garbage = |message| Error::upstream(message).with_code("upstream_garbage");
        let object =
            JsonObject::parse(json).map_err(|e| garbage("The model's answer is not JSON.").because(e))?;
        let choices: Option<Vec<Outline<'_>>> =
            object.get("choices").map_err(|e| garbage("The model's answer holds no choices.").because(e))?;
        let choices = choices.unwrap_or_default();
        if choices.is_empty() {
            return Err(garbage("The model's answer holds no choices."));
        }
        if !choices.iter().all(|choice| has_content(choice)) {
            return Err(garbage("The model's answer holds a choice that says nothing."));
        }
        for choice in &choices {
            match choice.finish_reason.as_deref() {
                Some(reason) if is_failure(reason) => {
                    return Err(ReportedError::default().into_failure(&object.to_bytes()));
                }
                Some(_) => {}
                None => {
                    return Err(Error::upstream("The model's answer broke off.").with_code("upstream_cut"));
                }
            }
        }
        Ok(Self(object))
    }

    /// Makes an answer from typed parts.
    ///
    /// # Errors
    /// When `body` cannot be written as JSON.
    pub fn new(body: &AnswerBody) -> Result<Self> {
        let bytes = serde_json::to_vec(body).map_err(Error::internal)?;
        Ok(Self(JsonObject::parse(bytes.into())?))
    }

    /// An answer of plain text, without usage: the simplest reply for a custom model.
    ///
    /// # Errors
    /// Never for plain text; the result type is that of [`ChatAnswer::new`].
    pub fn text(model: impl Into<String>, text: impl Into<String>) -> Result<Self> {
        Self::new(&AnswerBody::text(model, text))
    }

    /// The answer's JSON text.
    pub fn to_bytes(&self) -> Bytes {
        self.0.to_bytes()
    }

    /// The answer parsed into its typed parts.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when it is not a chat completion.
    pub fn parse(&self) -> Result<AnswerBody> {
        lenient::parse(&self.0.to_bytes()).map_err(|e| {
            let error = Error::upstream("The model's answer is not a chat completion.");
            error.with_code("upstream_garbage").because(e)
        })
    }

    /// The tokens used, if the model reports them.
    pub fn usage(&self) -> Option<Usage> {
        self.0.get("usage").ok().flatten()
    }

    /// The members of the answer, to be read or changed.
    pub fn object_mut(&mut self) -> &mut JsonObject {
        &mut self.0
    }
}

/// The members of a choice that show whether it is complete.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient::some_name")]
    finish_reason: Option<String>,
}

impl Outline<'_> {
    fn has_message(&self) -> bool {
        let message = self.message.map_or("", RawValue::get);
        message.strip_prefix('{').is_some_and(|inside| inside.trim_start() != "}")
    }

    fn has_text(&self) -> bool {
        self.text.is_some_and(|text| text.get().starts_with('"'))
    }
}

/// A `chat.completion`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerBody {
    /// The answer's id.
    #[serde(default, deserialize_with = "lenient::name")]
    pub id: String,
    /// The object type: `chat.completion`.
    #[serde(default, deserialize_with = "lenient::name")]
    pub object: String,
    /// The creation time in seconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient::number")]
    pub created: u64,
    /// The model that answered.
    #[serde(default, deserialize_with = "lenient::name")]
    pub model: String,
    /// The alternative answers, as many as the request's `n`.
    #[serde(default, deserialize_with = "lenient::list")]
    pub choices: Vec<Choice>,
    /// The tokens used.
    #[serde(default, deserialize_with = "lenient::usage", skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// All other members.
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
    /// The index of the choice, from 0.
    #[serde(default, deserialize_with = "lenient::index")]
    pub index: u32,
    /// The answer's message.
    #[serde(default, deserialize_with = "assistant_message")]
    pub message: Message,
    /// Why the choice ended. An empty text is read as `None`.
    #[serde(default, deserialize_with = "lenient::some_name")]
    pub finish_reason: Option<String>,
    /// All other members (`logprobs`, …).
    #[serde(flatten)]
    pub rest: Rest,
}

/// Reads a message; the role is `assistant` when an upstream omits it.
fn assistant_message<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Message, D::Error> {
    let mut message: Message = lenient::or_default(deserializer)?;
    if message.role.is_empty() {
        message.role = "assistant".into();
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_answer_is_an_error() {
        for (json, code) in [
            ("<html>", "upstream_garbage"),
            ("{}", "upstream_garbage"),
            (r#"{"choices":null}"#, "upstream_garbage"),
            (r#"{"choices":[]}"#, "upstream_garbage"),
            (r#"{"choices":"text"}"#, "upstream_garbage"),
            (r#"{"choices":[{"index":0,"finish_reason":"stop"}]}"#, "upstream_garbage"),
            (r#"{"choices":[{"message":null,"finish_reason":"stop"}]}"#, "upstream_garbage"),
            (r#"{"choices":[{"message":{},"finish_reason":"stop"}]}"#, "upstream_garbage"),
            (r#"{"choices":[{"message":{"content":"a"}}]}"#, "upstream_cut"),
            (r#"{"choices":[{"message":{"content":"a"},"finish_reason":""}]}"#, "upstream_cut"),
            (r#"{"choices":[{"message":{"content":"a"},"finish_reason":"error"}]}"#, "upstream_error"),
            (r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"error":{"code":"x"}}"#, "x"),
            (r#"{"error":{"code":"x"}}"#, "x"),
        ] {
            let error = ChatAnswer::from_wire(json.into()).unwrap_err();
            assert_eq!((error.kind(), error.code()), (crate::ErrorKind::Upstream, code), "{json}");
        }
    }

    #[test]
    fn an_answer_that_deviates_from_the_specification_is_read() {
        let odd = r#"{"id":null,"created":1.5,"error":null,"usage":{"total_tokens":3.0},"choices":[{"index":null,
            "message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"finish_reason":"stop"}]}"#;
        let answer = ChatAnswer::from_wire(odd.into()).unwrap();
        assert_eq!(answer.usage().unwrap().total_tokens, 3);
        let message = &answer.parse().unwrap().choices[0].message;
        let call = &message.tool_calls.as_ref().unwrap()[0];
        assert_eq!((message.role.as_str(), call.kind.as_str()), ("assistant", "function"));
        assert_eq!(call.function.arguments, r#"{"a":1}"#);
    }
}
