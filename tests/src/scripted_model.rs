//! A model inside the process that says what a test wrote down: for tests of the rooms, where an HTTP upstream would
//! only be in the way.

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

/// What a [`ScriptedModel`] does when it is asked.
pub enum Turn {
    /// Says this, as an answer or as a stream of words, whichever is asked for; ten tokens read, one written a word.
    Text(String),
    /// Streams these chunks, whatever is asked for.
    Chunks(Vec<ChatChunk>),
    /// Streams these chunks, waiting at the gate before each.
    Gated(Vec<ChatChunk>, Gate),
    /// Streams these chunks and then breaks off with the error.
    Broken(Vec<ChatChunk>, Error),
    /// Fails before the first byte.
    Fail(Error),
}

impl Turn {
    /// Says `text`.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Calls one tool.
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
        Self::Chunks(bodies.iter().map(written).collect())
    }
}

/// The chunks in which a [`ScriptedModel`] says `text`: the role, a chunk a word, the end, usage.
pub fn words(text: &str) -> Vec<ChatChunk> {
    let said: Vec<&str> = text.split_inclusive(' ').collect();
    let spoken = u64::try_from(said.len()).unwrap();
    let mut bodies = vec![head().delta(Delta::assistant())];
    bodies.extend(said.into_iter().map(|word| head().delta(Delta::text(word))));
    bodies.push(head().finish("stop"));
    bodies.push(head().usage(Usage::new(10, spoken)));
    bodies.iter().map(written).collect()
}

fn head() -> ChunkBody {
    ChunkBody::new("chatcmpl-scripted", ScriptedModel::NAME, 1)
}

fn written(body: &ChunkBody) -> ChatChunk {
    ChatChunk::new(body).unwrap()
}

/// A model that plays a list of turns, one a call, and remembers what it was asked. Clones are the same model.
#[derive(Clone)]
pub struct ScriptedModel {
    turns: Arc<Mutex<VecDeque<Turn>>>,
    requests: Arc<Mutex<Vec<ChatRequest>>>,
    dropped: watch::Sender<usize>,
}

impl ScriptedModel {
    /// The one model that it has.
    pub const NAME: &str = "scripted";

    /// A model that will play `turns` in order; a call beyond the last is an internal error.
    pub fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self {
            turns: Arc::new(Mutex::new(turns.into_iter().collect())),
            requests: Arc::default(),
            dropped: watch::Sender::new(0),
        }
    }

    /// Adds a turn at the end.
    pub fn then(&self, turn: Turn) {
        self.turns.lock().unwrap().push_back(turn);
    }

    /// What it was asked so far.
    pub fn requests(&self) -> Vec<ChatRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until `count` of its streams were dropped before their end.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn dropped(&self, count: usize) {
        let mut dropped = self.dropped.subscribe();
        let what = format!("{count} streams to be dropped");
        let _ = within(&what, dropped.wait_for(|now| *now >= count)).await;
    }

    fn play(&self, chunks: Vec<ChatChunk>, gate: Option<Gate>, error: Option<Error>) -> ChatStream {
        let items = chunks.into_iter().map(Ok).chain(error.map(Err)).collect::<VecDeque<_>>();
        let playing = Playing { items, gate, dropped: self.dropped.clone() };
        ChatStream::new(stream::unfold(playing, |mut playing| async move {
            // An error is not a chunk: it needs no pass.
            if let (Some(gate), Some(Ok(_))) = (&playing.gate, playing.items.front()) {
                gate.wait().await;
            }
            playing.items.pop_front().map(|item| (item, playing))
        }))
    }
}

/// A stream under way; counted as dropped if it goes before its last item was taken.
struct Playing {
    items: VecDeque<Result<ChatChunk>>,
    gate: Option<Gate>,
    dropped: watch::Sender<usize>,
}

impl Drop for Playing {
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
        let turn = self.turns.lock().unwrap().pop_front();
        match turn.ok_or_else(|| Error::internal("the script is over"))? {
            Turn::Text(text) if wants_stream => Ok(self.play(words(&text), None, None).into()),
            Turn::Text(text) => Ok(self.play(words(&text), None, None).collect_answer().await?.into()),
            Turn::Chunks(chunks) => Ok(self.play(chunks, None, None).into()),
            Turn::Gated(chunks, gate) => Ok(self.play(chunks, Some(gate), None).into()),
            Turn::Broken(chunks, error) => Ok(self.play(chunks, None, Some(error)).into()),
            Turn::Fail(error) => Err(error),
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
    async fn turns_are_played_in_order() {
        let model = ScriptedModel::new([
            Turn::text("Hi there."),
            Turn::tool_call("call_1", "add", "{\"a\":1}"),
            Turn::Broken(words("Half")[..2].to_vec(), Error::upstream("gone")),
            Turn::Fail(Error::unavailable("not now")),
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
    async fn a_stream_let_go_of_at_the_gate_is_counted() {
        let gate = Gate::new();
        let model = ScriptedModel::new([Turn::Gated(words("One two"), gate.clone())]);
        let mut stream = model.chat(call(ask().request.stream(true))).await.unwrap().into_stream().unwrap();
        gate.pass(1);
        assert_eq!(stream.next().await.unwrap().unwrap().text(), "");
        drop(stream);
        model.dropped(1).await;
    }
}
