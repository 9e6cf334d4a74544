//! The reply of a model: a whole answer or a stream of chunks. Each can be converted into the other.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::{StreamExt, stream};

use super::{AnswerBody, ChatAnswer, ChatChunk, ChunkBody, Collector, Delta, ToolCallDelta};
use crate::{BoxStream, Result};

/// The chunks of one answer.
///
/// The end of the stream means that the answer is complete. An answer that was cut off ends with an error item
/// instead, and no item follows an error. Dropping the stream stops the model.
pub struct ChatStream(BoxStream<Result<ChatChunk>>);

impl ChatStream {
    /// Wraps a stream of chunks that has these properties.
    pub fn new(chunks: impl Stream<Item = Result<ChatChunk>> + Send + 'static) -> Self {
        Self(Box::pin(chunks))
    }

    /// Reads the stream to its end and combines the chunks into one answer.
    ///
    /// # Errors
    /// The stream's error, or [`crate::ErrorKind::Upstream`] when a chunk cannot be read, a choice has no finish
    /// reason, or the answer is larger than [`super::MAX_COLLECTED`]. Dropping the future drops the stream.
    pub async fn collect_answer(mut self) -> Result<ChatAnswer> {
        let mut collector = Collector::default();
        while let Some(chunk) = self.0.next().await {
            collector.push(chunk?.parse()?)?;
        }
        ChatAnswer::new(&collector.finish()?)
    }
}

impl Stream for ChatStream {
    type Item = Result<ChatChunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

/// A model's reply. Providers return the form that they have; callers convert it into the form that they need.
pub enum ChatReply {
    /// The whole answer.
    Answer(ChatAnswer),
    /// The answer chunk by chunk.
    Stream(ChatStream),
}

impl ChatReply {
    /// The reply as one answer. A stream is read to its end.
    ///
    /// # Errors
    /// As [`ChatStream::collect_answer`].
    pub async fn into_answer(self) -> Result<ChatAnswer> {
        match self {
            Self::Answer(answer) => Ok(answer),
            Self::Stream(stream) => stream.collect_answer().await,
        }
    }

    /// The reply as a stream. A whole answer becomes a few chunks, the last of them with its usage.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when the answer is not a chat completion.
    pub fn into_stream(self) -> Result<ChatStream> {
        match self {
            Self::Stream(stream) => Ok(stream),
            Self::Answer(answer) => {
                let chunks = split(answer.parse()?)?;
                Ok(ChatStream::new(stream::iter(chunks.into_iter().map(Ok))))
            }
        }
    }
}

impl From<ChatAnswer> for ChatReply {
    fn from(answer: ChatAnswer) -> Self {
        Self::Answer(answer)
    }
}

impl From<ChatStream> for ChatReply {
    fn from(stream: ChatStream) -> Self {
        Self::Stream(stream)
    }
}

/// The chunks of a stream with the same content as `answer`.
fn split(answer: AnswerBody) -> Result<Vec<ChatChunk>> {
    let head = ChunkBody { rest: answer.rest, ..ChunkBody::new(answer.id, answer.model, answer.created) };
    let mut chunks = Vec::new();
    for choice in answer.choices {
        let message = choice.message;
        let calls = message.tool_calls.as_deref().unwrap_or_default();
        let tool_calls: Vec<_> =
            (0..).zip(calls).map(|(index, call)| ToolCallDelta::whole(index, call)).collect();
        let mut rest = message.rest.clone();
        let reasoning = rest.remove("reasoning_content").and_then(|value| value.as_str().map(str::to_owned));
        let delta = Delta {
            role: Some(message.role.clone()),
            content: message.content.as_ref().map(|_| message.text()),
            reasoning_content: reasoning,
            tool_calls: (!tool_calls.is_empty()).then_some(tool_calls),
            rest,
        };
        let mut content = head.clone().delta(delta);
        let mut end = head.clone().finish(choice.finish_reason.unwrap_or_else(|| "stop".into()));
        for part in content.choices.iter_mut().chain(&mut end.choices) {
            part.index = choice.index;
        }
        for part in &mut content.choices {
            part.rest.clone_from(&choice.rest);
        }
        chunks.push(ChatChunk::new(&content)?);
        chunks.push(ChatChunk::new(&end)?);
    }
    if let Some(usage) = answer.usage {
        chunks.push(ChatChunk::new(&head.usage(usage))?);
    }
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Choice, Content, FunctionCall, Message, ToolCall, Usage};
    use proptest::prelude::*;

    fn calls(names: Vec<String>) -> Option<Vec<ToolCall>> {
        let call = |name: String| ToolCall {
            id: format!("call_{name}"),
            kind: "function".into(),
            function: FunctionCall::new(name, "{\"a\":1}"),
            ..ToolCall::default()
        };
        (!names.is_empty()).then(|| names.into_iter().map(call).collect())
    }

    proptest! {
        #[test]
        fn splitting_and_collecting_gives_the_same_answer(
            texts in proptest::collection::vec(proptest::option::of(".{0,20}"), 1..4),
            names in proptest::collection::vec("[a-z]{1,8}", 0..3),
            tokens in 0u64..1000,
        ) {
            let choices = (0..).zip(texts).map(|(index, text)| Choice {
                index,
                message: Message {
                    role: "assistant".into(),
                    content: text.map(Content::Text),
                    tool_calls: calls(names.clone()),
                    ..Message::default()
                },
                finish_reason: Some("stop".into()),
                ..Choice::default()
            });
            let answer = AnswerBody {
                id: "chatcmpl-1".into(), object: "chat.completion".into(), model: "m".into(), created: 5,
                choices: choices.collect(), usage: Some(Usage::new(tokens, 2)), ..AnswerBody::default()
            };
            let mut collector = Collector::default();
            for chunk in split(answer.clone()).unwrap() {
                collector.push(chunk.parse().unwrap()).unwrap();
            }
            prop_assert_eq!(collector.finish().unwrap(), answer);
        }
    }
}
