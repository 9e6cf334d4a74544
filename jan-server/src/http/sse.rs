//! A chat as server-sent events: `data:` lines, `[DONE]` after a whole answer and only then, an error event otherwise.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_core::Stream;
use jan_core::{ChatChunk, ChatStream, Error, Result};
use tokio::time::{Instant, Sleep};

use super::error;

/// A comment is sent when the model was silent for so long, so that nothing on the way takes the stream for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Chunks that are ready at once leave in one write, up to this many bytes.
const WRITE: usize = 32 * 1024;

/// How a whole answer ends.
pub(super) const DONE: &[u8] = b"data: [DONE]\n\n";

/// The bytes of an event stream. Dropping it stops the model.
pub(crate) struct ChatEvents {
    /// A chunk taken from the stream before it became a body.
    first: Option<Result<ChatChunk>>,
    chunks: Option<ChatStream>,
    request_id: String,
    silence: Pin<Box<Sleep>>,
    last_write: Instant,
}

impl ChatEvents {
    /// The events of `chunks`; `first` goes before them.
    pub(crate) fn new(first: Option<Result<ChatChunk>>, chunks: ChatStream, request_id: String) -> Self {
        let silence = Box::pin(tokio::time::sleep(KEEP_ALIVE));
        Self { first, chunks: Some(chunks), request_id, silence, last_write: Instant::now() }
    }

    /// What can be written now.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut out = BytesMut::new();
        while out.len() < WRITE {
            match self.poll_chunk(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(chunk))) => event(&mut out, chunk.as_bytes()),
                Poll::Ready(Some(Err(fault))) => {
                    self.chunks = None;
                    self.report(&fault);
                    event(&mut out, &error::to_json(&fault, &self.request_id));
                }
                Poll::Ready(None) if self.chunks.take().is_some() => out.put_slice(DONE),
                Poll::Ready(None) if out.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => break,
            }
        }
        if out.is_empty() {
            return self.poll_keep_alive(cx).map(Some);
        }
        self.last_write = Instant::now();
        Poll::Ready(Some(out.freeze()))
    }

    /// Nothing follows what was written last.
    pub(super) fn is_over(&self) -> bool {
        self.chunks.is_none()
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatChunk>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        match &mut self.chunks {
            Some(chunks) => Pin::new(chunks).poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    /// The timer is set anew when it fires, not for every chunk.
    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        while self.silence.as_mut().poll(cx).is_ready() {
            let due = self.last_write + KEEP_ALIVE;
            if Instant::now() >= due {
                self.last_write = Instant::now();
                self.silence.as_mut().reset(self.last_write + KEEP_ALIVE);
                return Poll::Ready(Bytes::from_static(b": keep-alive\n\n"));
            }
            self.silence.as_mut().reset(due);
        }
        Poll::Pending
    }

    fn report(&self, fault: &Error) {
        tracing::warn!(request_id = self.request_id, error = ?fault, "a streamed answer broke off");
    }
}

/// Writes one event. JSON from an upstream may hold line breaks; each line is then a `data` line of its own.
fn event(out: &mut BytesMut, data: &[u8]) {
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
    use futures_util::{StreamExt, stream};
    use std::future::poll_fn;

    async fn written(items: Vec<Result<ChatChunk>>) -> String {
        let mut events = ChatEvents::new(None, ChatStream::new(stream::iter(items)), "req_1".into());
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
    async fn a_whole_answer_ends_with_done() {
        assert_eq!(
            written(vec![chunk("{\"a\":1}"), chunk("{\n}")]).await,
            "data: {\"a\":1}\n\ndata: {\ndata: }\n\ndata: [DONE]\n\n"
        );
    }

    #[tokio::test]
    async fn a_cut_answer_ends_with_an_error_and_no_done() {
        let text =
            written(vec![chunk("{}"), Err(Error::upstream("cut").code("upstream_cut")), chunk("{}")]).await;
        let (first, rest) = text.split_once("\n\n").unwrap();
        assert_eq!(first, "data: {}");
        let error: serde_json::Value =
            serde_json::from_str(rest.strip_prefix("data: ").unwrap().trim()).unwrap();
        assert_eq!(error["error"]["code"], "upstream_cut");
        assert_eq!(error["error"]["request_id"], "req_1");
        assert!(!text.contains("[DONE]"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_model_is_kept_alive() {
        let silent =
            stream::once(tokio::time::sleep(KEEP_ALIVE * 5 / 2)).flat_map(|()| stream::iter([chunk("{}")]));
        let mut events = ChatEvents::new(None, ChatStream::new(silent), "r".into());
        let mut seen = Vec::new();
        while let Some(bytes) = poll_fn(|cx| events.poll_bytes(cx)).await {
            seen.push(bytes);
        }
        assert_eq!(seen, [": keep-alive\n\n", ": keep-alive\n\n", "data: {}\n\ndata: [DONE]\n\n"]);
    }
}
