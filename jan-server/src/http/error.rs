//! The only place where an error becomes a status, a type and a body. The service crates report situations
//! ([`ErrorKind`]) and know nothing of HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use jan_core::causes::Causes;
use jan_core::{Error, ErrorKind};
use serde::Serialize;

use super::body::Body;
use super::request_id::RequestId;

/// The `Retry-After` of a 503 whose error states none.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// The status and `type` of an error, as in the API reference. Statuses that the reference does not list get the
/// nearest type.
fn status_and_type(kind: ErrorKind) -> (StatusCode, &'static str) {
    const REQUEST: &str = "invalid_request_error";
    const INTERNAL: &str = "internal_error";
    match kind {
        ErrorKind::Invalid => (StatusCode::BAD_REQUEST, REQUEST),
        ErrorKind::Unauthenticated => (StatusCode::UNAUTHORIZED, "auth_error"),
        ErrorKind::QuotaExceeded => (StatusCode::PAYMENT_REQUIRED, "rate_limit_error"),
        ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "permission_error"),
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found_error"),
        ErrorKind::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, REQUEST),
        ErrorKind::Timeout => (StatusCode::REQUEST_TIMEOUT, REQUEST),
        ErrorKind::Conflict => (StatusCode::CONFLICT, REQUEST),
        ErrorKind::Gone => (StatusCode::GONE, "not_found_error"),
        ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, REQUEST),
        ErrorKind::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, REQUEST),
        ErrorKind::Unprocessable => (StatusCode::UNPROCESSABLE_ENTITY, REQUEST),
        ErrorKind::OutOfRange => (StatusCode::RANGE_NOT_SATISFIABLE, REQUEST),
        ErrorKind::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
        ErrorKind::NotImplemented => (StatusCode::NOT_IMPLEMENTED, INTERNAL),
        ErrorKind::Upstream => (StatusCode::BAD_GATEWAY, INTERNAL),
        ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, INTERNAL),
        ErrorKind::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, INTERNAL),
        // `Internal`, and kinds that a later version of the core may add.
        _ => (StatusCode::INTERNAL_SERVER_ERROR, INTERNAL),
    }
}

/// The form of the errors of one request.
#[derive(Clone)]
pub(crate) struct ErrorForm {
    /// Included in each error.
    pub(crate) request_id: RequestId,
    /// Repeats `code` and `message` at the top level, where clients of the original Jan Server read them (`api.bare`).
    pub(crate) bare: bool,
}

/// The body of every error reply.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ErrorReply<'a> {
    error: ErrorBody<'a>,
    /// With `api.bare` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    /// With `api.bare` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// The error itself.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct ErrorBody<'a> {
    /// `invalid_request_error`, `auth_error`, `permission_error`, `not_found_error`, `rate_limit_error` or
    /// `internal_error`.
    #[cfg_attr(feature = "openapi", schema(example = "invalid_request_error"))]
    r#type: &'static str,
    /// A narrower reason, for programs.
    #[cfg_attr(feature = "openapi", schema(example = "invalid_parameter"))]
    code: &'a str,
    /// The reason, for people.
    message: &'a str,
    /// The field of the request that is at fault.
    param: Option<&'a str>,
    /// The id of the request, to find it in the log.
    request_id: &'a str,
}

/// The error as JSON, the same in the body of a reply and in an event stream.
pub(crate) fn to_json(error: &Error, form: &ErrorForm) -> Bytes {
    let (_, kind) = status_and_type(error.kind());
    let (code, message, param) = (error.code(), error.message(), error.param());
    let at_top = |text| form.bare.then_some(text);
    let reply = ErrorReply {
        error: ErrorBody { r#type: kind, code, message, param, request_id: form.request_id.as_str() },
        code: at_top(code),
        message: at_top(message),
    };
    // Serialising strings cannot fail.
    serde_json::to_vec(&reply).unwrap_or_default().into()
}

/// The error as a reply. Server errors are logged here, once, with their cause.
pub(crate) fn to_response(error: &Error, form: &ErrorForm) -> Response<Body> {
    let (status, _) = status_and_type(error.kind());
    log(error, status, form.request_id.as_str());
    let mut response = Response::new(Body::full(to_json(error, form)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let default = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(DEFAULT_RETRY_AFTER);
    if let Some(wait) = error.retry_after().or(default) {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        headers.insert(HeaderName::from_static("retry-after-ms"), HeaderValue::from(millis));
        headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("true"));
    }
    response
}

/// Logs an error: as a warning if the server or an upstream failed, as a debug line if the request was refused.
pub(crate) fn log(error: &Error, status: StatusCode, request_id: &str) {
    if status.is_server_error() {
        let error = Causes(error);
        tracing::warn!(request_id, status = status.as_u16(), %error, "request failed");
    } else {
        tracing::debug!(request_id, status = status.as_u16(), code = error.code(), "request refused");
    }
}

/// `Retry-After` has whole seconds only: rounded up, so that no client retries too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_status_and_type_of_the_api_reference() {
        for (kind, status, name) in [
            (ErrorKind::Invalid, 400, "invalid_request_error"),
            (ErrorKind::Unauthenticated, 401, "auth_error"),
            (ErrorKind::Forbidden, 403, "permission_error"),
            (ErrorKind::NotFound, 404, "not_found_error"),
            (ErrorKind::RateLimited, 429, "rate_limit_error"),
            (ErrorKind::Internal, 500, "internal_error"),
        ] {
            let (got, kind) = status_and_type(kind);
            assert_eq!((got.as_u16(), kind), (status, name));
        }
    }

    #[test]
    fn the_time_to_retry_is_in_every_header_that_clients_read() {
        let error = Error::new(ErrorKind::RateLimited, "later").with_retry_after(Duration::from_millis(1500));
        let form = ErrorForm { request_id: RequestId::of(&Default::default()), bare: false };
        let response = to_response(&error, &form);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!((header("retry-after"), header("retry-after-ms")), ("2".into(), "1500".into()));
        assert_eq!(header("x-should-retry"), "true");
        let form = ErrorForm { request_id: RequestId::of(&Default::default()), bare: false };
        let response = to_response(&Error::unavailable("not now"), &form);
        assert_eq!(response.headers()["retry-after"], "5");
    }
}
