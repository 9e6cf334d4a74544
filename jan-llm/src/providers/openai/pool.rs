//! Connections to one upstream, kept between requests.
//!
//! A connection has no task of its own: whoever waits for its reply drives it. What the upstream sends then wakes the one
//! task that passes it on, and not a second one first that hands it over; a task, its channel and its wake-ups are most of
//! what hyper-util's client costs. And dropping a reply under way drops its connection, which is what stops the model.

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

/// Idle connections are closed before the usual upstream would close them under our hands.
const IDLE: Duration = Duration::from_secs(25);

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connector = HttpsConnector<HttpConnector>;
type Socket = TokioIo<Watched<TokioIo<<Connector as Service<Uri>>::Response>>>;

/// The connections to one upstream. Clones share them.
#[derive(Clone)]
pub(super) struct Pool {
    connector: Connector,
    idle: Arc<Idle>,
}

/// Connections that wait for a request, the latest used at the back, with the time when they came.
#[derive(Default)]
struct Idle(Mutex<VecDeque<(Instant, Line)>>);

/// One connection and the way to ask it something.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Connection<Socket, Full<Bytes>>>>,
    /// Whether anything was heard since the last request was begun.
    heard: Arc<AtomicBool>,
}

impl Pool {
    /// A pool, swept in the runtime of the caller for as long as it lives.
    pub(super) fn new(connector: Connector) -> Self {
        let idle = Arc::new(Idle::default());
        let swept = Arc::downgrade(&idle);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(IDLE).await;
                let Some(idle) = swept.upgrade() else { return };
                idle.lock().retain_mut(|(since, line)| since.elapsed() < IDLE && line.is_free());
            }
        });
        Self { connector, idle }
    }

    /// Sends a request to `server` (its scheme and authority) and waits for the head of the reply.
    ///
    /// A kept connection that breaks before any byte of the reply was most likely closed by the upstream before it saw the
    /// request (RFC 9112, 9.3.1): the request is sent once more, on a new connection. One that breaks later, or breaks
    /// anew, is not: the upstream may have acted on it.
    pub(super) async fn send(
        &self,
        server: &Uri,
        request: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<Response<ReplyBody>> {
        if let Some(mut line) = self.idle.take() {
            match line.ask(request()).await {
                Ok(response) => return Ok(self.lend(line, response)),
                Err(cause) if line.heard.load(Ordering::Relaxed) => return Err(no_answer(cause)),
                Err(cause) => {
                    tracing::debug!(%cause, "a kept connection to an upstream was closed; trying a new one")
                }
            }
        }
        // Boxed: it is rare, and every request would carry its room.
        let mut line = Box::pin(self.dial(server)).await?;
        match line.ask(request()).await {
            Ok(response) => Ok(self.lend(line, response)),
            Err(cause) => Err(no_answer(cause)),
        }
    }

    /// The reply, with the connection that it comes on.
    fn lend(&self, line: Line, response: Response<Incoming>) -> Response<ReplyBody> {
        let lease = Lease { line: Some(line), idle: self.idle.clone() };
        response.map(|body| ReplyBody { body, lease })
    }

    async fn dial(&self, server: &Uri) -> Result<Line> {
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx)).await.map_err(unreachable)?;
        let socket = connector.call(server.clone()).await.map_err(unreachable)?;
        let heard = Arc::<AtomicBool>::default();
        let socket = TokioIo::new(Watched { socket: TokioIo::new(socket), heard: heard.clone() });
        let (sender, connection) = handshake(socket).await.map_err(no_answer)?;
        Ok(Line { sender, connection: Box::pin(connection), heard })
    }
}

impl Idle {
    /// The connection used last that still stands.
    fn take(&self) -> Option<Line> {
        let mut lines = self.lock();
        while let Some((since, mut line)) = lines.pop_back() {
            if since.elapsed() < IDLE && line.is_free() {
                return Some(line);
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, Line)>> {
        self.0.lock()
    }
}

impl Line {
    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, BoxError> {
        self.heard.store(false, Ordering::Relaxed);
        let mut reply = pin!(self.sender.send_request(request));
        poll_fn(|cx| {
            let over = self.connection.as_mut().poll(cx);
            match (reply.as_mut().poll(cx), over) {
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

    /// Whether the connection stands and has nothing left to do. Nobody has to be woken for the answer.
    fn is_free(&mut self) -> bool {
        let now = &mut Context::from_waker(Waker::noop());
        self.connection.as_mut().poll(now).is_pending() && self.sender.is_ready()
    }
}

/// A socket that notes when something comes.
struct Watched<S> {
    socket: S,
    heard: Arc<AtomicBool>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.heard.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
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

/// The body of a reply.
pub(super) struct ReplyBody {
    /// Dropped before the lease, so that the connection knows by then whether anybody reads on.
    body: Incoming,
    lease: Lease,
}

/// A connection in use. It is kept if the reply was read to its end, and closed otherwise.
struct Lease {
    /// Gone once the connection has ended.
    line: Option<Line>,
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
        if let Some(line) = &mut self.lease.line
            && line.connection.as_mut().poll(cx).is_ready()
        {
            self.lease.line = None;
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(mut line) = self.line.take()
            && line.is_free()
        {
            self.idle.lock().push_back((Instant::now(), line));
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
