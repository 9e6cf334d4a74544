//! Replies as server-sent events. A chat is a stream of `data:` lines, and ends with `[DONE]` if and only if the answer
//! is complete. Other streams (image generation) have named events and no end marker. A stream that fails ends with an
//! error event.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_core::Stream;
use jan_core::causes::Causes;
use jan_core::{BoxStream, ChatChunk, ChatStream, Error, JsonObject, Result};
use tokio::time::{Instant, Sleep};

use super::body::EventBytes;
use super::error::{ErrorForm, to_json};

/// After this time without an event a comment is sent, so that proxies do not close the connection as idle.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Chunks that are ready at the same time are sent in one write, up to about this many bytes.
const MAX_WRITE: usize = 32 * 1024;

/// The end marker of a complete answer.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// An event stream as bytes. Dropping it stops the work behind it.
pub(crate) struct Events {
    /// The first chunk, if it was read before the reply began.
    first: Option<Result<ChatChunk>>,
    source: Source,
    complete: bool,
    errors: ErrorForm,
    keep_alive: Pin<Box<Sleep>>,
    last_write: Instant,
}

/// The source of the events.
enum Source {
    Chat(ChatStream),
    /// JSON objects whose `type` is the name of the event.
    Named(BoxStream<Result<JsonObject>>),
    /// The stream has ended.
    Over,
}

impl Events {
    /// The events of a chat; `first` is sent before `chunks`.
    pub(crate) fn chat(first: Option<Result<ChatChunk>>, chunks: ChatStream, errors: ErrorForm) -> Self {
        Self { first, ..Self::of(Source::Chat(chunks), errors) }
    }

    /// Named events.
    pub(crate) fn named(events: BoxStream<Result<JsonObject>>, errors: ErrorForm) -> Self {
        Self::of(Source::Named(events), errors)
    }

    fn of(source: Source, errors: ErrorForm) -> Self {
        let keep_alive = Box::pin(tokio::time::sleep(KEEP_ALIVE));
        Self { first: None, source, complete: false, errors, keep_alive, last_write: Instant::now() }
    }

    /// Writes the next event.
    fn poll_event(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<Option<Result<()>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first.map(|chunk| write_event(out, chunk.as_bytes()))));
        }
        match &mut self.source {
            Source::Chat(chunks) => {
                let chunk = Pin::new(chunks).poll_next(cx);
                chunk.map(|chunk| chunk.map(|chunk| chunk.map(|chunk| write_event(out, chunk.as_bytes()))))
            }
            Source::Named(events) => {
                let object = events.as_mut().poll_next(cx);
                object.map(|object| object.map(|object| object.and_then(|object| write_named(out, &object))))
            }
            Source::Over => Poll::Ready(None),
        }
    }

    /// Resets the timer only when it fires, which costs less than resetting it with every chunk.
    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        while self.keep_alive.as_mut().poll(cx).is_ready() {
            let due = self.last_write + KEEP_ALIVE;
            if Instant::now() >= due {
                self.last_write = Instant::now();
                self.keep_alive.as_mut().reset(self.last_write + KEEP_ALIVE);
                return Poll::Ready(Bytes::from_static(b": keep-alive\n\n"));
            }
            self.keep_alive.as_mut().reset(due);
        }
        Poll::Pending
    }

    fn log_error(&self, error: &Error) {
        let request_id = self.errors.request_id.as_str();
        tracing::warn!(request_id, error = %Causes(error), "a streamed answer broke off");
    }
}

impl EventBytes for Events {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut out = BytesMut::new();
        while out.len() < MAX_WRITE {
            match self.poll_event(cx, &mut out) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(()))) => {}
                Poll::Ready(Some(Err(error))) => {
                    self.source = Source::Over;
                    self.log_error(&error);
                    write_event(&mut out, &to_json(&error, &self.errors));
                }
                Poll::Ready(None) => {
                    match std::mem::replace(&mut self.source, Source::Over) {
                        Source::Over if out.is_empty() => return Poll::Ready(None),
                        Source::Over => break,
                        Source::Chat(_) => out.put_slice(DONE),
                        Source::Named(_) => {}
                    }
                    self.complete = true;
                }
            }
        }
        if out.is_empty() {
            return if self.is_over() { Poll::Ready(None) } else { self.poll_keep_alive(cx).map(Some) };
        }
        self.last_write = Instant::now();
        Poll::Ready(Some(out.freeze()))
    }

    fn is_over(&self) -> bool {
        matches!(self.source, Source::Over)
    }

    fn is_whole(&self) -> bool {
        self.complete
    }
}

