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

use crate::builder::ServerBuilder;
use crate::gateway;
use crate::http::body::{Body, BoxError};
use crate::rooms::Rooms;

/// The whole API. Cheap to clone; clones are the same server.
///
/// Mount it as a [`tower_service::Service`] (`axum::Router::nest_service("/ai", server)`), serve it on a listener with
/// [`Server::serve`], or ask it directly with [`Server::handle`]. Dropping the future of a request, or its reply's
/// body, stops the work behind it.
#[derive(Clone)]
pub struct Server {
    pub(crate) rooms: Arc<Rooms>,
}

impl Server {
    /// A server to be put together.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Writes down what was counted in memory: tokens used, shares looked at. [`Server::serve`] does so every second and
    /// at its end; whoever mounts the service elsewhere calls it when it suits them, and before they stop.
    ///
    /// # Errors
    /// The store's; what could not be written is kept for the next time.
    pub async fn flush(&self) -> Result<()> {
        self.rooms.shares.flush().await;
        self.rooms.usage.flush().await
    }

    /// Answers one request. What goes wrong is a reply as well.
    pub fn handle<B>(&self, request: Request<B>) -> impl Future<Output = Response<Body>> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        gateway::pass(self.rooms.clone(), request, None)
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
        gateway::pass(self.rooms.clone(), request, Some(fault))
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
