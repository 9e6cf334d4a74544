//! A streamed answer from an upstream: bytes → events → chunks, and an honest end.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http_body::Body;
use jan_core::chat::ChunkBody;
use jan_core::{ChatChunk, Result};
use tokio::time::{Instant, Sleep};

use super::pool::ReplyBody;
use super::reply::from_event;
use super::transport::{cut, too_slow};
use crate::sse::Decoder;

/// The chunks of one answer, as [`jan_core::ChatStream`] promises them: complete, or ending with an error.
pub(super) struct Chunks {
    body: ReplyBody,
    decoder: Decoder,
    idle: Idle,
    /// Copies of the last two chunks. An upstream that ends its stream in good order but never says `[DONE]` is believed
    /// if one of them gave a reason to finish (the other may carry usage). Copies, because a slice would keep the whole
    /// read buffer alive for as long as the stream is open.
    last: [Vec<u8>; 2],
    ended: bool,
}

impl Chunks {
    pub(super) fn new(body: ReplyBody, idle_timeout: Duration) -> Self {
        Self {
            body,
            decoder: Decoder::default(),
            idle: Idle::new(idle_timeout),
            last: Default::default(),
            ended: false,
        }
    }

    /// The next chunk that is already here.
    fn decoded(&mut self) -> Result<Option<ChatChunk>> {
        while let Some(data) = self.decoder.next_event()? {
            if data.is_empty() {
                continue;
            }
            if data.trim_ascii() == b"[DONE]" {
                self.ended = true;
                return Ok(None);
            }
            if is_error(&data) {
                return Err(from_event(&data));
            }
            let chunk = ChatChunk::from_wire(data)?;
            let [before, latest] = &mut self.last;
            std::mem::swap(before, latest);
            latest.clear();
            latest.extend_from_slice(chunk.as_bytes());
            return Ok(Some(chunk));
        }
        Ok(None)
    }

    fn finished(&self) -> bool {
        let gave_reason = |chunk: &Vec<u8>| {
            let body = serde_json::from_slice::<ChunkBody>(chunk).ok();
            body.is_some_and(|body| body.choices.iter().any(|choice| choice.finish_reason.is_some()))
        };
        self.last.iter().any(gave_reason)
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatChunk>>> {
        loop {
            match self.decoded() {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Some(chunk)) => return Poll::Ready(Some(Ok(chunk))),
                Ok(None) if self.ended => return Poll::Ready(None),
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
                Poll::Ready(None) if self.finished() => return Poll::Ready(None),
                Poll::Ready(None) => return Poll::Ready(Some(Err(cut("the stream ended without [DONE]")))),
            }
        }
    }
}

impl Stream for Chunks {
    type Item = Result<ChatChunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = self.poll_chunk(cx);
        // Nothing follows an end or an error.
        self.ended = self.ended || matches!(next, Poll::Ready(None | Some(Err(_))));
        next
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
