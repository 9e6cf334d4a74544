//! What still comes of a request's body that nobody reads any more, because it was answered without (401, 404, 413). A
//! client that is still writing would get a reset instead of the reply if the connection were closed now, so the rest is
//! read and thrown away, within bounds (RFC 9112, 9.6).

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

/// So much is read and thrown away at most,
const BYTES: usize = 64 * 1024 * 1024;
/// for so long,
const TIME: Duration = Duration::from_secs(30);
/// and no longer than this after the last byte.
const SILENCE: Duration = Duration::from_secs(5);
/// After a rest of this size the connection can be used again; after a larger one, or one of unknown size, it is closed.
const LITTLE: u64 = 64 * 1024;

/// The body of a request while it arrives. Dropped before its end, its rest is read and thrown away.
pub(super) struct Arriving {
    /// `None` after the end.
    body: Option<Incoming>,
    http1: Option<Http1>,
}

/// What matters on HTTP/1 alone.
struct Http1 {
    /// Set when so much was left that the connection will be closed.
    much_left: Arc<AtomicBool>,
    /// The client sends nothing until it is asked to (`Expect: 100-continue`), which reading does.
    waits: bool,
}

impl Arriving {
    /// `http1` is where a large rest is reported, and whether the client waits to be asked for the body.
    pub(super) fn new(body: Incoming, http1: Option<(Arc<AtomicBool>, bool)>) -> Self {
        let ended = HttpBody::is_end_stream(&body);
        let http1 = http1.filter(|_| !ended).map(|(much_left, waits)| Http1 { much_left, waits });
        Self { body: (!ended).then_some(body), http1 }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(http1) = &mut self.http1 {
            http1.waits = false;
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

impl Drop for Arriving {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !HttpBody::is_end_stream(body)) else { return };
        if let Some(http1) = &self.http1 {
            let little = HttpBody::size_hint(&body).upper().is_some_and(|rest| rest <= LITTLE);
            if !little || http1.waits {
                http1.much_left.store(true, Ordering::Relaxed);
            }
            // Whoever was not asked for the body sends none.
            if http1.waits {
                return;
            }
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(of_body(body));
        }
    }
}

async fn of_body(mut body: Incoming) {
    let reading = async {
        let mut read = 0;
        while read < BYTES {
            let Ok(Some(Ok(frame))) = timeout(SILENCE, body.frame()).await else { return };
            read += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    let _ = timeout(TIME, reading).await;
}

/// The same where no request could be made out.
pub(super) async fn of_socket(socket: &mut Socket) {
    let reading = async {
        let (mut read, mut buffer) = (0, vec![0; 16 * 1024]);
        while read < BYTES {
            let Ok(Ok(length @ 1..)) = timeout(SILENCE, socket.read(&mut buffer)).await else { return };
            read += length;
        }
    };
    let _ = timeout(TIME, reading).await;
}
