//! Discards the rest of a request's body when the request was answered without reading it (401, 404, 413). If the
//! connection were closed at once, a client that is still writing would see a reset instead of the reply. So the rest
//! is read and discarded, within limits (RFC 9112, 9.6).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::socket::Socket;

/// The most bytes that are discarded.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// The longest time for discarding.
const MAX_TIME: Duration = Duration::from_secs(30);
/// The longest time between two reads.
const MAX_SILENCE: Duration = Duration::from_secs(5);
/// After a rest of at most this many bytes the connection can be used again. After a larger one, or one of unknown
/// length, it is closed.
const MAX_REUSABLE: u64 = 64 * 1024;

/// The body of a request. Dropping it before its end discards the rest in a task of its own.
pub(super) struct IncomingBody {
    /// `None` after the end.
    body: Option<Incoming>,
    http1: Option<Http1>,
}

/// What is needed on HTTP/1 only.
struct Http1 {
    /// Set on drop if too much of the body is unread: the connection must be closed after the reply.
    must_close: Arc<AtomicBool>,
    /// The client sends no body before `100 Continue` (`Expect: 100-continue`), which hyper sends at the first read.
    expects_continue: bool,
}

impl IncomingBody {
    /// `http1` is the flag that is set if the connection must be closed, and whether the client waits for `100
    /// Continue`.
    pub(super) fn new(body: Incoming, http1: Option<(Arc<AtomicBool>, bool)>) -> Self {
        let ended = HttpBody::is_end_stream(&body);
        let http1 = http1
            .filter(|_| !ended)
            .map(|(must_close, expects_continue)| Http1 { must_close, expects_continue });
        Self { body: (!ended).then_some(body), http1 }
    }
}

impl HttpBody for IncomingBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(http1) = &mut self.http1 {
            http1.expects_continue = false;
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !HttpBody::is_end_stream(body)) else { return };
        if let Some(http1) = &self.http1 {
            let is_small = HttpBody::size_hint(&body).upper().is_some_and(|rest| rest <= MAX_REUSABLE);
            if !is_small || http1.expects_continue {
                http1.must_close.store(true, Ordering::Relaxed);
            }
            // The client got no `100 Continue`, so it sends no body.
            if http1.expects_continue {
                return;
            }
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(discard_body(body));
        }
    }
}

async fn discard_body(mut body: Incoming) {
    let reading = async {
        let mut read = 0;
        while read < MAX_BYTES {
            let Ok(Some(Ok(frame))) = timeout(MAX_SILENCE, body.frame()).await else { return };
            read += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    let _ = timeout(MAX_TIME, reading).await;
}

/// Discards what a client still sends after a request that could not be parsed.
pub(super) async fn discard_socket(socket: &mut Socket) {
    let reading = async {
        let (mut read, mut buffer) = (0, vec![0; 16 * 1024]);
        while read < MAX_BYTES {
            let Ok(Ok(length @ 1..)) = timeout(MAX_SILENCE, socket.read(&mut buffer)).await else { return };
            read += length;
        }
    };
    let _ = timeout(MAX_TIME, reading).await;
}
