//! An upstream's list of models: kept for a while, never waited for long, and read as far as it can be read. One odd entry
//! takes none of the others away, and a list that cannot be had now is the last one that could.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use jan_core::causes::Causes;
use jan_core::chat::ReportedError;
use jan_core::{Error, ErrorKind, Model, Result};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::faults::too_slow;
use super::transport::Transport;

/// How long a list is answered from memory.
const FRESH: Duration = Duration::from_secs(30);
/// How long an upstream that could not say its list is not asked again.
const AWAY: Duration = Duration::from_secs(5);
/// How long a list is waited for: chats may wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

const PATH: &str = "/models";

/// What is known of an upstream's models.
#[derive(Default)]
pub(super) struct Models(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The last list that could be read.
    list: Option<Vec<Model>>,
    asked: Option<Instant>,
    /// Why the upstream did not say its list when it was asked last.
    failure: Option<Failure>,
}

/// An error that can be told more than once.
struct Failure {
    kind: ErrorKind,
    code: String,
    message: String,
}

impl Models {
    /// The list, each model `described` when it is read.
    ///
    /// # Errors
    /// The upstream's, if it has never said one.
    pub(super) async fn get(
        &self,
        transport: &Transport,
        described: impl Fn(Model) -> Model,
    ) -> Result<Vec<Model>> {
        let mut known = self.0.lock().await;
        let fresh = if known.failure.is_some() { AWAY } else { FRESH };
        if known.asked.is_none_or(|asked| asked.elapsed() >= fresh) {
            known.ask(transport, described).await;
        }
        match (&known.list, &known.failure) {
            (Some(list), _) => Ok(list.clone()),
            (None, Some(Failure { kind, code, message })) => {
                Err(Error::new(*kind, message.clone()).with_code(code.clone()))
            }
            (None, None) => Ok(Vec::new()),
        }
    }
}

impl Known {
    async fn ask(&mut self, transport: &Transport, described: impl Fn(Model) -> Model) {
        let answer = tokio::time::timeout(PATIENCE, ask(transport)).await;
        let answer = answer.unwrap_or_else(|_| Err(transport.blame(PATH, too_slow())));
        self.asked = Some(Instant::now());
        match answer {
            Ok(list) => (self.list, self.failure) = (Some(list.into_iter().map(described).collect()), None),
            Err(error) => {
                tracing::warn!(error = %Causes(&error), "an upstream does not say its models");
                let (kind, code) = (error.kind(), error.code().to_owned());
                self.failure = Some(Failure { kind, code, message: error.message().to_owned() });
            }
        }
    }
}

async fn ask(transport: &Transport) -> Result<Vec<Model>> {
    let body = transport.send(Method::GET, PATH, Bytes::new()).await?.bytes().await?;
    if let Some(error) = ReportedError::find(&body) {
        return Err(transport.blame(PATH, error));
    }
    read(&body).ok_or_else(|| {
        let error =
            Error::upstream("The upstream's list of models cannot be read.").with_code("upstream_garbage");
        transport.blame(PATH, error)
    })
}

/// The models of a list: `{"data": […]}` as OpenAI has it, or the bare list.
fn read(body: &[u8]) -> Option<Vec<Model>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let list = match &body {
        Value::Array(list) => list.as_slice(),
        Value::Object(members) => match members.get("data").or_else(|| members.get("models"))? {
            Value::Array(list) => list.as_slice(),
            // How a server in Go writes that there are none.
            Value::Null => &[],
            _ => return None,
        },
        _ => return None,
    };
    Some(list.iter().filter_map(model).collect())
}

/// A model of a list; none where the entry does not say how to ask for it.
fn model(entry: &Value) -> Option<Model> {
    let mut members: Map<String, Value> = match entry {
        Value::String(id) => return Some(Model::new(id, "")),
        Value::Object(members) => members.clone(),
        _ => return None,
    };
    members.get("id")?.as_str().filter(|id| !id.is_empty())?;
    let created = members.get("created").and_then(whole);
    members.insert("created".into(), created.unwrap_or_default().into());
    for text in ["object", "owned_by"] {
        if !members.get(text).is_some_and(Value::is_string) {
            members.remove(text);
        }
    }
    serde_json::from_value(members.into()).ok()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
fn whole(number: &Value) -> Option<u64> {
    number.as_u64().or_else(|| number.as_f64().map(|float| float as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_entries_take_none_of_the_others_away() {
        let odd = r#"{"data": [{"id": "a", "created": 1.5}, {"id": "b", "created": "2024-01-01", "owned_by": null},
            {"name": "no id"}, null, 7, "c", {"id": ""}, {"id": "d", "object": 1, "context_length": 8}]}"#;
        let models = read(odd.as_bytes()).unwrap();
        let told: Vec<_> = models.iter().map(|m| (m.id.as_str(), m.created, m.object.as_str())).collect();
        assert_eq!(told, [("a", 1, "model"), ("b", 0, "model"), ("c", 0, "model"), ("d", 0, "model")]);
        assert_eq!(models[3].rest["context_length"], 8);
        for (body, count) in
            [(r#"[{"id":"a"}]"#, 1), (r#"{"models":[{"id":"a"}]}"#, 1), (r#"{"data":null}"#, 0)]
        {
            assert_eq!(read(body.as_bytes()).map(|models| models.len()), Some(count), "{body}");
        }
        for body in ["<html>", "{}", "7", r#"{"data":"x"}"#] {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
    }
}
