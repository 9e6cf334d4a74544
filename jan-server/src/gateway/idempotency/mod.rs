//! `Idempotency-Key`: a request that makes something can be sent again without making it twice. The first one with a key
//! is acted on and its answer kept, a stream included; the same request again gets that very answer. Only successes are
//! kept: whatever failed or was left made nothing, so its key is free again.
//!
//! A key is its caller's own. While its request runs, the key is held by a lease that is renewed ([`Claim`]), so that the
//! death of this process does not block it for longer than that.

mod claim;
mod record;
mod recorder;

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Response};
use jan_core::record::{RecordStore, Records};
use jan_core::{Clock, Error, ErrorKind, Result, UserId};

use self::claim::{Claim, Turn};
use self::record::{Answer, Entry, Outcome};
use self::recorder::Recorder;
use crate::http::body::{Body, Kind};
use crate::http::reply::Reply;

pub(crate) use self::record::digest;

/// What the header is called, to people and to code.
pub(crate) const NAME: &str = "Idempotency-Key";
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const KIND: &str = "idempotency";
const LONGEST: usize = 255;
/// When whoever repeats a request that still runs should come back.
const PATIENCE: Duration = Duration::from_secs(1);

/// The key that these headers give a request.
///
/// # Errors
/// [`ErrorKind::Invalid`] naming the header when it is not one key of 1 to 255 visible ASCII characters.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let sane = |key: &&str| (1..=LONGEST).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let key = key.to_str().ok().filter(sane).filter(|_| given.next().is_none());
    let message = "`Idempotency-Key` must be one key of 1 to 255 visible ASCII characters.";
    key.map(|key| Some(key.to_owned())).ok_or_else(|| Error::invalid(NAME, message))
}

/// The keys of one server.
pub(crate) struct Keys {
    records: Records<Entry>,
    clock: Arc<dyn Clock>,
}

impl Keys {
    pub(crate) fn new(records: Arc<dyn RecordStore>, clock: Arc<dyn Clock>) -> Self {
        Self { records: Records::new(KIND, records), clock }
    }

    /// Gives `answer` to the first request with this key, and what that was to its repetitions. `asked` is the [`digest`] of
    /// the request. Nothing of `answer` is run for a repetition.
    ///
    /// Dropping the future, or the reply's body before its end, frees the key. A crash after something was made and before
    /// its answer was kept leaves nothing to replay: the request is acted on again when the lease has run out.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when the key was used for something else, or its request still runs, or its answer was too
    /// large to be kept; what `answer` fails with; the store's.
    pub(crate) async fn once(
        &self,
        owner: &UserId,
        key: &str,
        asked: &str,
        answer: impl Future<Output = Reply>,
    ) -> Reply {
        match claim::claim(self.records.clone(), self.clock.clone(), owner, key, asked).await? {
            Turn::Mine(claim) => match answer.await {
                Ok(response) => Ok(keep(claim, response).await),
                Err(error) => {
                    claim.free().await;
                    Err(error)
                }
            },
            Turn::Answered(answer) => {
                let mut response = answer.replay()?;
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(response)
            }
            Turn::TooLarge => {
                let message =
                    "This was done, but its answer was too large to be kept and cannot be had again.";
                Err(conflict("idempotency_answer_too_large", message))
            }
            Turn::Running => {
                let message = "The request with this `Idempotency-Key` still runs. Come back for its answer.";
                Err(conflict("idempotency_in_progress", message).with_retry_after(PATIENCE))
            }
            Turn::OtherRequest => {
                let message = "This `Idempotency-Key` was used for another request. Use a new key for each.";
                Err(conflict("idempotency_conflict", message))
            }
        }
    }
}

fn conflict(code: &'static str, message: &'static str) -> Error {
    Error::new(ErrorKind::Conflict, message).with_code(code).with_param(NAME)
}

/// Keeps what was answered before it is sent: at once when it is there, as it is sent when it is a stream.
async fn keep(claim: Claim, response: Response<Body>) -> Response<Body> {
    if !response.status().is_success() {
        claim.free().await;
        return response;
    }
    let (head, body) = response.into_parts();
    let body = match body.into_kind() {
        Kind::Full(bytes) => {
            let whole = bytes.clone().unwrap_or_default();
            claim.settle(Outcome::of(Answer::new(&head), whole.into())).await;
            Kind::Full(bytes).into()
        }
        Kind::Events(events) => Body::events(Recorder::new(events, Answer::new(&head), claim)),
        // A handler's body has no observer before it comes here.
        observed @ Kind::Observed(_) => observed.into(),
        // A file that is read makes nothing.
        file @ Kind::File(..) => {
            claim.free().await;
            file.into()
        }
    };
    Response::from_parts(head, body)
}

#[cfg(test)]
mod tests;
