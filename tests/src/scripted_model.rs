//! A model in this process that returns the replies of a list: for tests of the libraries, which need no HTTP upstream.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::stream;
use jan_core::chat::{ChunkBody, Delta, FunctionDelta, ToolCallDelta, Usage};
use jan_core::{
    ChatChunk, ChatReply, ChatRequest, ChatStream, Error, Model, ModelCall, ModelProvider, Result,
};
use tokio::sync::watch;

use crate::{Gate, within};

/// The reply of a [`ScriptedModel`] to one call.
pub enum ScriptedReply {
    /// This text, as a whole answer or as a stream of words, as the request says. Usage: ten prompt tokens, one
    /// completion token for each word.
    Text(String),
    /// A stream of these chunks, even if the request asks for a whole answer.
    Chunks(Vec<ChatChunk>),
    /// A stream of these chunks that waits at the gate before each.
    Gated(Vec<ChatChunk>, Gate),
    /// A stream of these chunks that then fails with the error.
    Broken(Vec<ChatChunk>, Error),
    /// An error instead of a stream or an answer.
    Fail(Error),
}

impl ScriptedReply {
    /// A reply with this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A reply that calls one tool.
    pub fn tool_call(id: &str, name: &str, arguments: &str) -> Self {
        let call = ToolCallDelta {
            id: Some(id.into()),
            kind: Some("function".into()),
            function: Some(FunctionDelta {
                name: Some(name.into()),
                arguments: Some(arguments.into()),
                ..FunctionDelta::default()
            }),
            ..ToolCallDelta::default()
        };
        let delta =
            Delta { role: Some("assistant".into()), tool_calls: Some(vec![call]), ..Delta::default() };
        let bodies = [head().delta(delta), head().finish("tool_calls"), head().usage(Usage::new(10, 1))];
        Self::Chunks(bodies.iter().map(chunk_of).collect())
    }
}

/// The chunks with which a [`ScriptedModel`] streams `text`: the role, one chunk for each word, the finish reason,
/// usage.
pub fn text_chunks(text: &str) -> Vec<ChatChunk> {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    let completion_tokens = u64::try_from(words.len()).unwrap();
    let mut bodies = vec![head().delta(Delta::assistant())];
    bodies.extend(words.into_iter().map(|word| head().delta(Delta::text(word))));
    bodies.push(head().finish("stop"));
    bodies.push(head().usage(Usage::new(10, completion_tokens)));
    bodies.iter().map(chunk_of).collect()
}

fn head() -> ChunkBody {
    ChunkBody::new("chatcmpl-scripted", ScriptedModel::NAME, 1)
}

fn chunk_of(body: &ChunkBody) -> ChatChunk {
    ChatChunk::new(body).unwrap()
}

/// A model that returns a list of replies, one for each call, and records its requests. Clones share the same list.
#[derive(Clone)]
pub struct ScriptedModel {
    replies: Arc<Mutex<VecDeque<ScriptedReply>>>,
    requests: Arc<Mutex<Vec<ChatRequest>>>,
    dropped: watch::Sender<usize>,
}

impl ScriptedModel {
    /// The name of its only model.
    pub const NAME: &str = "scripted";

    /// A model that returns `replies` in order; a call after the last is an internal error.
    pub fn new(replies: impl IntoIterator<Item = ScriptedReply>) -> Self {
        Self {
            replies: Arc::new(Mutex::new(replies.into_iter().collect())),
            requests: Arc::default(),
            dropped: watch::Sender::new(0),
        }
    }

