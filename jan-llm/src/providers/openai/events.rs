//! The events of a streamed reply. An event that reports an error becomes an error, and the time without data is
//! limited.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use jan_core::Result;
use jan_core::chat::ReportedError;
use serde::de::IgnoredAny;
use tokio::time::{Instant, Sleep};

use super::faults::{cut, too_slow};
use super::pool::ReplyBody;
use crate::sse::{Decoder, Event};

/// The events of a reply, until `[DONE]` or the end of the body. An event with the name `error` is returned as an
/// error.
pub(super) struct Events {
    body: ReplyBody,
    decoder: Decoder,
    idle: IdleTimeout,
    done: bool,
    ended: bool,
}

impl Events {
    /// The events of `body`, none larger than `largest`.
    pub(super) fn new(body: ReplyBody, idle_timeout: Duration, largest: usize) -> Self {
        Self {
            body,
            decoder: Decoder::with_limit(largest),
            idle: IdleTimeout::new(idle_timeout),
            done: false,
            ended: false,
        }
    }

    /// The next event. Must not be called again after the end or an error.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        loop {
            match self.next_received() {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Some(event)) => return Poll::Ready(Some(Ok(event))),
                Ok(None) if self.done || self.ended => return Poll::Ready(None),
                Ok(None) => {}
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return self.idle.poll(cx).map(|()| Some(Err(too_slow()))),
                Poll::Ready(Some(Ok(frame))) => {
                    self.idle.data_received();
                    if let Ok(data) = frame.into_data() {
                        self.decoder.push(&data);
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(cut(error)))),
                Poll::Ready(None) => self.ended = true,
            }
        }
    }

    /// The next event in the bytes received so far.
    fn next_received(&mut self) -> Result<Option<Event>> {
        while let Some(event) = self.next()? {
            if event.name.eq_ignore_ascii_case(b"error") {
                return Err(ReportedError::read(&event.data).into_failure(&event.data));
            }
            if event.data.trim_ascii() == b"[DONE]" {
                self.done = true;
                return Ok(None);
            }
            if !event.data.is_empty() {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// The next event of the decoder. When the body has ended without an error, a last event without its blank line is
    /// accepted if its data is complete.
    fn next(&mut self) -> Result<Option<Event>> {
        let next = self.decoder.next_event()?;
        if next.is_some() || !self.ended {
            return Ok(next);
        }
        let is_json = |data: &Bytes| serde_json::from_slice::<IgnoredAny>(data).is_ok();
        Ok(self.decoder.finish().filter(|last| last.data.trim_ascii() == b"[DONE]" || is_json(&last.data)))
    }
}

/// A time limit for silence. Received data only updates a timestamp. The timer is not reset for every chunk, which
/// would be slower: when it fires before the limit has passed since the last data, it is set again for the remaining
/// time.
struct IdleTimeout {
    limit: Duration,
    last_data: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl IdleTimeout {
    fn new(limit: Duration) -> Self {
        Self { limit, last_data: Instant::now(), timer: None }
    }

    fn data_received(&mut self) {
        self.last_data = Instant::now();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let end = self.last_data + self.limit;
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
