//! Successful replies: bare where an outside standard fixes the shape, in the `{data, meta}` envelope elsewhere.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use jan_core::page::Page;
use jan_core::{Error, Result};
use serde::Serialize;
use serde_json::json;

use super::body::Body;
use super::call::Call;
use super::sse::Events;

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

/// The same with status 201.
pub(crate) fn enveloped_created<T: Serialize>(call: &Call, value: &T) -> Reply {
    let mut response = enveloped(call, value)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// A page of a list as OpenAI shows it, and the cursor of the next one. `id` tells the cursor of an item.
pub(crate) fn list<T: Serialize>(page: &Page<T>, id: impl Fn(&T) -> &str) -> Reply {
    bare(&list_shape(page, id))
}

/// A page of a list of our own: the same, with the envelope's `meta` beside it.
pub(crate) fn enveloped_list<T: Serialize>(call: &Call, page: &Page<T>, id: impl Fn(&T) -> &str) -> Reply {
    let mut shape = list_shape(page, id);
    let cursor = shape.get("next_after").cloned();
    let meta =
        json!({"request_id": call.request_id.as_str(), "has_more": page.has_more, "next_after": cursor});
    if let (Some(members), false) = (shape.as_object_mut(), call.rooms.settings.bare) {
        members.insert("meta".into(), meta);
    }
    bare(&shape)
}

/// The same, where an item's id stands inside its JSON.
pub(crate) fn list_of_json<T: Serialize>(page: &Page<T>) -> Reply {
    let items = page.items.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
    let page = Page { items: items.map_err(Error::internal)?, has_more: page.has_more };
    list(&page, |item| item.get("id").and_then(serde_json::Value::as_str).unwrap_or_default())
}

fn list_shape<T: Serialize>(page: &Page<T>, id: impl Fn(&T) -> &str) -> serde_json::Value {
    let (first, last) = (page.items.first().map(&id), page.items.last().map(&id));
    let next = last.filter(|_| page.has_more);
    json!({"object": "list", "data": page.items, "first_id": first, "last_id": last, "has_more": page.has_more, "next_after": next})
}

/// Done, and nothing to say about it.
pub(crate) fn no_content() -> Reply {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// A stream of events.
pub(crate) fn event_stream(events: Events) -> Response<Body> {
    let mut response = Response::new(Body::events(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks proxies in between not to hold the stream back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Bytes of a content type.
pub(crate) fn with_type(kind: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