    /// Adds a reply to the end of the list.
    pub fn then(&self, reply: ScriptedReply) {
        self.replies.lock().unwrap().push_back(reply);
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until `count` of its streams have been dropped before their end.
    ///
    /// # Panics
    /// When that does not happen within [`crate::WAIT_LIMIT`].
    pub async fn dropped(&self, count: usize) {
        let mut dropped = self.dropped.subscribe();
        let what = format!("{count} streams to be dropped");
        let _ = within(&what, dropped.wait_for(|now| *now >= count)).await;
    }

    fn play(&self, chunks: Vec<ChatChunk>, gate: Option<Gate>, error: Option<Error>) -> ChatStream {
        let items = chunks.into_iter().map(Ok).chain(error.map(Err)).collect::<VecDeque<_>>();
        let running = RunningStream { items, gate, dropped: self.dropped.clone() };
        ChatStream::new(stream::unfold(running, |mut running| async move {
            // Only chunks wait at the gate, an error does not.
            if let (Some(gate), Some(Ok(_))) = (&running.gate, running.items.front()) {
                gate.wait().await;
            }
            running.items.pop_front().map(|item| (item, running))
        }))
    }
}

/// A running stream. It counts as dropped if it is dropped before its last item was read.
struct RunningStream {
    items: VecDeque<Result<ChatChunk>>,
    gate: Option<Gate>,
    dropped: watch::Sender<usize>,
}

impl Drop for RunningStream {
    fn drop(&mut self) {
        if !self.items.is_empty() {
            self.dropped.send_modify(|count| *count += 1);
        }
    }
}

#[async_trait]
impl ModelProvider for ScriptedModel {
    async fn models(&self) -> Result<Vec<Model>> {
        Ok(vec![Model::new(Self::NAME, "jan-tests")])
    }

    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        let wants_stream = call.request.wants_stream();
        self.requests.lock().unwrap().push(call.request);
        let reply = self.replies.lock().unwrap().pop_front();
        match reply.ok_or_else(|| Error::internal("the script is over"))? {
            ScriptedReply::Text(text) if wants_stream => Ok(self.play(text_chunks(&text), None, None).into()),
            ScriptedReply::Text(text) => {
                Ok(self.play(text_chunks(&text), None, None).collect_answer().await?.into())
            }
            ScriptedReply::Chunks(chunks) => Ok(self.play(chunks, None, None).into()),
            ScriptedReply::Gated(chunks, gate) => Ok(self.play(chunks, Some(gate), None).into()),
            ScriptedReply::Broken(chunks, error) => Ok(self.play(chunks, None, Some(error)).into()),
            ScriptedReply::Fail(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    fn call(request: ChatRequest) -> ModelCall {
        ModelCall::new(request, jan_core::Principal::open("me"))
    }

    fn ask() -> ModelCall {
        call(ChatRequest::new(ScriptedModel::NAME).user("Hello!"))
    }

    #[tokio::test]
    async fn replies_are_returned_in_order() {
        let model = ScriptedModel::new([
            ScriptedReply::text("Hi there."),
            ScriptedReply::tool_call("call_1", "add", "{\"a\":1}"),
            ScriptedReply::Broken(text_chunks("Half")[..2].to_vec(), Error::upstream("gone")),
            ScriptedReply::Fail(Error::unavailable("not now")),
        ]);
        let answer = model.chat(ask()).await.unwrap().into_answer().await.unwrap().parse().unwrap();
        assert_eq!(answer.choices[0].message.text(), "Hi there.");
        assert_eq!(answer.usage.unwrap().completion_tokens, 2);
        let called = model.chat(ask()).await.unwrap().into_answer().await.unwrap().parse().unwrap();
        assert_eq!(called.choices[0].message.tool_calls.as_ref().unwrap()[0].function.arguments, "{\"a\":1}");
        assert_eq!(model.chat(ask()).await.unwrap().into_answer().await.unwrap_err().message(), "gone");
        assert_eq!(model.chat(ask()).await.err().unwrap().message(), "not now");
        assert_eq!(model.chat(ask()).await.err().unwrap().kind(), jan_core::ErrorKind::Internal);
        assert_eq!(model.requests().len(), 5);
    }

    #[tokio::test]
    async fn a_stream_dropped_at_the_gate_is_counted() {
        let gate = Gate::new();
        let model = ScriptedModel::new([ScriptedReply::Gated(text_chunks("One two"), gate.clone())]);
        let mut stream = model.chat(call(ask().request.stream(true))).await.unwrap().into_stream().unwrap();
        gate.pass(1);
        assert_eq!(stream.next().await.unwrap().unwrap().text(), "");
        drop(stream);
        model.dropped(1).await;
    }
}
