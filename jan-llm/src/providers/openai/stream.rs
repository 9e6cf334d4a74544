//! Converts the events of a streamed answer to chunks, and reports an incomplete answer as an error.

use std::collections::HashMap;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use jan_core::chat::Delta;
use jan_core::{ChatChunk, Error, Result};

use super::events::Events;
use super::faults::cut;
use crate::sse::Event;

/// The chunks of one answer, which ends with an error if it is incomplete, as [`jan_core::ChatStream`] requires. An
/// answer is complete when every choice had a `finish_reason`, whether `[DONE]` follows or only the end of the body.
pub(super) struct Chunks {
    events: Events,
    finished: Finished,
    /// Whether any chunk had content. Chunks are parsed only until then.
    has_content: bool,
    ended: bool,
}

/// Which choices had a `finish_reason`.
enum Finished {
    /// For a request with one choice. It is found without parsing the chunk.
    One(bool),
    /// For a request with several choices, by index. Every chunk is parsed.
    Each(HashMap<u32, bool>),
}

impl Finished {
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

    fn all(&self) -> bool {
        match self {
            Self::One(ended) => *ended,
            Self::Each(choices) => !choices.is_empty() && choices.values().all(|ended| *ended),
        }
    }
}

impl Chunks {
    /// The chunks of an answer with this number of choices.
    pub(super) fn new(events: Events, choices: u32) -> Self {
        let finished = if choices > 1 { Finished::Each(HashMap::new()) } else { Finished::One(false) };
        Self { events, finished, has_content: false, ended: false }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatChunk>>> {
        loop {
            let event = match self.events.poll_event(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(event))) => event,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) if self.finished.all() && self.has_content => return Poll::Ready(None),
                Poll::Ready(None) if self.finished.all() => {
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
            let is_relevant = contains(&event, b"\"choices\"") || contains(&event, b"\"usage\"");
            let chunk = ChatChunk::from_wire(event.data);
            if let (false, Ok(chunk)) = (self.has_content, &chunk) {
                self.has_content = has_content(chunk);
            }
            if is_relevant || chunk.is_err() {
                return Poll::Ready(Some(chunk.and_then(|chunk| self.finished.note(&chunk).map(|()| chunk))));
            }
        }
    }
}

/// Whether a chunk adds anything to a choice, even if it is only the role. The text of a text completion is not in
/// `delta` but in another member of the choice.
fn has_content(chunk: &ChatChunk) -> bool {
    let Ok(body) = chunk.parse() else { return true };
    let mut choices = body.choices.iter();
    choices
        .any(|choice| choice.delta != Delta::default() || choice.rest.values().any(|value| !value.is_null()))
}

fn contains(event: &Event, text: &[u8]) -> bool {
    memchr::memmem::find(&event.data, text).is_some()
}

/// Whether an event is a chunk. Events with another name (progress, pings) are not, unless their data says so.
fn is_chunk(event: &Event) -> bool {
    let is_message = event.name.is_empty() || event.name.as_ref() == b"message";
    is_message || contains(event, b"\"chat.completion.chunk\"") || contains(event, b"\"text_completion\"")
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
