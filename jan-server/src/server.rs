//! The server as a value: a `tower` service that anything which speaks `http` types can mount, and the entrance for
//! callers without a socket.

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

/// The whole API. Cheap to clone; clones are the same server.
///
/// Mount it as a [`tower_service::Service`] (`axum::Router::nest_service("/ai", server)`), serve it on a listener with
/// [`Server::serve`], or ask it directly with [`Server::handle`]. Dropping the future of a request, or its reply's
/// body, stops the work behind it.
#[derive(Clone)]
pub struct Server {
    pub(crate) inner: Arc<Inner>,
}

impl Server {
    /// Writes down what was counted in memory: tokens used, shares looked at. [`Server::serve`] does so every second and
    /// at its end; whoever mounts the service elsewhere calls it when it suits them, and before they stop.
    ///
    /// # Errors
    /// The store's; what could not be written is kept for the next time.
    pub async fn flush(&self) -> Result<()> {
        self.inner.rooms.shares.flush().await;
        self.inner.rooms.usage.flush().await
    }

    /// Takes away for good what was deleted longer ago than [`crate::Settings::retention`], and what has expired, media
    /// included that nothing shows any more, and says how much it was. A server that serves a listener does so by itself,
    /// every hour; one that is mounted elsewhere is swept by whoever mounts it. Dropping the future stops between two
    /// batches or undoes the last.
    ///
    /// # Errors
    /// The store's; what was taken away before is gone.
    pub async fn sweep(&self) -> Result<u64> {
        self.inner.sweeper.sweep().await
    }

    /// Answers one request. What goes wrong is a reply as well.
    pub fn handle<B>(&self, request: Request<B>) -> impl Future<Output = Response<Body>> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.answer(request, None)
    }

    /// Answers a request whose head is at fault.
    pub(crate) fn refuse<B>(
        &self,
        request: Request<B>,
        fault: Error,
    ) -> impl Future<Output = Response<Body>> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.answer(request, Some(fault))
    }

    fn answer<B>(
        &self,
        request: Request<B>,
        fault: Option<Error>,
    ) -> impl Future<Output = Response<Body>> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        dispatch(self.inner.clone(), head, incoming(body), fault)
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
