//! What every handler gets: the request, the caller, and the services.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;
use jan_core::media::mentions_media;
use jan_core::{Caller, Error, JsonObject, Principal, Result, UserId};

use crate::gateway::request_log::LogFields;
use crate::http::request::HttpRequest;
use crate::services::Services;

/// A request that the gateway has admitted. It dereferences to its [`HttpRequest`].
pub(crate) struct Call {
    pub(crate) services: Arc<Services>,
    /// The authenticated caller; on public routes a placeholder that owns nothing.
    pub(crate) principal: Arc<Principal>,
    /// Fields of the request's log line that only the handler knows.
    pub(crate) log_fields: Arc<LogFields>,
    pub(crate) request: HttpRequest,
}

impl Deref for Call {
    type Target = HttpRequest;

    fn deref(&self) -> &HttpRequest {
        &self.request
    }
}

impl DerefMut for Call {
    fn deref_mut(&mut self) -> &mut HttpRequest {
        &mut self.request
    }
}

impl Call {
    /// The caller of a model, for layers such as metering.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            request_id: Some(self.request_id.as_str().to_owned()),
            ..Caller::new(self.principal.clone())
        }
    }

    /// The user whose data the request is about: the caller.
    pub(crate) fn owner(&self) -> &UserId {
        &self.principal.user
    }

    /// The body, in which links to this server's media are replaced by their ids.
    ///
    /// # Errors
    /// As [`HttpRequest::bytes`].
    pub(crate) async fn bytes_with_ids(&mut self) -> Result<Bytes> {
        let bytes = self.bytes().await?;
        if !mentions_media(&bytes) {
            return Ok(bytes);
        }
        Ok(self.own_hosts().ids_for_links(bytes))
    }

    /// As [`Call::bytes_with_ids`], as a JSON object; an empty body is an empty object.
    ///
    /// # Errors
    /// As [`HttpRequest::object`].
    pub(crate) async fn object_with_ids(&mut self) -> Result<JsonObject> {
        let bytes = self.bytes_with_ids().await?;
        if bytes.is_empty() { Ok(JsonObject::new()) } else { JsonObject::parse(bytes) }
    }

    /// The body as the typed request of a service, in which links to this server's media are replaced by their ids; an
    /// empty body is an empty object.
    ///
    /// # Errors
    /// As [`HttpRequest::read`].
    pub(crate) async fn read_with_ids<T>(&mut self) -> Result<T>
    where
        T: for<'a> TryFrom<&'a JsonObject, Error = Error>,
    {
        T::try_from(&self.object_with_ids().await?)
    }
}
