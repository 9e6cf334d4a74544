//! A streamed answer from an upstream: events → chunks, and an honest end.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use jan_core::chat::ChunkBody;
use jan_core::{ChatChunk, Result};

use super::events::Events;
use super::transport::cut;

/// The chunks of one answer, as [`jan_core::ChatStream`] promises them: complete, or ending with an error.
pub(super) struct Chunks {
    events: Events,
    /// Copies of the last two chunks. An upstream that ends its stream in good order but never says `[DONE]` is believed
    /// if one of them gave a reason to finish (the other may carry usage). Copies, because a slice would keep the whole
    /// read buffer alive for as long as the stream is open.
    last: [Vec<u8>; 2],
    ended: bool,
}

impl Chunks {
    pub(super) fn new(events: Events) -> Self {
        Self { events, last: Default::default(), ended: false }
    }

    fn keep(&mut self, chunk: &ChatChunk) {
        let [before, latest] = &mut self.last;
        std::mem::swap(before, latest);
        latest.clear();
        latest.extend_from_slice(chunk.as_bytes());
    }

    fn finished(&self) -> bool {
        let gave_reason = |chunk: &Vec<u8>| {
            let body = serde_json::from_slice::<ChunkBody>(chunk).ok();
            body.is_some_and(|body| body.choices.iter().any(|choice| choice.finish_reason.is_some()))
        };
        self.last.iter().any(gave_reason)
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatChunk>>> {
        let data = match self.events.poll_event(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(data))) => data,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(None) if self.events.said_done() || self.finished() => return Poll::Ready(None),
            Poll::Ready(None) => return Poll::Ready(Some(Err(cut("the stream ended without [DONE]")))),
        };
        Poll::Ready(Some(ChatChunk::from_wire(data).inspect(|chunk| self.keep(chunk))))
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
