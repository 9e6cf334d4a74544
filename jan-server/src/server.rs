//! The server as a value: a `tower` service over `http` types, and a method for callers without a socket.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body::Body as HttpBody;
use jan_core::{Error, Result};

use crate::dispatch::dispatch;
use crate::http::body::{Body, BoxError, incoming};
use crate::inner::Inner;

/// The whole API. Cheap to clone; all clones share the same state.
///
/// Mount it as a [`tower_service::Service`] (`axum::Router::nest_service("/ai", server)`), serve it on a listener with
/// [`Server::serve`], or call it directly with [`Server::handle`]. Dropping the future of a request, or the body of its
/// reply, stops the work that it caused.
#[derive(Clone)]
pub struct Server {
    pub(crate) inner: Arc<Inner>,
}

impl Server {
    /// Writes the counters that are held in memory (tokens used, views of shares) to the store. [`Server::serve`] calls
    /// it every second and when it stops. An app that mounts the service calls it as often as it likes, and before it
    /// exits.
    ///
    /// # Errors
    /// The store's. What could not be written stays in memory for the next call.
    pub async fn flush(&self) -> Result<()> {
        self.inner.services.shares.flush().await;
        self.inner.services.usage.flush().await
    }

    /// Permanently removes what was deleted longer ago than [`crate::Settings::retention`], what has expired, and
    /// expired media that nothing refers to any more. Returns how many things were removed. A server that serves a
    /// listener does this by itself, every hour; an app that mounts the service calls this method. Dropping the future
    /// stops between two batches or rolls the current one back.
    ///
    /// # Errors
    /// The store's. What was removed before the error stays removed.
    pub async fn sweep(&self) -> Result<u64> {
        self.inner.sweeper.sweep().await
    }

    /// Answers one request. An error is a reply as well.
    pub fn handle<B>(&self, request: Request<B>) -> impl Future<Output = Response<Body>> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.answer(request, None)
    }

    /// Answers a request whose head is invalid, with that error.
    pub(crate) fn refuse<B>(
        &self,
        request: Request<B>,
        error: Error,
    ) -> impl Future<Output = Response<Body>> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.answer(request, Some(error))
    }

    fn answer<B>(
        &self,
        request: Request<B>,
        head_error: Option<Error>,
    ) -> impl Future<Output = Response<Body>> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        dispatch(self.inner.clone(), head, incoming(body), head_error)
    }
}

impl<B> tower_service::Service<Request<B>> for Server
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(self.handle(request).map(Ok))
    }
}
