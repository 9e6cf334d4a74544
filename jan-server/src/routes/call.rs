//! What every handler gets: the request, who sends it, and the services that answer it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;
use jan_core::media::mentions_media;
use jan_core::{Caller, Error, JsonObject, Principal, Result, UserId};

use crate::gateway::request_log::Noted;
use crate::http::request::HttpRequest;
use crate::rooms::Rooms;

/// A request that the gateway let in. It is its [`HttpRequest`], for all that HTTP knows of it.
pub(crate) struct Call {
    pub(crate) rooms: Arc<Rooms>,
    /// Who asks; on public routes nobody has been asked.
    pub(crate) who: Arc<Principal>,
    /// What its log line says beside what everybody sees.
    pub(crate) noted: Arc<Noted>,
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
    /// On whose behalf a model is called.
    pub(crate) fn caller(&self) -> Caller {
        Caller { request_id: Some(self.request_id.as_str().to_owned()), ..Caller::new(self.who.clone()) }
    }

    /// Whose things are asked for.
    pub(crate) fn owner(&self) -> &UserId {
        &self.who.user
    }

    /// The body, with ids where it names pictures and files by links to this server.
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

    /// The same as a JSON object; no body at all is an empty one.
    ///
    /// # Errors
    /// As [`HttpRequest::object`].
    pub(crate) async fn object_with_ids(&mut self) -> Result<JsonObject> {
        let bytes = self.bytes_with_ids().await?;
        if bytes.is_empty() { Ok(JsonObject::new()) } else { JsonObject::parse(bytes) }
    }

    /// The body as what a service takes, with ids where it names pictures and files by links to this server; no body at all
    /// is an empty object.
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
