//! A model that says back what it was told. For examples, tests and first steps: it needs no file and no network, and
//! streams like a real one.

use async_trait::async_trait;
use futures_util::stream;
use jan_core::chat::{AnswerBody, ChunkBody, Delta, Usage};
use jan_core::model::{Capabilities, ModelInfo};
use jan_core::{
    ChatAnswer, ChatChunk, ChatReply, ChatRequest, ChatStream, Clock, Model, ModelProvider, Result,
    SystemClock, id,
};

/// Repeats the last user message, word by word when streamed. A token is a word.
#[derive(Debug, Clone)]
pub struct Echo {
    name: String,
}

impl Default for Echo {
    fn default() -> Self {
        Self::named("echo")
    }
}

impl Echo {
    /// An echo under another name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    fn chunks(&self, text: &str, usage: Option<Usage>) -> Result<Vec<ChatChunk>> {
        let head = ChunkBody::new(id::short("chatcmpl-"), &self.name, SystemClock.unix_seconds());
        let words = text.split_inclusive(' ').map(|word| head.clone().delta(Delta::text(word)));
        let mut bodies = vec![head.clone().delta(Delta::assistant())];
        bodies.extend(words);
        bodies.push(head.clone().finish("stop"));
        bodies.extend(usage.map(|usage| head.usage(usage)));
        bodies.iter().map(ChatChunk::new).collect()
    }
}

#[async_trait]
impl ModelProvider for Echo {
    async fn models(&self) -> Result<Vec<Model>> {
        let none = Capabilities { tools: Some(false), ..Capabilities::default() };
        let info = ModelInfo { supports: none, ..ModelInfo::default() };
        Ok(vec![Model::new(&self.name, "jan").described(info)])
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatReply> {
        let messages = request.messages()?;
        let text = messages
            .iter()
            .rev()
            .find(|message| message.role == "user")
            .map(|m| m.text())
            .unwrap_or_default();
        let words = |text: &str| text.split_whitespace().count() as u64;
        let usage = Usage::new(messages.iter().map(|message| words(&message.text())).sum(), words(&text));
        if request.wants_stream() {
            let chunks = self.chunks(&text, request.wants_usage().then_some(usage))?;
            return Ok(ChatStream::new(stream::iter(chunks.into_iter().map(Ok))).into());
        }
        let answer = AnswerBody {
            created: SystemClock.unix_seconds(),
            usage: Some(usage),
            ..AnswerBody::text(&self.name, text)
        };
        Ok(ChatAnswer::new(&answer)?.into())
    }
}
