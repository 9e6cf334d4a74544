//! The streams of an HTTP/2 connection: counts the open ones, and limits the time for which a client may leave one of
//! them without flow-control capacity. The limit of the socket cannot detect such a client: other streams of the
//! connection go on, and pings are answered.

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

/// How much of a reply is passed to hyper at once, in bytes. These bytes wait in memory, without a time limit of their
/// own, until the client opens its window or the connection ends.
const MAX_PIECE: usize = 64 * 1024;

tokio::task_local! {
    /// The progress of the reply of the stream that is being polled.
    static PROGRESS: Cell<Progress>;
}

/// The progress of one reply. hyper does not report whether a piece was sent, but it asks for the next piece only when
/// there is capacity for it: until then the last piece is waiting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    pieces: u64,
    /// The last piece waits for capacity: hyper has not asked for another.
    is_waiting: bool,
}

/// The executor of one connection: runs its streams and counts them.
#[derive(Clone)]
pub(super) struct Streams {
    open: watch::Sender<usize>,
    write_timeout: Duration,
}

impl Streams {
    /// The executor, and a receiver of the number of open streams. Each stream may wait for capacity as long as
    /// `write_timeout`.
    pub(super) fn new(write_timeout: Duration) -> (Self, watch::Receiver<usize>) {
        let (open, opened) = watch::channel(0);
        (Self { open, write_timeout }, opened)
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let (guard, write_timeout) = (StreamGuard::new(&self.open), self.write_timeout);
        tokio::spawn(async move {
            run_with_limit(stream, write_timeout).await;
            drop(guard);
        });
    }
}

/// Counts one open stream; dropping it lowers the count.
struct StreamGuard(watch::Sender<usize>);

impl StreamGuard {
    fn new(open: &watch::Sender<usize>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(open.clone())
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

/// Waits until no stream has been open for the time `limit`.
pub(super) async fn idle(opened: &mut watch::Receiver<usize>, limit: Duration) {
    loop {
        match timeout(limit, opened.changed()).await {
            Err(_) if *opened.borrow() == 0 => return,
            Err(_) | Ok(Ok(())) => {}
            // The sender was dropped with the connection.
            Ok(Err(_)) => return,
        }
    }
}

/// Runs a stream. If its reply waits for capacity for too long, drops the stream, which resets it.
async fn run_with_limit(stream: impl Future<Output = ()>, write_timeout: Duration) {
    let mut stream = pin!(stream);
    let (mut progress, mut timer) = (Progress::default(), None::<Pin<Box<Sleep>>>);
    poll_fn(|cx| {
        let poll = || (stream.as_mut().poll(cx), PROGRESS.with(Cell::get));
        let (polled, now) = PROGRESS.sync_scope(Cell::new(progress), poll);
        if polled.is_ready() {
            return Poll::Ready(());
        }
        if !now.is_waiting || now != progress {
            timer = None;
        }
        progress = now;
        if !progress.is_waiting {
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep(write_timeout)));
        timer.as_mut().poll(cx).map(|()| tracing::debug!("a stream ended: its client did not read the reply"))
    })
    .await;
}

/// The body of a reply, split into pieces of at most [`MAX_PIECE`] bytes, which reports its progress.
pub(super) struct SplitBody {
    body: Body,
    rest: Bytes,
}

impl SplitBody {
    pub(super) fn new(body: Body) -> Self {
        Self { body, rest: Bytes::new() }
    }

    fn piece(&mut self, mut bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.rest = bytes.split_off(bytes.len().min(MAX_PIECE));
        report(|progress| Progress { pieces: progress.pieces.wrapping_add(1), is_waiting: true });
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

fn report(change: impl FnOnce(Progress) -> Progress) {
    // Fails outside of a stream, where progress is not needed.
    let _ = PROGRESS.try_with(|progress| progress.set(change(progress.get())));
}

impl HttpBody for SplitBody {
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
                report(|progress| Progress { is_waiting: false, ..progress });
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
