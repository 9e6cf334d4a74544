//! `Idempotency-Key`: a request that makes something can be sent again without making it twice. The first one with a key
//! is acted on and its answer kept, a stream included; the same request again gets that very answer. Only successes are
//! kept: whatever failed or was left made nothing, so its key is free again.
//!
//! A key is its caller's own. While its request runs, the key is held by a lease that is renewed ([`Claim`]), so that the
//! death of this process does not block it for longer than that.

mod claim;
mod record;
mod recorder;

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body_util::Full;
use jan_core::record::Records;
use jan_core::{Error, ErrorKind, Result};

use self::claim::{Claim, Turn};
use self::record::{Answer, Outcome};
use super::body::{Body, Kind, incoming};
use super::call::Call;
use super::reply::Reply;
use crate::router::{Repeat, Row};

pub(crate) use self::recorder::Recorder;

/// What the header is called, to people and to code.
pub(crate) const NAME: &str = "Idempotency-Key";
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const KIND: &str = "idempotency";
const LONGEST: usize = 255;
/// When whoever repeats a request that still runs should come back.
const PATIENCE: Duration = Duration::from_secs(1);

/// The key that these headers give a request to `row`, if it takes one.
///
/// # Errors
/// [`ErrorKind::Invalid`] naming the header when it is not one key of 1 to 255 visible ASCII characters.
pub(crate) fn key(row: &Row, headers: &HeaderMap) -> Result<Option<String>> {
    if row.repeat == Repeat::Runs {
        return Ok(None);
    }
    let mut given = headers.get_all(HEADER).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let sane = |key: &&str| (1..=LONGEST).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let key = key.to_str().ok().filter(sane).filter(|_| given.next().is_none());
    let message = "`Idempotency-Key` must be one key of 1 to 255 visible ASCII characters.";
    key.map(|key| Some(key.to_owned())).ok_or_else(|| Error::invalid(NAME, message))
}

/// Lets `handler` answer the first request with this key, and answers its repetitions as that one was.
///
/// `path` is what was asked for, query included and the service's prefix left aside. Dropping the future, or the reply's
/// body before its end, frees the key. A crash after something was made and before its answer was kept leaves nothing to
/// replay: the request is acted on again when the lease has run out.
///
/// # Errors
/// [`ErrorKind::Conflict`] when the key was used for something else, or its request still runs, or its answer was too
/// large to be kept; what the handler refuses; the store's.
pub(crate) async fn once(
    key: String,
    method: &Method,
    path: &str,
    mut call: Call,
    handler: fn(Call) -> BoxFuture<'static, Reply>,
) -> Reply {
    let body = call.bytes().await?;
    let asked = record::digest(method, path, &body);
    *call.body.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner) = incoming(Full::new(body));

    let records = Records::new(KIND, call.rooms.store.records.clone());
    let turn = claim::claim(records, call.rooms.clock.clone(), call.owner(), &key, &asked).await?;
    match turn {
        Turn::Mine(claim) => match handler(call).await {
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
            let message = "This was done, but its answer was too large to be kept and cannot be had again.";
            Err(conflict("idempotency_answer_too_large", message))
        }
        Turn::Running => {
            let message = "The request with this `Idempotency-Key` still runs. Come back for its answer.";
            Err(conflict("idempotency_in_progress", message).retry_after(PATIENCE))
        }
        Turn::OtherRequest => {
            let message = "This `Idempotency-Key` was used for another request. Use a new key for each.";
            Err(conflict("idempotency_conflict", message))
        }
    }
}

fn conflict(code: &'static str, message: &'static str) -> Error {
    Error::new(ErrorKind::Conflict, message).code(code).param(NAME)
}

/// Keeps what was answered before it is sent: at once when it is there, as it is sent when it is a stream.
async fn keep(claim: Claim, response: Response<Body>) -> Response<Body> {
    if !response.status().is_success() {
        claim.free().await;
        return response;
    }
    let (head, body) = response.into_parts();
    let body = match body.0 {
        Kind::Full(bytes) => {
            let whole = bytes.clone().unwrap_or_default();
            claim.settle(Outcome::of(Answer::new(&head), whole.into())).await;
            Body(Kind::Full(bytes))
        }
        Kind::Events(events) => Body::recorded(Recorder::new(*events, Answer::new(&head), claim)),
        // A handler's answer is never recorded before it comes here.
        recorded @ (Kind::Recorded(_) | Kind::Logged(_)) => Body(recorded),
        // A file that is read makes nothing.
        file @ Kind::File(..) => {
            claim.free().await;
            Body(file)
        }
    };
    Response::from_parts(head, body)
}

#[cfg(test)]
mod tests;
