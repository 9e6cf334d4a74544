//! A pool of HTTP/1 connections to one upstream.
//!
//! hyper-util's client spawns a task for each connection. Here a connection has no task of its own: the task that waits
//! for the reply also polls the connection. Data from the upstream then wakes only the task that passes it on, and no
//! second task and channel are in between; they are most of the cost of hyper-util's client. It also means that
//! dropping an unfinished reply drops its connection, and the upstream stops generating when the connection closes.
//!
//! The price: nothing polls an idle connection, so a close by the upstream is noticed only when the connection is next
//! polled. [`PooledConnection::is_idle`] polls it once before it is reused. The upstream can still close it between
//! that check and the request; [`Pool::send`] handles this case.

use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use jan_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

/// How long an idle connection is kept. It is shorter than the idle timeout of common upstreams, so that the upstream
/// rarely closes a connection just when it is reused.
const IDLE: Duration = Duration::from_secs(25);

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connector = HttpsConnector<HttpConnector>;
type Socket = TokioIo<ReadDetector<TokioIo<<Connector as Service<Uri>>::Response>>>;

/// The connections to one upstream. Clones share the idle ones.
#[derive(Clone)]
pub(super) struct Pool {
    connector: Connector,
    idle: Arc<Idle>,
}

/// The idle connections, each with the time since when it is idle; the one used last is at the back.
#[derive(Default)]
struct Idle(Mutex<VecDeque<(Instant, PooledConnection)>>);

/// One connection: the sender takes requests, and polling `connection` performs the I/O for them.
struct PooledConnection {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Connection<Socket, Full<Bytes>>>>,
    /// Whether any byte was received since the last request was begun.
    received: Arc<AtomicBool>,
}

impl Pool {
    /// A pool. Spawns a task on the caller's runtime that closes connections which were idle for too long. The task
    /// holds only a weak reference, so it ends at its next round after the pool was dropped.
    pub(super) fn new(connector: Connector) -> Self {
        let idle = Arc::new(Idle::default());
        let weak = Arc::downgrade(&idle);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(IDLE).await;
                let Some(idle) = weak.upgrade() else { return };
                idle.lock().retain_mut(|(since, connection)| since.elapsed() < IDLE && connection.is_idle());
            }
        });
        Self { connector, idle }
    }

    /// Sends a request to `server` (its scheme and authority) and waits for the head of the reply.
    ///
    /// An idle connection may be closed by the upstream at the moment when it is reused. If it breaks before any byte
    /// of the reply was received, the upstream most likely closed it before it read the request (RFC 9112, 9.3.1), so
    /// the request is sent once more on a new connection. A request is not repeated when a byte was received or when
    /// the new connection breaks as well: the upstream may have processed it.
    pub(super) async fn send(
        &self,
        server: &Uri,
        request: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<Response<ReplyBody>> {
        if let Some(mut connection) = self.idle.take() {
            match connection.send(request()).await {
                Ok(response) => return Ok(self.with_lease(connection, response)),
                Err(cause) if connection.received.load(Ordering::Relaxed) => return Err(no_answer(cause)),
                Err(cause) => {
                    tracing::debug!(%cause, "a kept connection to an upstream was closed; trying a new one")
                }
            }
        }
        // Boxed because connecting is rare, and its large future would otherwise be part of every request's future.
        let mut connection = Box::pin(self.connect(server)).await?;
        match connection.send(request()).await {
            Ok(response) => Ok(self.with_lease(connection, response)),
            Err(cause) => Err(no_answer(cause)),
        }
    }

    /// The reply, whose body owns the connection until it is read or dropped.
    fn with_lease(&self, connection: PooledConnection, response: Response<Incoming>) -> Response<ReplyBody> {
        let lease = Lease { connection: Some(connection), idle: self.idle.clone() };
        response.map(|body| ReplyBody { body, lease })
    }

    async fn connect(&self, server: &Uri) -> Result<PooledConnection> {
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx)).await.map_err(unreachable)?;
        let socket = connector.call(server.clone()).await.map_err(unreachable)?;
        let received = Arc::<AtomicBool>::default();
        let socket = TokioIo::new(ReadDetector { socket: TokioIo::new(socket), received: received.clone() });
        let (sender, connection) = handshake(socket).await.map_err(no_answer)?;
        Ok(PooledConnection { sender, connection: Box::pin(connection), received })
    }
}

impl Idle {
    /// Removes and returns the connection that was used last and is still open. The last one is the least likely to be
    /// closed by the upstream.
    fn take(&self) -> Option<PooledConnection> {
        let mut connections = self.lock();
        while let Some((since, mut connection)) = connections.pop_back() {
            if since.elapsed() < IDLE && connection.is_idle() {
                return Some(connection);
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, PooledConnection)>> {
        self.0.lock()
    }
}

impl PooledConnection {
    /// Sends a request and polls the connection until the head of the reply has arrived.
    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, BoxError> {
        self.received.store(false, Ordering::Relaxed);
        let mut reply = pin!(self.sender.send_request(request));
        poll_fn(|cx| {
            let ended = self.connection.as_mut().poll(cx);
            // The reply is checked first: an upstream may send it and close the connection at the same time.
            match (reply.as_mut().poll(cx), ended) {
                (Poll::Ready(reply), _) => Poll::Ready(reply.map_err(BoxError::from)),
                (Poll::Pending, Poll::Pending) => Poll::Pending,
                (Poll::Pending, Poll::Ready(end)) => {
                    let cause = end.err().map_or_else(|| "the connection was closed".into(), Into::into);
                    Poll::Ready(Err(cause))
                }
            }
        })
        .await
    }

    /// Whether the connection is open and has completed its last request. Polls it once, without a waker, because only
    /// the current state is of interest.
    fn is_idle(&mut self) -> bool {
        let without_waker = &mut Context::from_waker(Waker::noop());
        self.connection.as_mut().poll(without_waker).is_pending() && self.sender.is_ready()
    }
}

/// A socket that records whether any byte was read from it.
struct ReadDetector<S> {
    socket: S,
    received: Arc<AtomicBool>,
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadDetector<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.received.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadDetector<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, pieces)
    }
}

/// The body of a reply, with the connection on which it arrives.
pub(super) struct ReplyBody {
    /// Declared before the lease, so that it is dropped first: when the lease then checks the connection, hyper already
    /// knows that an unread body will not be read.
    body: Incoming,
    lease: Lease,
}

/// A connection in use. When dropped, it returns the connection to the pool if the reply was read to its end. Otherwise
/// it closes the connection, which tells the upstream to stop.
struct Lease {
    /// `None` once the connection has ended.
    connection: Option<PooledConnection>,
    idle: Arc<Idle>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        // The body has no data yet: poll the connection, which reads from the socket into the body. When the connection
        // has ended, the body still holds what was received before, so it is polled once more below.
        if let Some(pooled) = &mut self.lease.connection
            && pooled.connection.as_mut().poll(cx).is_ready()
        {
            self.lease.connection = None;
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take()
            && connection.is_idle()
        {
            self.idle.lock().push_back((Instant::now(), connection));
        }
    }
}

fn unreachable(cause: impl Into<BoxError>) -> Error {
    let message = "The upstream cannot be reached.";
    Error::new(ErrorKind::Upstream, message).with_code("upstream_unreachable").because(cause)
}

fn no_answer(cause: impl Into<BoxError>) -> Error {
    Error::upstream("The upstream closed the connection without an answer.")
        .with_code("upstream_cut")
        .because(cause)
}
