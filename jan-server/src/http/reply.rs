//! Successful replies: bare where an outside standard fixes the shape, in the `{data, meta}` envelope elsewhere.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use jan_core::{Error, Result};
use serde::Serialize;
use serde_json::json;

use super::body::Body;
use super::call::Call;

/// What a handler answers.
pub(crate) type Reply = Result<Response<Body>>;

/// Bytes that are JSON already.
pub(crate) fn raw_json(bytes: Bytes) -> Response<Body> {
    with_type("application/json", bytes)
}

/// A value in the shape that an outside standard gives it.
pub(crate) fn bare<T: Serialize>(value: &T) -> Reply {
    Ok(raw_json(serde_json::to_vec(value).map_err(Error::internal)?.into()))
}

/// The same with status 201.
pub(crate) fn created<T: Serialize>(value: &T) -> Reply {
    let mut response = bare(value)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// A value in our envelope, unless the configuration strips it (`api.bare`).
pub(crate) fn enveloped<T: Serialize>(call: &Call, value: &T) -> Reply {
    if call.rooms.settings.bare {
        return bare(value);
    }
    bare(&json!({"data": value, "meta": {"request_id": call.request_id.as_str()}}))
}

/// Bytes of a content type.
pub(crate) fn with_type(kind: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
