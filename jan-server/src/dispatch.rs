//! The steps of every request: the gateway admits it, the table finds its handler, the handler answers, and the gateway
//! completes the reply.

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
use crate::http::base_url::BaseUrl;
use crate::http::body::{Body, RequestBody};
use crate::http::error::{ErrorForm, to_response};
use crate::http::reply::Reply;
use crate::http::request::HttpRequest;
use crate::inner::Inner;
use crate::router::{Handler, Lookup, Repeat, find};
use crate::routes::call::Call;

/// Answers one request. Never fails: an error becomes a reply. `head_error` is what the connection found wrong in the
/// request's head; such a request is answered with it and reaches no handler.
pub(crate) async fn dispatch(
    inner: Arc<Inner>,
    mut head: Parts,
    body: RequestBody,
    head_error: Option<Error>,
) -> Response<Body> {
    let mut exchange = Exchange::start(&mut head);
    let form = ErrorForm { request_id: exchange.request_id.clone(), bare: inner.services.settings.bare };
    let answering = async {
        match head_error {
            None => route(&inner, &mut head, body, &mut exchange).await,
            Some(error) => Err(error),
        }
    };
    let response = match AssertUnwindSafe(answering).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => to_response(&error, &form),
        Err(_) => to_response(&Error::internal("a handler panicked"), &form),
    };
    exchange.finish(response, &inner.gateway.cors)
}

async fn route(inner: &Inner, head: &mut Parts, body: RequestBody, exchange: &mut Exchange) -> Reply {
    let Inner { gateway, services, .. } = inner;
    gateway.check_host(head)?;
    let (row, path) = match find(&head.method, head.uri.path()) {
        Lookup::Row(row, path) => (row, path),
        Lookup::OtherMethods(methods) if is_preflight(head) => {
            return Ok(gateway.cors.preflight(&head.headers, &methods));
        }
        Lookup::OtherMethods(methods) => {
            let message = format!("This route takes {methods}.");
            exchange.set_allowed_methods(methods);
            return Err(Error::new(ErrorKind::MethodNotAllowed, message));
        }
        Lookup::NoPath => {
            let message = format!("There is no route {} {}.", head.method, head.uri.path());
            return Err(Error::not_found(message).with_code("route_not_found"));
        }
    };
    exchange.set_route(row.path);
    let principal = gateway.admit(row.rule(path.prefixed), head, exchange).await?;
    let key = match row.repeat {
        Repeat::Replays => idempotency::key(&head.headers)?,
        Repeat::Runs => None,
    };
    let body_limit = row.body_limit(services);
    // A body whose announced length is too large is refused before it is sent.
    if body.size_hint().lower() > body_limit.bytes as u64 {
        return Err(body_limit.too_large());
    }
    let request = HttpRequest {
        request_id: exchange.request_id.clone(),
        bare: services.settings.bare,
        body: Mutex::new(body),
        path: path.variables,
        query: head.uri.query().map(str::to_owned),
        base_url: BaseUrl::of(head),
        headers: std::mem::take(&mut head.headers),
        body_limit,
    };
    let call =
        Call { services: services.clone(), principal, log_fields: exchange.log_fields.clone(), request };
    let Some(key) = key else { return (row.handler)(call).await };
    let path = head.uri.path_and_query().map_or("", |path| row.without_prefix(path.as_str()));
    // Boxed, so that the future of a request without a key is not enlarged by this branch.
    Box::pin(once(inner, &key, &head.method, path, call, row.handler)).await
}

/// Runs `handler` only for the first request with this key. `path` is without the service's prefix, because the same
/// request with and without the prefix counts as one request.
///
/// # Errors
/// As [`idempotency::Keys::once`]; and those of reading the body.
async fn once(
    inner: &Inner,
    key: &str,
    method: &Method,
    path: &str,
    mut call: Call,
    handler: Handler,
) -> Reply {
    let body = call.bytes().await?;
    let digest = idempotency::digest(method, path, &body);
    call.set_body(body);
    let owner = call.principal.user.clone();
    inner.gateway.keys.once(&owner, key, &digest, handler(call)).await
}

fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
