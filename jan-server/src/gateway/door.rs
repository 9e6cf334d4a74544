//! The way of every request: id, route, limits, credential, handler; and of every reply: its headers, its log line.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body as HttpBody;
use jan_core::{AuthMethod, Error, ErrorKind, Principal, Result};

use super::auth;
use super::hosts::admit_page;
use super::path;
use super::rate::Count;
use super::request_id::{self, RequestId};
use crate::http::body::{Body, BoxError, RequestBody, incoming};
use crate::http::call::Call;
use crate::http::error::{ErrorForm, to_response};
use crate::http::idempotency;
use crate::rooms::Rooms;
use crate::router::{Access, Found, Row, find};
use crate::serve::PeerAddr;

const X_AUTH_METHOD: HeaderName = HeaderName::from_static("x-auth-method");

/// Answers one request. Never fails: what goes wrong is a reply too, and so is what was wrong before it came here.
pub(crate) fn pass<B>(
    rooms: Arc<Rooms>,
    request: Request<B>,
    fault: Option<Error>,
) -> impl Future<Output = Response<Body>> + Send + use<B>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (head, body) = request.into_parts();
    answered(rooms, head, incoming(body), fault)
}

async fn answered(
    rooms: Arc<Rooms>,
    mut head: Parts,
    body: RequestBody,
    fault: Option<Error>,
) -> Response<Body> {
    let id = RequestId::of(&head.headers);
    path::merge_slashes(&mut head.uri);
    auth::strip_identity(&mut head.headers);
    let asked_by_page = head.headers.contains_key(ORIGIN).then(|| head.headers.clone());
    // Copied only for a log that will be written.
    let asked =
        tracing::enabled!(tracing::Level::DEBUG).then(|| (head.method.clone(), head.uri.path().to_owned()));

    let form = ErrorForm { request_id: id.clone(), bare: rooms.settings.bare };
    let mut marks = Marks::default();
    let answer = async {
        match fault {
            None => answer(&rooms, &mut head, body, &id, &mut marks).await,
            Some(fault) => Err(fault),
        }
    };
    let mut response = match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => to_response(&error, &form),
        Err(_) => to_response(&Error::internal("a handler panicked"), &form),
    };

    let headers = response.headers_mut();
    headers.reserve(8);
    headers.insert(request_id::HEADER, id.header());
    marks.write(headers);
    if let Some(page) = asked_by_page {
        rooms.cors.mark(&page, headers);
    }
    if let Some((method, path)) = asked {
        tracing::debug!(request_id = id.as_str(), %method, path, status = response.status().as_u16(), "answered");
    }
    response
}

/// What is learned on the way in and told on the way out.
#[derive(Default)]
struct Marks {
    auth: Option<AuthMethod>,
    count: Option<Count>,
    allow: Option<String>,
}

impl Marks {
    fn write(self, headers: &mut HeaderMap) {
        if let Some(method) = self.auth {
            headers.insert(X_AUTH_METHOD, HeaderValue::from_static(method.as_str()));
        }
        if let Some(count) = self.count {
            count.mark(headers);
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            headers.insert(ALLOW, allow);
        }
    }
}

async fn answer(
    rooms: &Arc<Rooms>,
    head: &mut Parts,
    body: RequestBody,
    id: &RequestId,
    marks: &mut Marks,
) -> Result<Response<Body>> {
    rooms.hosts.admit(head, &rooms.cors)?;
    let (row, path) = match find(&head.method, head.uri.path()) {
        Found::Row(row, path) => (row, path),
        Found::OtherMethods(methods) if is_preflight(head) => {
            return Ok(rooms.cors.preflight(&head.headers, &methods));
        }
        Found::OtherMethods(methods) => {
            let message = format!("This route takes {methods}.");
            marks.allow = Some(methods);
            return Err(Error::new(ErrorKind::MethodNotAllowed, message));
        }
        Found::Nothing => {
            let message = format!("There is no route {} {}.", head.method, head.uri.path());
            return Err(Error::not_found(message).code("route_not_found"));
        }
    };
    let who = admit(rooms, row, path.prefixed, head, marks).await?;
    let key = idempotency::key(row, &head.headers)?;
    let body_limit = row.body_limit(rooms);
    // A body that says beforehand that it is too long is refused before it is sent.
    if body.size_hint().lower() > body_limit.bytes as u64 {
        return Err(body_limit.broken());
    }
    let call = Call {
        rooms: rooms.clone(),
        who,
        request_id: id.clone(),
        body: Mutex::new(body),
        path: path.variables,
        query: head.uri.query().map(str::to_owned),
        headers: std::mem::take(&mut head.headers),
        body_limit,
    };
    let Some(key) = key else { return (row.handler)(call).await };
    let asked = head.uri.path_and_query().map_or("", |asked| row.without_prefix(asked.as_str()));
    // Boxed, so that requests without a key need no room for it.
    Box::pin(idempotency::once(key, &head.method, asked, call, row.handler)).await
}

/// Counts the request and checks the credential.
async fn admit(
    rooms: &Rooms,
    row: &Row,
    prefixed: bool,
    head: &Parts,
    marks: &mut Marks,
) -> Result<Arc<Principal>> {
    let group = row.limit_group(prefixed);
    let (limits, now) = (rooms.rate.as_ref(), rooms.clock.now());
    if let Some(limits) = limits {
        let peer = head.extensions.get::<PeerAddr>().map(|peer| peer.0.ip());
        limits.by_address(group, peer, now, &mut marks.count)?;
    }
    if row.access == Access::Public {
        return Ok(Arc::new(Principal::open("public")));
    }
    let who = auth::authenticate(&*rooms.verifier, head).await?;
    marks.auth = Some(who.method);
    if matches!(who.method, AuthMethod::Session | AuthMethod::Host) {
        // A browser sends a session's cookie along whichever page asks.
        admit_page(head, |page| rooms.cors.names(page))?;
    }
    if let Some(limits) = limits {
        limits.by_caller(group, &who.user, now, &mut marks.count)?;
    }
    Ok(who)
}

fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
