//! One HTTP request with a known route: its head, its body, and the server's limits for it.

use parking_lot::Mutex;
use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use http_body_util::Full;
use jan_core::page::{MAX_LIMIT, Order, PageRequest};
use jan_core::{BoxStream, Error, JsonObject, Result};

use super::base_url::BaseUrl;
use super::body::{RequestBody, incoming};
use super::body_limit::{BodyLimit, Reading};
use super::error::ErrorForm;
use super::flag::flag;
use super::request_id::RequestId;

/// A request with a known route.
pub(crate) struct HttpRequest {
    pub(crate) request_id: RequestId,
    /// Replies have the form that clients of the original Jan Server read (`api.bare`).
    pub(crate) bare: bool,
    /// Behind a lock that is never contended: bodies are `Send` but not `Sync`, and handlers hold references to the
    /// request while they await.
    pub(crate) body: Mutex<RequestBody>,
    /// The variable parts of the path by name, in order, not decoded.
    pub(crate) path: Vec<(String, String)>,
    /// The query string, without the `?`.
    pub(crate) query: Option<String>,
    /// The URL under which the client reaches this server.
    pub(crate) base_url: BaseUrl,
    /// The headers, without those that could fake an identity.
    pub(crate) headers: HeaderMap,
    /// The limits of this route's body.
    pub(crate) body_limit: BodyLimit,
}

impl HttpRequest {
    /// A variable part of the path, percent-decoded.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`] when it is not UTF-8 or contains a NUL character: no id and no name is such a
    /// text.
    pub(crate) fn path(&self, name: &str) -> Result<String> {
        let raw = self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        match percent_encoding::percent_decode_str(raw).decode_utf8() {
            Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
            _ => Err(Error::not_found(format!("There is nothing under this `{name}`."))),
        }
    }

    /// A query parameter, decoded; an empty one counts as absent.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.query.as_deref()?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .filter(|value| !value.is_empty())
    }

    /// The query parameters `name[KEY]=value`, by KEY.
    pub(crate) fn query_map(&self, name: &str) -> BTreeMap<String, String> {
        let pairs = form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes());
        let member =
            |key: &str| Some(key.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.to_owned());
        pairs.filter_map(|(key, value)| Some((member(&key)?, value.into_owned()))).collect()
    }

    /// A header, if it is present and is text.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(str::to_owned)
    }

    /// A boolean query parameter.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the parameter.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        flag(name, self.query(name).as_deref())
    }

    /// The page that the query asks for (`limit`, `after` or `cursor`, `order`); `order` is the default order. In the
    /// bare mode a `limit` over the maximum is lowered to it, as in the original.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the parameter.
    pub(crate) fn page(&self, order: Order) -> Result<PageRequest> {
        let (mut limit, given_order) = (self.query("limit"), self.query("order"));
        let is_over = |text: &String| text.parse::<u64>().is_ok_and(|limit| limit > u64::from(MAX_LIMIT));
        if self.bare && limit.as_ref().is_some_and(is_over) {
            limit = Some(MAX_LIMIT.to_string());
        }
        let after = self.query("after").or_else(|| self.query("cursor"));
        let page = PageRequest::from_query(limit.as_deref(), after.as_deref(), given_order.as_deref())?;
        Ok(if given_order.is_none() { PageRequest { order, ..page } } else { page })
    }

    /// The body as a JSON object.
    ///
    /// # Errors
    /// As [`HttpRequest::bytes`]; [`jan_core::ErrorKind::Invalid`] when it is not an object.
    pub(crate) async fn object(&mut self) -> Result<JsonObject> {
        JsonObject::parse(self.bytes().await?)
    }

    /// The body as the typed request of a service.
    ///
    /// # Errors
    /// As [`HttpRequest::object`]; [`jan_core::ErrorKind::Invalid`] naming the invalid member.
    pub(crate) async fn read<T>(&mut self) -> Result<T>
    where
        T: for<'a> TryFrom<&'a JsonObject, Error = Error>,
    {
        T::try_from(&self.object().await?)
    }

    /// As [`HttpRequest::object`]; an empty body is an empty object.
    ///
    /// # Errors
    /// As [`HttpRequest::object`].
    pub(crate) async fn object_or_nothing(&mut self) -> Result<JsonObject> {
        let bytes = self.bytes().await?;
        if bytes.is_empty() { Ok(JsonObject::new()) } else { JsonObject::parse(bytes) }
    }

    /// The form of this request's errors.
    pub(crate) fn error_form(&self) -> ErrorForm {
        ErrorForm { request_id: self.request_id.clone(), bare: self.bare }
    }

    /// Reads the whole body within the limits of the route.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::TooLarge`] while reading, [`jan_core::ErrorKind::Timeout`], or
    /// [`jan_core::ErrorKind::Invalid`] when the connection breaks off.
    pub(crate) async fn bytes(&mut self) -> Result<Bytes> {
        let mut reading = self.reading();
        let Some(first) = reading.piece().await? else { return Ok(Bytes::new()) };
        // Most bodies arrive in one piece, which is returned without copying.
        let Some(second) = reading.piece().await? else { return Ok(first) };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(piece) = reading.piece().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// The body piece by piece. Dropping the stream stops reading.
    ///
    /// The stream's errors are those of [`HttpRequest::bytes`].
    pub(crate) fn stream(&mut self) -> BoxStream<Result<Bytes>> {
        let next_piece =
            async |mut reading: Reading| Ok(reading.piece().await?.map(|piece| (piece, reading)));
        stream::try_unfold(self.reading(), next_piece).boxed()
    }

    fn reading(&mut self) -> Reading {
        let body = std::mem::take(self.body.get_mut());
        Reading::new(body, self.body_limit)
    }

    /// Replaces the body, so that one that was read can be read again.
    pub(crate) fn set_body(&mut self, body: Bytes) {
        *self.body.get_mut() = incoming(Full::new(body));
    }
}
