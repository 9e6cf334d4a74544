//! The chat service: what happens to every chat, streamed or not, before and after the model.

use std::sync::Arc;

use jan_core::{ChatAnswer, ChatReply, ChatRequest, ChatStream, ModelProvider, Principal, Result};
use serde_json::{Map, Value};

/// Answers chats through a [`ModelProvider`]. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    provider: Arc<dyn ModelProvider>,
}

impl Chat {
    /// A chat service over `provider`.
    pub fn new(provider: impl ModelProvider) -> Self {
        Self::over(Arc::new(provider))
    }

    /// A chat service over a provider that others hold too.
    pub fn over(provider: Arc<dyn ModelProvider>) -> Self {
        Self { provider }
    }

    /// The provider behind the service.
    pub fn provider(&self) -> &Arc<dyn ModelProvider> {
        &self.provider
    }

    /// Answers `who` with one whole answer. Dropping the future stops the model.
    ///
    /// # Errors
    /// As [`ModelProvider::chat`]; an answer that broke off is an error.
    pub async fn complete(&self, request: ChatRequest, who: &Principal) -> Result<ChatAnswer> {
        let request =
            if request.wants_stream() { request.stream(false).without("stream_options") } else { request };
        self.ask(request, who).await?.into_answer().await
    }

    /// Answers `who` chunk by chunk; the last chunk carries usage unless the request declines it. Dropping the stream
    /// stops the model.
    ///
    /// # Errors
    /// As [`ModelProvider::chat`] before the first chunk; later errors are the stream's last item.
    pub async fn stream(&self, request: ChatRequest, who: &Principal) -> Result<ChatStream> {
        let request = if request.wants_stream() { request } else { request.stream(true) };
        let request = if request.wants_usage() { ask_for_usage(request)? } else { request };
        self.ask(request, who).await?.into_stream()
    }

    async fn ask(&self, request: ChatRequest, _who: &Principal) -> Result<ChatReply> {
        (*self.provider).chat(request).await
    }
}

/// Usage is always measured: where the caller says nothing, the model is asked to report it.
fn ask_for_usage(request: ChatRequest) -> Result<ChatRequest> {
    let mut options: Map<String, Value> = request.get("stream_options")?.unwrap_or_default();
    if options.get("include_usage") == Some(&Value::Bool(true)) {
        return Ok(request);
    }
    options.insert("include_usage".into(), true.into());
    Ok(request.with("stream_options", &options))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Echo;
    use futures_util::TryStreamExt;

    #[tokio::test]
    async fn streamed_and_whole_answers_say_the_same() {
        let (chat, me) = (Chat::new(Echo::default()), Principal::open("me"));
        let request = ChatRequest::new("echo").user("one two three");
        let whole = chat.complete(request.clone(), &me).await.unwrap().parse().unwrap();
        let stream = chat.stream(request, &me).await.unwrap();
        let chunks: Vec<_> = stream.try_collect().await.unwrap();
        let text: String = chunks.iter().map(|chunk| chunk.text()).collect();
        assert_eq!(whole.choices[0].message.text(), text);
        assert!(chunks.len() > 3);
        assert_eq!(chunks.last().unwrap().parse().unwrap().usage, whole.usage);
    }

    #[test]
    fn usage_is_asked_for_without_losing_other_options() {
        let request = ChatRequest::new("m")
            .user("x")
            .with("stream_options", &serde_json::json!({"include_obfuscation": false}));
        let asked: Map<String, Value> =
            ask_for_usage(request).unwrap().get("stream_options").unwrap().unwrap();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked["include_usage"], true);
    }
}
