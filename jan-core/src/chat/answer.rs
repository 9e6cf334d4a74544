//! A whole answer, not streamed.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::reported::{ReportedError, is_failure};
use super::{Message, Rest, Usage, lenient};
use crate::json::JsonObject;
use crate::{Error, Result, id};

/// A `chat.completion` as the bytes it came in. Cloning shares them.
#[derive(Debug, Clone)]
pub struct ChatAnswer(JsonObject);

impl ChatAnswer {
    /// Takes an answer as an upstream gave it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when it is no JSON object with `choices`, each with what was said and why it ended,
    /// or when an error is reported in it: neither nonsense nor half an answer is passed on as success.
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

    fn checked(json: Bytes, says: fn(&Outline<'_>) -> bool) -> Result<Self> {
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
        if !choices.iter().all(|choice| says(choice)) {
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
        lenient::parse(&self.0.to_bytes()).map_err(|e| {
            let error = Error::upstream("The model's answer is not a chat completion.");
            error.with_code("upstream_garbage").because(e)
        })
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

/// As much of a choice as tells whether it is whole.
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
    /// `chat.completion`.
    #[serde(default, deserialize_with = "lenient::name")]
    pub object: String,
    /// Seconds since the Unix epoch.
    #[serde(default, deserialize_with = "lenient::number")]
    pub created: u64,
    /// The model that spoke.
    #[serde(default, deserialize_with = "lenient::name")]
    pub model: String,
    /// The answers, as many as `n` asked for.
    #[serde(default, deserialize_with = "lenient::list")]
    pub choices: Vec<Choice>,
    /// What it cost.
    #[serde(default, deserialize_with = "lenient::usage", skip_serializing_if = "Option::is_none")]
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
    #[serde(default, deserialize_with = "lenient::index")]
    pub index: u32,
    /// What was said.
    #[serde(default, deserialize_with = "spoken")]
    pub message: Message,
    /// Why it ended. An empty text says nothing.
    #[serde(default, deserialize_with = "lenient::some_name")]
    pub finish_reason: Option<String>,
    /// Everything else (`logprobs`, …).
    #[serde(flatten)]
    pub rest: Rest,
}

/// A message of the assistant, also where an upstream does not say whose it is.
fn spoken<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Message, D::Error> {
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
    fn what_is_no_whole_answer_is_an_error() {
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
    fn an_odd_answer_is_read() {
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
