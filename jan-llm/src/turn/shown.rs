//! What of a stream its caller sees. Usage is always measured, but a chunk without choices is what only those expect who
//! asked for usage: the loops of OpenAI's documentation read `chunk.choices[0]`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use jan_core::{ChatChunk, ChatStream, JsonObject, Result};

/// Members that every chunk has; what else stands in a chunk without choices is passed on with the next.
const COMMON: [&str; 6] = ["id", "object", "created", "model", "choices", "usage"];

/// A stream of which nobody sees a chunk without choices, but for usage that was asked for.
pub(super) struct Shown {
    chunks: ChatStream,
    /// Whether usage was asked for.
    usage: bool,
    /// What a chunk without choices said (Azure's `prompt_filter_results`), until there is one that can say it.
    held: JsonObject,
}

impl Shown {
    pub(super) fn new(chunks: ChatStream, usage: bool) -> Self {
        Self { chunks, usage, held: JsonObject::new() }
    }

    fn hold(&mut self, chunk: &ChatChunk) -> Result<()> {
        let mut more = JsonObject::parse(chunk.as_bytes().clone())?;
        for common in COMMON {
            more.remove(common);
        }
        self.held.merge(&more);
        Ok(())
    }

    /// The chunk with what was held.
    fn with_held(&mut self, chunk: ChatChunk) -> Result<ChatChunk> {
        if self.held.members().next().is_none() {
            return Ok(chunk);
        }
        let mut object = std::mem::take(&mut self.held);
        object.merge(&JsonObject::parse(chunk.as_bytes().clone())?);
        ChatChunk::from_wire(object.to_bytes())
    }
}

impl Stream for Shown {
    type Item = Result<ChatChunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let chunk = match ready!(Pin::new(&mut self.chunks).poll_next(cx)) {
                Some(Ok(chunk)) => chunk,
                end => return Poll::Ready(end),
            };
            if chunk.has_choices() {
                return Poll::Ready(Some(self.with_held(chunk)));
            }
            if self.usage && chunk.usage().is_some() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            // What cannot be read says nothing that could be passed on.
            if let Err(error) = self.hold(&chunk) {
                tracing::debug!(%error, "a chunk without choices was left out");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{TryStreamExt, stream};
    use serde_json::{Value, json};

    async fn seen(usage: bool, chunks: &[Value]) -> Vec<Value> {
        let chunks: Vec<_> =
            chunks.iter().map(|chunk| ChatChunk::from_wire(chunk.to_string().into())).collect();
        let shown = Shown::new(ChatStream::new(stream::iter(chunks)), usage);
        let shown: Vec<_> = shown.try_collect().await.unwrap();
        shown.iter().map(|chunk| serde_json::from_slice(chunk.as_bytes()).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_chunk_without_choices_is_for_those_who_asked_for_usage() {
        let said = json!({"id": "a", "choices": [{"index": 0, "delta": {"content": "x"}}], "usage": null});
        let usage = json!({"id": "a", "choices": [], "usage": {"total_tokens": 3}});
        let filter = json!({"id": "", "model": "", "choices": [], "prompt_filter_results": [1]});
        let all = [filter, said.clone(), usage.clone()];
        let mut first = said;
        first["prompt_filter_results"] = json!([1]);
        assert_eq!(seen(false, &all).await, [first.clone()]);
        assert_eq!(seen(true, &all).await, [first, usage]);
    }
}
