//! What is kept of a request with a key: which one it was, how far it is, and its answer.

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use jan_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::http::body::Body;

/// The largest answer that is kept. Nobody streams as much text; whoever does is told when they ask again.
pub(super) const LARGEST: usize = 4 * 1024 * 1024;

/// A request with a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The digest of what was asked.
    pub(super) asked: String,
    /// How it ended; nothing while it runs.
    pub(super) outcome: Option<Outcome>,
}

/// How a request that made something ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// With this answer.
    Answered(Answer),
    /// With one that is not kept.
    TooLarge,
}

/// An answer that can be given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// The answer with this head, its body still to come.
    pub(super) fn new(head: &Parts) -> Self {
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers = head.headers.iter().filter_map(text).collect();
        Self { status: head.status.as_u16(), headers, body: String::new() }
    }

    /// The same answer once more.
    ///
    /// # Errors
    /// When what was kept is no answer.
    pub(super) fn replay(self) -> Result<Response<Body>> {
        let mut response = Response::new(Body::full(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).map_err(Error::internal)?;
        for (name, value) in self.headers {
            let name = HeaderName::try_from(name).map_err(Error::internal)?;
            response.headers_mut().insert(name, HeaderValue::try_from(value).map_err(Error::internal)?);
        }
        Ok(response)
    }
}

impl Outcome {
    /// The outcome of an answer with this body.
    pub(super) fn of(answer: Answer, body: Vec<u8>) -> Self {
        // JSON and events are text; what is not could not be kept as it is.
        match String::from_utf8(body) {
            Ok(body) if body.len() <= LARGEST => Self::Answered(Answer { body, ..answer }),
            _ => Self::TooLarge,
        }
    }
}

/// Two requests are the same when this is: their method, path with query, and body, to the byte.
pub(crate) fn digest(method: &Method, path: &str, body: &Bytes) -> String {
    let mut digest = Sha256::new();
    for part in [method.as_str(), path] {
        digest.update(part);
        // No method and no path holds a zero.
        digest.update([0]);
    }
    digest.update(body);
    hex::encode(digest.finalize())
}
