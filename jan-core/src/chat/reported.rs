//! Errors that upstreams report: as the body of a refusal, and inside what looks like a success. They come in many
//! shapes, and each of them is an error; an answer that merely speaks of errors is none.

use serde_json::Value;

use super::{lenient, scan};
use crate::Error;

/// How much of an upstream's message is passed on, in characters.
const MAX_MESSAGE: usize = 2000;
/// How much of it the log gets.
const MAX_LOGGED: usize = 200;
/// Reasons to finish by which a model says that its answer broke off.
const FAILURES: [&str; 5] = ["error", "network_error", "abort", "aborted", "insufficient_system_resource"];

/// What an upstream wrote of an error, as far as it follows one of the usual shapes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedError {
    /// What happened.
    pub message: Option<String>,
    /// The machine-readable code, if it is a text.
    pub code: Option<String>,
    /// The parameter at fault.
    pub param: Option<String>,
}

impl ReportedError {
    /// Reads a body that is known to report an error: `{"error": {…}}`, `{"error": "…"}`, `{"message": …}`,
    /// `{"detail": …}`. Of anything else nothing is known.
    pub fn read(body: &[u8]) -> Self {
        lenient::parse::<Value>(body).map(|value| Self::of(&value)).unwrap_or_default()
    }

    fn of(body: &Value) -> Self {
        let filled = |value: &&Value| !says_nothing(value);
        let choices = body.get("choices").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let error = body
            .get("error")
            .filter(filled)
            .or_else(|| body.get("errors").filter(filled).map(|errors| errors.get(0).unwrap_or(errors)))
            .or_else(|| body.pointer("/x_groq/error").filter(filled))
            .or_else(|| choices.iter().find_map(error_of_choice));
        let text = |value: Option<&Value>| {
            let text = value.and_then(Value::as_str).filter(|text| !text.is_empty())?;
            Some(text.chars().take(MAX_MESSAGE).collect::<String>())
        };
        let member = |name| text(error.and_then(|error| error.get(name))).or_else(|| text(body.get(name)));
        Self {
            message: member("message").or_else(|| text(error)).or_else(|| member("detail")),
            code: member("code"),
            param: member("param"),
        }
    }

    /// The error that stands in `json`, a reply with a success's status or an event of one; `None` when there is none.
    ///
    /// It is parsed only when it says `error` somewhere, or holds nothing that an answer holds.
    pub fn find(json: &[u8]) -> Option<Error> {
        let answers = [&scan::CHOICES, &scan::DATA, &scan::PICTURE].iter().any(|key| scan::holds(json, key));
        if answers && !scan::holds(json, &scan::ERROR) {
            return None;
        }
        let value: Value = match lenient::parse(json) {
            Ok(value) => value,
            Err(error) => {
                let message = "The model sent something that is not JSON.";
                return Some(Error::upstream(message).with_code("upstream_garbage").because(error));
            }
        };
        reports_error(&value).then(|| Self::of(&value).into_failure(json))
    }

    /// The failure of a model that reported this in the middle of its answer.
    pub fn into_failure(self, json: &[u8]) -> Error {
        let logged: String = String::from_utf8_lossy(json).chars().take(MAX_LOGGED).collect();
        let message = self.message.unwrap_or_else(|| "The model failed in the middle of its answer.".into());
        let error = Error::upstream(message).because(format!("the upstream reported: {logged}"));
        match self.code {
            Some(code) => error.with_code(code),
            None => error,
        }
    }
}

/// `null`, an empty text, and an object all of whose members say nothing: how servers write that there is no error.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(told) => !told,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.iter().all(says_nothing),
        Value::Object(members) => members.values().all(says_nothing),
    }
}

fn reports_error(body: &Value) -> bool {
    let told = |pointer: &str| body.pointer(pointer).is_some_and(|value| !says_nothing(value));
    let is_error = |name: &str| body.get(name).and_then(Value::as_str) == Some("error");
    let choices = body.get("choices").and_then(Value::as_array);
    let in_choices = choices.is_some_and(|choices| {
        choices.iter().any(|choice| error_of_choice(choice).is_some() || broke_off(choice))
    });
    // Groq tells in a member of its own that a stream was stopped early.
    let beside = ["/error", "/errors", "/x_groq/error"].iter().any(|pointer| told(pointer));
    // What is no part of an answer, and has words for whoever reads it, says what went wrong.
    let alone =
        choices.is_none() && !told("/usage") && !told("/data") && (told("/message") || told("/detail"));
    beside || is_error("object") || is_error("type") || in_choices || alone
}

fn error_of_choice(choice: &Value) -> Option<&Value> {
    let places = ["/error", "/delta/error", "/message/error"];
    places.iter().filter_map(|place| choice.pointer(place)).find(|error| !says_nothing(error))
}

fn broke_off(choice: &Value) -> bool {
    choice.get("finish_reason").and_then(Value::as_str).is_some_and(is_failure)
}

/// Whether a model that finished for this reason failed.
pub(super) fn is_failure(reason: &str) -> bool {
    FAILURES.contains(&reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Option<(String, String)> {
        ReportedError::find(json.as_bytes())
            .map(|error| (error.message().to_owned(), error.code().to_owned()))
    }

    #[test]
    fn an_error_is_found_in_every_shape() {
        for json in [
            r#"{"error":{"message":"gone","code":"c"}}"#,
            r#"{"error":"gone","code":"c"}"#,
            r#"{"id":"x","choices":[],"error":{"message":"gone","code":"c"}}"#,
            r#"{"choices":[{"index":0,"delta":{"content":""},"error":{"message":"gone","code":"c"}}]}"#,
            r#"{"choices":[{"delta":{"error":{"message":"gone","code":"c"}}}]}"#,
            r#"{"object":"error","message":"gone","type":"InternalServerError","code":"c"}"#,
            r#"{"type":"error","message":"gone","code":"c"}"#,
            r#"{"message":"gone","code":"c"}"#,
            r#"{"detail":"gone","code":"c"}"#,
            r#"{"errors":[{"message":"gone","code":"c"}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":null}],"x_groq":{"error":"gone"},"code":"c"}"#,
        ] {
            assert_eq!(found(json), Some(("gone".into(), "c".into())), "{json}");
        }
        for json in [
            r#"{"choices":[{"index":0,"delta":{"content":"ha"},"finish_reason":"error"}]}"#,
            r#"{"error":{"code":502},"choices":[]}"#,
            "{not json}",
        ] {
            assert!(found(json).is_some(), "{json}");
        }
    }

    #[test]
    fn no_error_is_none_and_speaking_of_one_is_an_answer() {
        for json in [
            r#"{"error":null,"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"content":"a"}}],"error":{}}"#,
            r#"{"choices":[{"delta":{"content":"a"}}],"error":{"message":"","code":null}}"#,
            r#"{"choices":[{"delta":{"content":"{\"error\": \"gone\"}"}}]}"#,
            r#"{"choices":[{"delta":{"content":"error"}}]}"#,
            r#"{"choices":[{"message":{"tool_calls":[{"function":{"name":"error","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
            // The filter failed, the answer did not.
            r#"{"choices":[{"delta":{"content":"a"},"content_filter_results":{"error":{"code":"content_filter_error"}}}]}"#,
            r#"{"choices":null,"usage":{"total_tokens":1}}"#,
            r#"{"type":"ping"}"#,
        ] {
            assert_eq!(found(json), None, "{json}");
        }
    }
}
