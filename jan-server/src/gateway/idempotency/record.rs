//! What is stored for a key: which request it belongs to, whether that has ended, and its reply.

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use jan_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::http::body::Body;

/// The largest body that is stored, in bytes. Streams of text are far smaller; for a larger reply only the fact that it
/// was sent is stored.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;

/// The stored record of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    /// The [`digest()`] of the request. Stored under its older name.
    #[serde(rename = "asked")]
    pub(super) digest: String,
    /// How the request ended; `None` while it runs.
    pub(super) outcome: Option<Outcome>,
}

/// How a successful request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// With this reply.
    Answered(StoredReply),
    /// With a reply that is too large to be stored.
    TooLarge,
}

/// A reply that can be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredReply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl StoredReply {
    /// A reply with this head and a body that is set later.
    pub(super) fn new(head: &Parts) -> Self {
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers = head.headers.iter().filter_map(text).collect();
        Self { status: head.status.as_u16(), headers, body: String::new() }
    }

    /// The reply as it was sent.
    ///
    /// # Errors
    /// When the stored data is not a valid reply.
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
    /// The outcome of a reply with this body.
    pub(super) fn of(reply: StoredReply, body: Vec<u8>) -> Self {
        // JSON and events are UTF-8; other bodies cannot be stored as text.
        match String::from_utf8(body) {
            Ok(body) if body.len() <= MAX_BODY => Self::Answered(StoredReply { body, ..reply }),
            _ => Self::TooLarge,
        }
    }
}

/// Identifies a request: two requests are the same if their method, path with query, and body are equal to the byte.
pub(crate) fn digest(method: &Method, path: &str, body: &Bytes) -> String {
    let mut hasher = Sha256::new();
    for part in [method.as_str(), path] {
        hasher.update(part);
        // A separator: no method and no path contains a zero byte.
        hasher.update([0]);
    }
    hasher.update(body);
    hex::encode(hasher.finalize())
}
