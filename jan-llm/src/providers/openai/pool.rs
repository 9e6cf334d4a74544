//! Connections to one upstream, kept between requests.
//!
//! A connection has no task of its own: whoever waits for its reply drives it. What the upstream sends then wakes the one
//! task that passes it on, and not a second one first that hands it over; a task, its channel and its wake-ups are most of
//! what hyper-util's client costs. And dropping a reply under way drops its connection, which is what stops the model.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use jan_core::{Error, ErrorKind, Result};
use tower_service::Service;

/// Idle connections are closed before the usual upstream would close them under our hands.
const IDLE: Duration = Duration::from_secs(25);

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connector = HttpsConnector<HttpConnector>;
type Socket = <Connector as Service<Uri>>::Response;

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
}

/// Why a line gave no reply, and the request if it never left.
struct Failure {
    unsent: Option<Request<Full<Bytes>>>,
    cause: BoxError,
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
    pub(super) async fn send(
        &self,
        server: &Uri,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<ReplyBody>> {
        loop {
            let (mut line, kept) = match self.idle.take() {
                Some(line) => (line, true),
                // Boxed: it is rare, and every request would carry its room.
                None => (Box::pin(self.dial(server)).await?, false),
            };
            match line.ask(request).await {
                Ok(response) => {
                    let lease = Lease { line: Some(line), idle: self.idle.clone() };
                    return Ok(response.map(|body| ReplyBody { body, lease }));
                }
                Err(Failure { unsent, cause }) => match unsent.filter(|_| kept) {
                    // The upstream closed a kept connection just now; nothing has happened there yet.
                    Some(unsent) => request = unsent,
                    None => return Err(no_answer(cause)),
                },
            }
        }
    }

    async fn dial(&self, server: &Uri) -> Result<Line> {
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx)).await.map_err(unreachable)?;
        let socket = connector.call(server.clone()).await.map_err(unreachable)?;
        let (sender, connection) = handshake(socket).await.map_err(no_answer)?;
        Ok(Line { sender, connection: Box::pin(connection) })
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let mut reply = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            let over = self.connection.as_mut().poll(cx);
            match (reply.as_mut().poll(cx), over) {
                (Poll::Ready(reply), _) => Poll::Ready(reply.map_err(|mut error| Failure {
                    unsent: error.take_message(),
                    cause: error.into_error().into(),
                })),
                (Poll::Pending, Poll::Pending) => Poll::Pending,
                (Poll::Pending, Poll::Ready(end)) => {
                    let cause = end.err().map_or_else(|| "the connection was closed".into(), Into::into);
                    Poll::Ready(Err(Failure { unsent: None, cause }))
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
    Error::new(ErrorKind::Upstream, message).code("upstream_unreachable").because(cause)
}

fn no_answer(cause: impl Into<BoxError>) -> Error {
    Error::upstream("The upstream closed the connection without an answer.")
        .code("upstream_cut")
        .because(cause)
}
