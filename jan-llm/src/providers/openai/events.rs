//! The events of a streamed reply: bytes → events, errors told apart, silence bounded.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use jan_core::Result;
use tokio::time::{Instant, Sleep};

use super::pool::ReplyBody;
use super::reply::from_event;
use super::transport::{cut, too_slow};
use crate::sse::Decoder;

/// The data of each event, until `[DONE]` or the end of the body. An event that reports an error is an error.
pub(super) struct Events {
    body: ReplyBody,
    decoder: Decoder,
    idle: Idle,
    done: bool,
}

impl Events {
    /// The events of `body`, none larger than `largest`.
    pub(super) fn new(body: ReplyBody, idle_timeout: Duration, largest: usize) -> Self {
        Self { body, decoder: Decoder::with_limit(largest), idle: Idle::new(idle_timeout), done: false }
    }

    /// Whether the end was told, and did not only come.
    pub(super) fn said_done(&self) -> bool {
        self.done
    }

    /// The next event. After its end or an error it must not be asked again.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            match self.decoded() {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Some(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(None) if self.done => return Poll::Ready(None),
                Ok(None) => {}
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return self.idle.poll(cx).map(|()| Some(Err(too_slow()))),
                Poll::Ready(Some(Ok(frame))) => {
                    self.idle.touch();
                    if let Ok(data) = frame.into_data() {
                        self.decoder.push(&data);
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(cut(error)))),
                Poll::Ready(None) => return Poll::Ready(None),
            }
        }
    }

    /// The next event that is already here.
    fn decoded(&mut self) -> Result<Option<Bytes>> {
        while let Some(data) = self.decoder.next_event()? {
            if data.is_empty() {
                continue;
            }
            if data.trim_ascii() == b"[DONE]" {
                self.done = true;
                return Ok(None);
            }
            return if is_error(&data) { Err(from_event(&data)) } else { Ok(Some(data)) };
        }
        Ok(None)
    }
}

/// An event that reports an error instead of a chunk: its first member is `error`.
fn is_error(data: &Bytes) -> bool {
    let inside = data.trim_ascii_start().strip_prefix(b"{").unwrap_or_default().trim_ascii_start();
    inside.starts_with(b"\"error\"")
}

/// Runs out when nothing was heard for a while. Hearing something only notes the time: the timer is set anew when it
/// fires early, not for every chunk.
struct Idle {
    limit: Duration,
    heard: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    fn new(limit: Duration) -> Self {
        Self { limit, heard: Instant::now(), timer: None }
    }

    fn touch(&mut self) {
        self.heard = Instant::now();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let end = self.heard + self.limit;
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            timer.as_mut().reset(end);
        }
    }
}
