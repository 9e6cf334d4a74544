//! `Idempotency-Key`: a request that creates something can be repeated without creating it twice. The first request
//! with a key runs, and its reply is stored, also if it is a stream. The same request with the same key gets the stored
//! reply. Only successful replies are stored: a failed or cancelled request has created nothing, so its key is
//! released.
//!
//! Each caller has its own keys. While a request runs, its key is held by a lease that is renewed ([`KeyLease`]). If
//! this process dies, the key is blocked no longer than the lease lasts.

mod lease;
mod record;
mod recorder;

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Response};
use jan_core::record::{RecordStore, Records};
use jan_core::{Clock, Error, ErrorKind, Result, UserId};

use self::lease::{KeyLease, KeyState};
use self::record::{KeyRecord, Outcome, StoredReply};
use self::recorder::Recorder;
use crate::http::body::{Body, BodyKind};
use crate::http::reply::Reply;

pub(crate) use self::record::digest;

/// The name of the header, as it is documented.
pub(crate) const NAME: &str = "Idempotency-Key";
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const KIND: &str = "idempotency";
const MAX_KEY_LENGTH: usize = 255;
/// The `Retry-After` for a repetition that arrives while the first request still runs.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Reads the key from the headers of a request; `None` without one.
///
/// # Errors
/// [`ErrorKind::Invalid`] naming the header when it is not one key of 1 to 255 visible ASCII characters.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut keys = headers.get_all(HEADER).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let is_valid =
        |key: &&str| (1..=MAX_KEY_LENGTH).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let key = key.to_str().ok().filter(is_valid).filter(|_| keys.next().is_none());
    let message = "`Idempotency-Key` must be one key of 1 to 255 visible ASCII characters.";
    key.map(|key| Some(key.to_owned())).ok_or_else(|| Error::invalid(NAME, message))
}

/// The idempotency keys of one server.
pub(crate) struct Keys {
    records: Records<KeyRecord>,
    clock: Arc<dyn Clock>,
}

impl Keys {
    pub(crate) fn new(records: Arc<dyn RecordStore>, clock: Arc<dyn Clock>) -> Self {
        Self { records: Records::new(KIND, records), clock }
    }

    /// Runs `handler` for the first request with this key, and replies with the stored reply to repetitions, for which
    /// `handler` is not polled. `digest` is the [`digest()`] of the request.
    ///
    /// Dropping the future, or the body of the reply before its end, releases the key. If the process crashes after
    /// something was created and before its reply was stored, nothing can be replayed: a repetition after the end of
    /// the lease runs again.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when the key was used for another request, or its request still runs, or its reply was
    /// too large to be stored; those of `handler`; the store's.
    pub(crate) async fn once(
        &self,
        owner: &UserId,
        key: &str,
        digest: &str,
        handler: impl Future<Output = Reply>,
    ) -> Reply {
        match lease::acquire(self.records.clone(), self.clock.clone(), owner, key, digest).await? {
            KeyState::Acquired(lease) => match handler.await {
                Ok(response) => Ok(store(lease, response).await),
                Err(error) => {
                    lease.release().await;
                    Err(error)
                }
            },
            KeyState::Answered(stored) => {
                let mut response = stored.replay()?;
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(response)
            }
            KeyState::TooLarge => {
                let message =
                    "This was done, but its answer was too large to be kept and cannot be had again.";
                Err(conflict("idempotency_answer_too_large", message))
            }
            KeyState::Running => {
                let message = "The request with this `Idempotency-Key` still runs. Come back for its answer.";
                Err(conflict("idempotency_in_progress", message).with_retry_after(RETRY_AFTER))
            }
            KeyState::OtherRequest => {
                let message = "This `Idempotency-Key` was used for another request. Use a new key for each.";
                Err(conflict("idempotency_conflict", message))
            }
        }
    }
}

fn conflict(code: &'static str, message: &'static str) -> Error {
    Error::new(ErrorKind::Conflict, message).with_code(code).with_param(NAME)
}

/// Stores a reply: one that is complete before it is sent, a stream while it is sent.
async fn store(lease: KeyLease, response: Response<Body>) -> Response<Body> {
    if !response.status().is_success() {
        lease.release().await;
        return response;
    }
    let (head, body) = response.into_parts();
    let body = match body.into_kind() {
        BodyKind::Full(bytes) => {
            let whole = bytes.clone().unwrap_or_default();
            lease.store(Outcome::of(StoredReply::new(&head), whole.into())).await;
            BodyKind::Full(bytes).into()
        }
        BodyKind::Events(events) => Body::events(Recorder::new(events, StoredReply::new(&head), lease)),
        // The observer is added after this step, so a handler's reply has none.
        observed @ BodyKind::Observed(_) => observed.into(),
        // Sending a file creates nothing.
        file @ BodyKind::File(..) => {
            lease.release().await;
            file.into()
        }
    };
    Response::from_parts(head, body)
}

#[cfg(test)]
mod tests;
