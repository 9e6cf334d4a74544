//! Successful replies: bare where an external standard defines the shape, in the `{data, meta}` envelope otherwise.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use jan_core::page::Page;
use jan_core::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::body::Body;
use super::request::HttpRequest;
use super::sse::Events;

/// The result of a handler.
pub(crate) type Reply = Result<Response<Body>>;

/// A reply with bytes that are JSON already.
pub(crate) fn raw_json(bytes: Bytes) -> Response<Body> {
    with_type("application/json", bytes)
}

/// A value without an envelope, in the shape that an external standard defines.
pub(crate) fn bare<T: Serialize>(value: &T) -> Reply {
    Ok(raw_json(serde_json::to_vec(value).map_err(Error::internal)?.into()))
}

/// As [`bare`], with status 201.
pub(crate) fn created<T: Serialize>(value: &T) -> Reply {
    let mut response = bare(value)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// A value in our envelope, unless the configuration strips it (`api.bare`).
pub(crate) fn enveloped<T: Serialize>(request: &HttpRequest, value: &T) -> Reply {
    if request.bare { bare(value) } else { always_enveloped(request, value) }
}

/// A value in our envelope whatever the configuration says, where the original has one too.
pub(crate) fn always_enveloped<T: Serialize>(request: &HttpRequest, value: &T) -> Reply {
    bare(&json!({"data": value, "meta": Meta { request_id: request.request_id.as_str() }}))
}

/// The `meta` of the envelope.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Meta<'a> {
    request_id: &'a str,
}

/// The `meta` of a list.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ListMeta<'a> {
    request_id: &'a str,
    has_more: bool,
    /// The `after` of the next page.
    next_after: Option<&'a str>,
}

/// As [`enveloped`], with status 201.
pub(crate) fn enveloped_created<T: Serialize>(request: &HttpRequest, value: &T) -> Reply {
    let mut response = enveloped(request, value)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// The reply to a deletion: of one thing with its id, or of several with their number.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Deleted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    object: &'static str,
    deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_count: Option<usize>,
}

impl<'a> Deleted<'a> {
    /// One deleted thing. `object` is the reply's `object` member.
    pub(crate) fn one(id: &'a str, object: &'static str) -> Self {
        Self { id: Some(id), object, deleted: true, deleted_count: None }
    }

    /// `count` deleted things.
    pub(crate) fn many(count: usize, object: &'static str) -> Self {
        Self { id: None, object, deleted: true, deleted_count: Some(count) }
    }
}

/// One page of a list, to be written as a reply.
pub(crate) struct Listing<'a, T> {
    page: &'a Page<T>,
    total: Option<u64>,
}

impl<'a, T: Serialize> Listing<'a, T> {
    /// A page without the total.
    pub(crate) fn of(page: &'a Page<T>) -> Self {
        Self { page, total: None }
    }

    /// A page and the total over all pages. The total is only counted in the bare mode, for clients of the original Jan
    /// Server.
    ///
    /// # Errors
    /// Those of counting.
    pub(crate) async fn counted(
        request: &HttpRequest,
        page: &'a Page<T>,
        total: impl Future<Output = Result<u64>>,
    ) -> Result<Self> {
        let total = if request.bare { Some(total.await?) } else { None };
        Ok(Self { page, total })
    }

    /// The list in OpenAI's shape, and the cursor of the next page. `id` returns the cursor of an item.
    pub(crate) fn reply(self, request: &HttpRequest, id: impl Fn(&T) -> &str) -> Reply {
        bare(&self.shape(request, id))
    }

    /// The same list with the envelope's `meta`, for routes without an external standard.
    pub(crate) fn enveloped(self, request: &HttpRequest, id: impl Fn(&T) -> &str) -> Reply {
        let has_more = self.page.has_more;
        let mut shape = self.shape(request, id);
        if !request.bare {
            let next_after = shape.get("next_after").and_then(Value::as_str);
            let meta = json!(ListMeta { request_id: request.request_id.as_str(), has_more, next_after });
            shape.insert("meta".into(), meta);
        }
        bare(&shape)
    }

    fn shape(self, request: &HttpRequest, id: impl Fn(&T) -> &str) -> Map<String, Value> {
        let Page { items, has_more } = self.page;
        let (first, last) = (items.first().map(&id), items.last().map(&id));
        let next = last.filter(|_| *has_more);
        let mut shape = Map::new();
        let mut set = |member: &str, value| shape.insert(member.to_owned(), value);
        set("object", json!("list"));
        set("data", json!(items));
        set("first_id", json!(first));
        set("last_id", json!(last));
        set("has_more", json!(has_more));
        set("next_after", json!(next));
        if request.bare {
            set("next_cursor", json!(next));
        }
        if let Some(total) = self.total {
            set("total", json!(total));
        }
        shape
    }
}

/// The `id` member of an item.
pub(crate) fn id_member(item: &Value) -> &str {
    item.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// The items of a page as JSON, for [`id_member`].
pub(crate) fn as_json<T: Serialize>(page: &Page<T>) -> Result<Page<Value>> {
    let items = page.items.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
    Ok(Page { items: items.map_err(Error::internal)?, has_more: page.has_more })
}

/// 204, without a body.
pub(crate) fn no_content() -> Reply {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// A reply with an event stream.
pub(crate) fn event_stream(events: Events) -> Response<Body> {
    let mut response = Response::new(Body::events(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Tells proxies not to buffer the stream.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// A reply with bytes of a content type.
pub(crate) fn with_type(kind: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
