//! A model that repeats the user's message. It serves examples and tests: it needs no file and no network, and streams
//! like a real model.

use async_trait::async_trait;
use futures_util::stream;
use jan_core::chat::{AnswerBody, ChunkBody, Delta, Rest, Usage};
use jan_core::completion::{Prompt, text_chunk, text_head};
use jan_core::model::{Capabilities, ModelInfo};
use jan_core::{
    ChatAnswer, ChatChunk, ChatReply, ChatStream, Clock, CompletionProvider, CompletionReply,
    CompletionRequest, Error, Model, ModelCall, ModelProvider, Result, SystemClock, id,
};

/// Repeats the last user message, word by word when streamed. One word counts as one token.
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
    /// An echo model with another name.
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

/// The number of words, which is the number of tokens of this model.
fn tokens(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[async_trait]
impl ModelProvider for Echo {
    async fn models(&self) -> Result<Vec<Model>> {
        let none = Capabilities { tools: Some(false), ..Capabilities::default() };
        let info = ModelInfo { supports: none, ..ModelInfo::default() };
        Ok(vec![Model::new(&self.name, "jan").described(info)])
    }

    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        let request = call.request;
        let messages = request.messages()?;
        let text = messages
            .iter()
            .rev()
            .find(|message| message.role == "user")
            .map(|m| m.text())
            .unwrap_or_default();
        let usage = Usage::new(messages.iter().map(|message| tokens(&message.text())).sum(), tokens(&text));
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

    fn completions(&self) -> Option<&dyn CompletionProvider> {
        Some(self)
    }
}

#[async_trait]
impl CompletionProvider for Echo {
    /// The completion of each prompt is the prompt itself.
    async fn complete(&self, call: ModelCall<CompletionRequest>) -> Result<CompletionReply> {
        let request = call.request;
        let mut head = text_head(id::short("cmpl-"), &self.name, SystemClock.unix_seconds());
        let echo = request.get("echo")?.unwrap_or(false);
        let (mut chunks, mut used) = (Vec::new(), 0);
        for (index, prompt) in (0..).zip(request.prompts()?) {
            let Prompt::Text(text) = prompt else {
                return Err(Error::invalid("prompt", "This model takes `prompt` as text."));
            };
            used += tokens(&text);
            let output = if echo { format!("{text}{text}") } else { text };
            for word in output.split_inclusive(' ') {
                chunks.push(text_chunk(&head, index, word, None, Rest::new())?);
            }
            chunks.push(text_chunk(&head, index, "", Some("stop"), Rest::new())?);
        }
        if !request.wants_stream() || request.wants_usage() {
            head = head.usage(Usage::new(used, used));
            chunks.push(ChatChunk::new(&head)?);
        }
        Ok(CompletionReply::Stream(ChatStream::new(stream::iter(chunks.into_iter().map(Ok)))))
    }
}
