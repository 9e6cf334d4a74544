//! The way of every request through this crate: the gateway lets it in, the table says which handler answers it, and the
//! gateway sees the reply out.

use parking_lot::Mutex;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::request::Parts;
use http::{Method, Response};
use http_body::Body as HttpBody;
use jan_core::{Error, ErrorKind};

use crate::gateway::exchange::Exchange;
use crate::gateway::idempotency;
use crate::http::body::{Body, RequestBody};
use crate::http::error::{ErrorForm, to_response};
use crate::http::home::Home;
use crate::http::reply::Reply;
use crate::http::request::HttpRequest;
use crate::inner::Inner;
use crate::router::{Found, Handler, Repeat, find};
use crate::routes::call::Call;

/// Answers one request. Never fails: what goes wrong is a reply too, and so is `fault`, what was wrong before it came here.
pub(crate) async fn dispatch(
    inner: Arc<Inner>,
    mut head: Parts,
    body: RequestBody,
    fault: Option<Error>,
) -> Response<Body> {
    let mut exchange = Exchange::begin(&mut head);
    let form = ErrorForm { request_id: exchange.request_id.clone(), bare: inner.rooms.settings.bare };
    let answer = async {
        match fault {
            None => answer(&inner, &mut head, body, &mut exchange).await,
            Some(fault) => Err(fault),
        }
    };
    let response = match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => to_response(&error, &form),
        Err(_) => to_response(&Error::internal("a handler panicked"), &form),
    };
    exchange.end(response, &inner.gateway.cors)
}

async fn answer(inner: &Inner, head: &mut Parts, body: RequestBody, exchange: &mut Exchange) -> Reply {
    let Inner { gateway, rooms, .. } = inner;
    gateway.admit_host(head)?;
    let (row, path) = match find(&head.method, head.uri.path()) {
        Found::Row(row, path) => (row, path),
        Found::OtherMethods(methods) if is_preflight(head) => {
            return Ok(gateway.cors.preflight(&head.headers, &methods));
        }
        Found::OtherMethods(methods) => {
            let message = format!("This route takes {methods}.");
            exchange.allow(methods);
            return Err(Error::new(ErrorKind::MethodNotAllowed, message));
        }
        Found::Nothing => {
            let message = format!("There is no route {} {}.", head.method, head.uri.path());
            return Err(Error::not_found(message).with_code("route_not_found"));
        }
    };
    exchange.routed(row.path);
    let who = gateway.admit(row.rule(path.prefixed), head, exchange).await?;
    let key = match row.repeat {
        Repeat::Replays => idempotency::key(&head.headers)?,
        Repeat::Runs => None,
    };
    let body_limit = row.body_limit(rooms);
    // A body that says beforehand that it is too long is refused before it is sent.
    if body.size_hint().lower() > body_limit.bytes as u64 {
        return Err(body_limit.broken());
    }
    let request = HttpRequest {
        request_id: exchange.request_id.clone(),
        bare: rooms.settings.bare,
        body: Mutex::new(body),
        path: path.variables,
        query: head.uri.query().map(str::to_owned),
        home: Home::of(head),
        headers: std::mem::take(&mut head.headers),
        body_limit,
    };
    let call = Call { rooms: rooms.clone(), who, noted: exchange.noted.clone(), request };
    let Some(key) = key else { return (row.handler)(call).await };
    let path = head.uri.path_and_query().map_or("", |asked| row.without_prefix(asked.as_str()));
    // Boxed, so that requests without a key need no room for it.
    Box::pin(once(inner, &key, &head.method, path, call, row.handler)).await
}

/// Lets `handler` answer the first request with this key. The same request under its service's prefix, or without, is the
/// same: `path` is without.
///
/// # Errors
/// As [`idempotency::Keys::once`]; those of reading the body.
async fn once(
    inner: &Inner,
    key: &str,
    method: &Method,
    path: &str,
    mut call: Call,
    handler: Handler,
) -> Reply {
    let body = call.bytes().await?;
    let asked = idempotency::digest(method, path, &body);
    call.put_back(body);
    let owner = call.who.user.clone();
    inner.gateway.keys.once(&owner, key, &asked, handler(call)).await
}

fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
