//! The events of a streamed reply: bytes → events, errors told apart, silence bounded.

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

/// The events, until `[DONE]` or the end of the body. An event that is named an error is one.
pub(super) struct Events {
    body: ReplyBody,
    decoder: Decoder,
    idle: Idle,
    done: bool,
    ended: bool,
}

impl Events {
    /// The events of `body`, none larger than `largest`.
    pub(super) fn new(body: ReplyBody, idle_timeout: Duration, largest: usize) -> Self {
        Self {
            body,
            decoder: Decoder::with_limit(largest),
            idle: Idle::new(idle_timeout),
            done: false,
            ended: false,
        }
    }

    /// The next event. After its end or an error it must not be asked again.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        loop {
            match self.decoded() {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Some(event)) => return Poll::Ready(Some(Ok(event))),
                Ok(None) if self.done || self.ended => return Poll::Ready(None),
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
                Poll::Ready(None) => self.ended = true,
            }
        }
    }

    /// The next event that is already here.
    fn decoded(&mut self) -> Result<Option<Event>> {
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

    /// A body that ended in good order ends its last event too, if that is whole: a blank line that is missing cuts nothing
    /// off.
    fn next(&mut self) -> Result<Option<Event>> {
        let next = self.decoder.next_event()?;
        if next.is_some() || !self.ended {
            return Ok(next);
        }
        let is_json = |data: &Bytes| serde_json::from_slice::<IgnoredAny>(data).is_ok();
        Ok(self.decoder.finish().filter(|last| last.data.trim_ascii() == b"[DONE]" || is_json(&last.data)))
    }
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
