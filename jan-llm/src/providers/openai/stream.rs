//! A streamed answer from an upstream: events → chunks, and an honest end.

use std::collections::HashMap;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use jan_core::chat::Delta;
use jan_core::{ChatChunk, Error, Result};

use super::events::Events;
use super::faults::cut;
use crate::sse::Event;

/// The chunks of one answer, as [`jan_core::ChatStream`] promises them: complete, or ending with an error. An answer is
/// complete when its choices said why they ended, whether `[DONE]` follows or only the end of the body.
pub(super) struct Chunks {
    events: Events,
    ends: Ends,
    /// Something was said. Chunks are parsed until then.
    says: bool,
    ended: bool,
}

/// Which choices said why they ended.
enum Ends {
    /// There is one choice: whether it did. Seen from outside.
    One(bool),
    /// Several were asked for: by their index. Every chunk is parsed.
    Each(HashMap<u32, bool>),
}

impl Ends {
    fn note(&mut self, chunk: &ChatChunk) -> Result<()> {
        match self {
            Self::One(ended) => *ended = *ended || chunk.ends_a_choice(),
            Self::Each(choices) => {
                for choice in chunk.parse()?.choices {
                    *choices.entry(choice.index).or_default() |= choice.finish_reason.is_some();
                }
            }
        }
        Ok(())
    }

    fn are_all(&self) -> bool {
        match self {
            Self::One(ended) => *ended,
            Self::Each(choices) => !choices.is_empty() && choices.values().all(|ended| *ended),
        }
    }
}

impl Chunks {
    /// The chunks of an answer of as many choices.
    pub(super) fn new(events: Events, choices: u32) -> Self {
        let ends = if choices > 1 { Ends::Each(HashMap::new()) } else { Ends::One(false) };
        Self { events, ends, says: false, ended: false }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatChunk>>> {
        loop {
            let event = match self.events.poll_event(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(event))) => event,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) if self.ends.are_all() && self.says => return Poll::Ready(None),
                Poll::Ready(None) if self.ends.are_all() => {
                    let nothing =
                        Error::upstream("The model's answer says nothing.").with_code("upstream_garbage");
                    return Poll::Ready(Some(Err(nothing)));
                }
                Poll::Ready(None) => {
                    return Poll::Ready(Some(Err(cut("the stream ended without a finish_reason"))));
                }
            };
            if !is_chunk(&event) {
                continue;
            }
            let says_something = holds(&event, b"\"choices\"") || holds(&event, b"\"usage\"");
            let chunk = ChatChunk::from_wire(event.data);
            if let (false, Ok(chunk)) = (self.says, &chunk) {
                self.says = says(chunk);
            }
            if says_something || chunk.is_err() {
                return Poll::Ready(Some(chunk.and_then(|chunk| self.ends.note(&chunk).map(|()| chunk))));
            }
        }
    }
}

/// Whether a chunk adds anything to a choice, be it only whose words they are. A text completion says it beside `delta`.
fn says(chunk: &ChatChunk) -> bool {
    let Ok(body) = chunk.parse() else { return true };
    let mut choices = body.choices.iter();
    choices
        .any(|choice| choice.delta != Delta::default() || choice.rest.values().any(|value| !value.is_null()))
}

fn holds(event: &Event, text: &[u8]) -> bool {
    memchr::memmem::find(&event.data, text).is_some()
}

/// Events with a name of their own (progress, pings) are no chunks, unless they say that they are.
fn is_chunk(event: &Event) -> bool {
    let is_message = event.name.is_empty() || event.name.as_ref() == b"message";
    is_message || holds(event, b"\"chat.completion.chunk\"") || holds(event, b"\"text_completion\"")
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
