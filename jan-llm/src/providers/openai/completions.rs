//! Text completions of an upstream that supports them: `POST /completions`, passed through as bytes, as chats are.

use async_trait::async_trait;
use http::Method;
use jan_core::{
    ChatAnswer, ChatStream, CompletionProvider, CompletionReply, CompletionRequest, ModelCall, Result,
};

use super::OpenAi;

const PATH: &str = "/completions";

#[async_trait]
impl CompletionProvider for OpenAi {
    async fn complete(&self, call: ModelCall<CompletionRequest>) -> Result<CompletionReply> {
        let request = call.request;
        let each: u32 = request.get("n").ok().flatten().unwrap_or(1);
        let prompts = request.prompts().map_or(1, |prompts| prompts.len());
        let choices = each.saturating_mul(u32::try_from(prompts).unwrap_or(u32::MAX));
        let reply = self.transport.send(Method::POST, PATH, request.to_bytes()).await?;
        if reply.is_event_stream() {
            return Ok(CompletionReply::Stream(ChatStream::new(reply.into_chunks(choices)?)));
        }
        let answer = ChatAnswer::completion_from_wire(reply.bytes().await?);
        Ok(CompletionReply::Answer(answer.map_err(|error| self.transport.with_address(PATH, error))?))
    }
}
