//! The list of an upstream's models: cached for a while, requested with a short timeout, and read tolerantly. A
//! malformed entry is skipped, and when the list cannot be read, the last list that could be read is returned.

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

/// How long a list is returned from the cache.
const CACHE_TIME: Duration = Duration::from_secs(30);
/// How long after a failure the upstream is not asked again.
const FAILURE_CACHE_TIME: Duration = Duration::from_secs(5);
/// The time limit for the request, because chats may wait for it.
const TIMEOUT: Duration = Duration::from_secs(10);

const PATH: &str = "/models";

/// The cached list. The lock is held during the request: concurrent callers wait and then share its result, so that the
/// upstream gets one request and not one for each caller.
#[derive(Default)]
pub(super) struct Models(Mutex<Cached>);

#[derive(Default)]
struct Cached {
    /// The last list that could be read.
    list: Option<Vec<Model>>,
    /// When the upstream was last asked.
    asked: Option<Instant>,
    /// Why the last request failed; `None` when it succeeded.
    failure: Option<Failure>,
}

/// The parts of an error from which it is built again for each caller.
struct Failure {
    kind: ErrorKind,
    code: String,
    message: String,
}

impl Models {
    /// The list; `described` is applied to each model when the list is read.
    ///
    /// # Errors
    /// The upstream's, if its list was never read.
    pub(super) async fn get(
        &self,
        transport: &Transport,
        described: impl Fn(Model) -> Model,
    ) -> Result<Vec<Model>> {
        let mut cached = self.0.lock().await;
        let cache_time = if cached.failure.is_some() { FAILURE_CACHE_TIME } else { CACHE_TIME };
        if cached.asked.is_none_or(|asked| asked.elapsed() >= cache_time) {
            cached.refresh(transport, described).await;
        }
        match (&cached.list, &cached.failure) {
            (Some(list), _) => Ok(list.clone()),
            (None, Some(Failure { kind, code, message })) => {
                Err(Error::new(*kind, message.clone()).with_code(code.clone()))
            }
            (None, None) => Ok(Vec::new()),
        }
    }
}

impl Cached {
    async fn refresh(&mut self, transport: &Transport, described: impl Fn(Model) -> Model) {
        let result = tokio::time::timeout(TIMEOUT, fetch(transport)).await;
        let result = result.unwrap_or_else(|_| Err(transport.with_address(PATH, too_slow())));
        self.asked = Some(Instant::now());
        match result {
            Ok(list) => (self.list, self.failure) = (Some(list.into_iter().map(described).collect()), None),
            Err(error) => {
                tracing::warn!(error = %Causes(&error), "an upstream does not say its models");
                let (kind, code) = (error.kind(), error.code().to_owned());
                self.failure = Some(Failure { kind, code, message: error.message().to_owned() });
            }
        }
    }
}

async fn fetch(transport: &Transport) -> Result<Vec<Model>> {
    let body = transport.send(Method::GET, PATH, Bytes::new()).await?.bytes().await?;
    if let Some(error) = ReportedError::find(&body) {
        return Err(transport.with_address(PATH, error));
    }
    read(&body).ok_or_else(|| {
        let error =
            Error::upstream("The upstream's list of models cannot be read.").with_code("upstream_garbage");
        transport.with_address(PATH, error)
    })
}

/// The models of a list: `{"data": […]}` as in OpenAI's API, `{"models": […]}`, or a bare array.
fn read(body: &[u8]) -> Option<Vec<Model>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let list = match &body {
        Value::Array(list) => list.as_slice(),
        Value::Object(members) => match members.get("data").or_else(|| members.get("models"))? {
            Value::Array(list) => list.as_slice(),
            // Servers written in Go send null for an empty list.
            Value::Null => &[],
            _ => return None,
        },
        _ => return None,
    };
    Some(list.iter().filter_map(model).collect())
}

/// A model of a list; `None` for an entry without an id.
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
    fn malformed_entries_are_skipped_or_corrected() {
        let odd = r#"{"data": [{"id": "a", "created": 1.5}, {"id": "b", "created": "2024-01-01", "owned_by": null},
            {"name": "no id"}, null, 7, "c", {"id": ""}, {"id": "d", "object": 1, "context_length": 8}]}"#;
        let models = read(odd.as_bytes()).unwrap();
        let read_models: Vec<_> =
            models.iter().map(|m| (m.id.as_str(), m.created, m.object.as_str())).collect();
        assert_eq!(read_models, [("a", 1, "model"), ("b", 0, "model"), ("c", 0, "model"), ("d", 0, "model")]);
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