/// Writes one event with its name.
fn write_named(out: &mut BytesMut, object: &JsonObject) -> Result<()> {
    // A name with a line break would be read as two lines.
    if let Some(name) = object.get::<String>("type")?.filter(|name| !name.contains(['\n', '\r'])) {
        out.put_slice(b"event: ");
        out.put_slice(name.as_bytes());
        out.put_u8(b'\n');
    }
    write_event(out, &object.to_bytes());
    Ok(())
}

/// Writes one event. JSON from an upstream may contain line breaks; each of its lines becomes a `data` line.
fn write_event(out: &mut BytesMut, data: &[u8]) {
    out.reserve(data.len() + 8);
    for line in data.split(|byte| *byte == b'\n') {
        out.put_slice(b"data: ");
        out.put_slice(line);
        out.put_u8(b'\n');
    }
    out.put_u8(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request_id::{self, RequestId};
    use futures_util::{StreamExt, stream};
    use std::future::poll_fn;

    fn form(bare: bool) -> ErrorForm {
        let headers = http::HeaderMap::from_iter([(request_id::HEADER, "req_1".parse().unwrap())]);
        ErrorForm { request_id: RequestId::of(&headers), bare }
    }

    async fn written(items: Vec<Result<ChatChunk>>) -> String {
        let mut events = Events::chat(None, ChatStream::new(stream::iter(items)), form(false));
        let mut out = Vec::new();
        while let Some(bytes) = poll_fn(|cx| events.poll_bytes(cx)).await {
            out.extend_from_slice(&bytes);
        }
        String::from_utf8(out).unwrap()
    }

    fn chunk(text: &'static str) -> Result<ChatChunk> {
        ChatChunk::from_wire(text.into())
    }

    #[tokio::test]
    async fn a_complete_answer_ends_with_done() {
        assert_eq!(
            written(vec![chunk("{\"a\":1}"), chunk("{\n}")]).await,
            "data: {\"a\":1}\n\ndata: {\ndata: }\n\ndata: [DONE]\n\n"
        );
    }

    #[tokio::test]
    async fn a_failed_answer_ends_with_an_error_and_no_done() {
        let text =
            written(vec![chunk("{}"), Err(Error::upstream("cut").with_code("upstream_cut")), chunk("{}")])
                .await;
        let (first, rest) = text.split_once("\n\n").unwrap();
        assert_eq!(first, "data: {}");
        let error: serde_json::Value =
            serde_json::from_str(rest.strip_prefix("data: ").unwrap().trim()).unwrap();
        assert_eq!(error["error"]["code"], "upstream_cut");
        assert_eq!(error["error"]["request_id"], "req_1");
        assert!(!text.contains("[DONE]"));
    }

    #[tokio::test]
    async fn a_stream_of_named_events_has_no_end_marker() {
        let object = |text: &'static str| JsonObject::parse(text.into());
        let items = vec![object("{\"type\":\"a.b\",\"n\":1}"), object("{\"type\":\"x\\ny\"}")];
        let mut events = Events::named(stream::iter(items).boxed(), form(false));
        let bytes = poll_fn(|cx| events.poll_bytes(cx)).await.unwrap();
        assert_eq!(bytes, "event: a.b\ndata: {\"type\":\"a.b\",\"n\":1}\n\ndata: {\"type\":\"x\\ny\"}\n\n");
        assert!(events.is_over() && events.is_whole());
        assert!(poll_fn(|cx| events.poll_bytes(cx)).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_gets_keep_alive_comments() {
        let silent =
            stream::once(tokio::time::sleep(KEEP_ALIVE * 5 / 2)).flat_map(|()| stream::iter([chunk("{}")]));
        let mut events = Events::chat(None, ChatStream::new(silent), form(false));
        let mut seen = Vec::new();
        while let Some(bytes) = poll_fn(|cx| events.poll_bytes(cx)).await {
            seen.push(bytes);
        }
        assert_eq!(seen, [": keep-alive\n\n", ": keep-alive\n\n", "data: {}\n\ndata: [DONE]\n\n"]);
    }
}
