//! Finds errors that upstreams report, in the body of an error status and inside of successful replies. Upstreams use
//! many forms; all of them are recognised here. An answer whose text is about errors is not one.

use serde_json::Value;

use super::{lenient, scan};
use crate::Error;

/// The longest upstream message that is passed on, in characters.
const MAX_MESSAGE: usize = 2000;
/// The largest part of an upstream's reply that is logged, in characters.
const MAX_LOGGED: usize = 200;
/// Finish reasons that mean that the model failed before its answer was complete.
const FAILURES: [&str; 5] = ["error", "network_error", "abort", "aborted", "insufficient_system_resource"];

/// The parts of an error that an upstream reported in one of the usual forms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedError {
    /// The message.
    pub message: Option<String>,
    /// The machine-readable code, if it is a text.
    pub code: Option<String>,
    /// The parameter that is wrong.
    pub param: Option<String>,
}

impl ReportedError {
    /// Reads a body that reports an error: `{"error": {…}}`, `{"error": "…"}`, `{"message": …}`, `{"detail": …}`. For
    /// any other body, all fields are `None`.
    pub fn read(body: &[u8]) -> Self {
        lenient::parse::<Value>(body).map(|value| Self::of(&value)).unwrap_or_default()
    }

    fn of(body: &Value) -> Self {
        let filled = |value: &&Value| !is_empty_error(value);
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

    /// The error that `json` reports; `None` when it reports none. `json` is the body of a successful reply, or one
    /// event of a stream.
    ///
    /// It is parsed only when it contains the key `error`, or none of the keys of an answer.
    pub fn find(json: &[u8]) -> Option<Error> {
        let answers =
            [&scan::CHOICES, &scan::DATA, &scan::PICTURE].iter().any(|key| scan::contains(json, key));
        if answers && !scan::contains(json, &scan::ERROR) {
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

    /// The error for a model that reported this failure in the middle of its answer.
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

/// The ways in which servers write that there is no error: `null`, false, 0, an empty text, and lists and objects of
/// only these.
fn is_empty_error(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.iter().all(is_empty_error),
        Value::Object(members) => members.values().all(is_empty_error),
    }
}

fn reports_error(body: &Value) -> bool {
    let has_value = |pointer: &str| body.pointer(pointer).is_some_and(|value| !is_empty_error(value));
    let is_error = |name: &str| body.get(name).and_then(Value::as_str) == Some("error");
    let choices = body.get("choices").and_then(Value::as_array);
    let in_choices = choices.is_some_and(|choices| {
        choices.iter().any(|choice| error_of_choice(choice).is_some() || was_cut_off(choice))
    });
    // Groq reports in a member of its own that a stream was stopped early.
    let beside = ["/error", "/errors", "/x_groq/error"].iter().any(|pointer| has_value(pointer));
    // A reply that contains no part of an answer, but a message or a detail, is an error report.
    let alone = choices.is_none()
        && !has_value("/usage")
        && !has_value("/data")
        && (has_value("/message") || has_value("/detail"));
    beside || is_error("object") || is_error("type") || in_choices || alone
}

fn error_of_choice(choice: &Value) -> Option<&Value> {
    let places = ["/error", "/delta/error", "/message/error"];
    places.iter().filter_map(|place| choice.pointer(place)).find(|error| !is_empty_error(error))
}

fn was_cut_off(choice: &Value) -> bool {
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
    fn an_error_is_found_in_every_form() {
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
    fn an_empty_error_or_a_text_about_errors_is_not_an_error() {
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
