//! The streams of an HTTP/2 connection: how many are open, and a time limit for a client that gives one of them no room
//! to send. The socket cannot see that: on the same connection other streams go on, and pings are answered.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};

use crate::http::body::{Body, BoxError};

/// So much of a reply is handed over at once. What was handed over waits in memory, without a time limit of its own, until
/// the client makes room for it or the connection ends.
const PIECE: usize = 64 * 1024;

tokio::task_local! {
    /// How far the reply of the stream that is polled has come.
    static SENT: Cell<Sent>;
}

/// How far a reply has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sent {
    pieces: u64,
    /// The last piece still waits for room: nobody has asked for another.
    waits: bool,
}

/// Runs the streams of one connection.
#[derive(Clone)]
pub(super) struct Streams {
    open: watch::Sender<usize>,
    patience: Duration,
}

impl Streams {
    /// And the number of those that are open. Each may wait for room for so long.
    pub(super) fn new(patience: Duration) -> (Self, watch::Receiver<usize>) {
        let (open, opened) = watch::channel(0);
        (Self { open, patience }, opened)
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let (open, patience) = (Open::one(&self.open), self.patience);
        tokio::spawn(async move {
            bounded(stream, patience).await;
            drop(open);
        });
    }
}

/// One of the open streams. Dropping it closes it.
struct Open(watch::Sender<usize>);

impl Open {
    fn one(open: &watch::Sender<usize>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

/// Until no stream has been open for `limit`.
pub(super) async fn idle(opened: &mut watch::Receiver<usize>, limit: Duration) {
    loop {
        match timeout(limit, opened.changed()).await {
            Err(_) if *opened.borrow() == 0 => return,
            Err(_) | Ok(Ok(())) => {}
            // With the connection nobody counts any more.
            Ok(Err(_)) => return,
        }
    }
}

/// Runs a stream, and drops it, which resets it, when its reply waits for room for too long.
async fn bounded(stream: impl Future<Output = ()>, patience: Duration) {
    let mut stream = pin!(stream);
    let (mut sent, mut waiting) = (Sent::default(), None::<Pin<Box<Sleep>>>);
    poll_fn(|cx| {
        let poll = || (stream.as_mut().poll(cx), SENT.with(Cell::get));
        let (polled, now) = SENT.sync_scope(Cell::new(sent), poll);
        if polled.is_ready() {
            return Poll::Ready(());
        }
        if !now.waits || now != sent {
            waiting = None;
        }
        sent = now;
        if !sent.waits {
            return Poll::Pending;
        }
        let waiting = waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        waiting
            .as_mut()
            .poll(cx)
            .map(|()| tracing::debug!("a stream ended: its client did not read the reply"))
    })
    .await;
}

/// A reply on its way into a stream, in pieces, and counted.
pub(super) struct InPieces {
    body: Body,
    rest: Bytes,
}

impl InPieces {
    pub(super) fn new(body: Body) -> Self {
        Self { body, rest: Bytes::new() }
    }

    fn piece(&mut self, mut bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.rest = bytes.split_off(bytes.len().min(PIECE));
        report(|sent| Sent { pieces: sent.pieces.wrapping_add(1), waits: true });
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

fn report(change: impl FnOnce(Sent) -> Sent) {
    // Outside of a stream nobody asks.
    let _ = SENT.try_with(|sent| sent.set(change(sent.get())));
}

impl HttpBody for InPieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return self.piece(rest);
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) => self.piece(bytes),
                Err(other) => Poll::Ready(Some(Ok(other))),
            },
            over => {
                report(|sent| Sent { waits: false, ..sent });
                over
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        match hint.exact() {
            Some(exact) => hint.set_exact(exact.saturating_add(rest)),
            None => hint.set_lower(hint.lower().saturating_add(rest)),
        }
        hint
    }
}
