//! Text completions of the chat service.

use std::sync::Arc;

use jan_core::chat::{ChatAnswer, ChatStream};
use jan_core::{
    CallReport, CompletionProvider, CompletionRequest, Error, ModelCall, ModelProvider, Principal, Result,
};

use crate::Chat;
use crate::router::no_completions;
use crate::turn::shown_to_caller;

/// A text completion that is ready to be sent. Dropping it, or the future or stream that it returns, stops the model.
#[must_use = "nothing is sent until it is completed or streamed"]
pub struct TextTurn {
    provider: Arc<dyn ModelProvider>,
    call: ModelCall<CompletionRequest>,
}

impl TextTurn {
    /// The report of the call, to which the provider's layers write: for example the used tokens, once they are known.
    pub fn report(&self) -> &CallReport {
        &self.call.report
    }

    /// Whether the request asks for a stream.
    pub fn wants_stream(&self) -> bool {
        self.call.request.wants_stream()
    }

    /// One whole answer.
    ///
    /// # Errors
    /// As [`CompletionProvider::complete`]; [`jan_core::ErrorKind::Invalid`] when the model answers chats only.
    pub async fn complete(self) -> Result<ChatAnswer> {
        let Self { provider, mut call } = self;
        if call.request.wants_stream() {
            call.request = call.request.stream(false).without("stream_options");
        }
        text_provider(&*provider, &call.request)?.complete(call).await?.into_answer().await
    }

    /// The answer as a stream of chunks; the last one has the usage if `stream_options.include_usage` is set.
    ///
    /// # Errors
    /// As [`TextTurn::complete`] before the first chunk; later errors are the stream's last item.
    pub async fn stream(self) -> Result<ChatStream> {
        let Self { provider, mut call } = self;
        let shows_usage = call.request.wants_usage();
        if !call.request.wants_stream() {
            call.request = call.request.stream(true);
        }
        let chunks = text_provider(&*provider, &call.request)?.complete(call).await?.into_stream()?;
        Ok(shown_to_caller(chunks, shows_usage))
    }
}

fn text_provider<'a>(
    provider: &'a dyn ModelProvider,
    request: &CompletionRequest,
) -> Result<&'a dyn CompletionProvider, Error> {
    provider.completions().ok_or_else(|| no_completions(request.model()))
}

impl Chat {
    /// Prepares a text completion.
    pub fn text_turn(&self, call: ModelCall<CompletionRequest>) -> TextTurn {
        TextTurn { provider: self.provider().clone(), call }
    }

    /// Completes a prompt in one whole answer. Dropping the future stops the model.
    ///
    /// # Errors
    /// As [`TextTurn::complete`].
    pub async fn complete_text(
        &self,
        request: CompletionRequest,
        principal: &Principal,
    ) -> Result<ChatAnswer> {
        self.text_turn(ModelCall::new(request, principal)).complete().await
    }

    /// Completes a prompt as a stream of chunks, as [`TextTurn::stream`] does. Dropping the stream stops the model.
    ///
    /// # Errors
    /// As [`TextTurn::stream`].
    pub async fn stream_text(&self, request: CompletionRequest, principal: &Principal) -> Result<ChatStream> {
        self.text_turn(ModelCall::new(request, principal)).stream().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Echo;
    use futures_util::TryStreamExt;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_prompt_is_completed_whole_and_streamed() {
        let (chat, me) = (Chat::new(Echo::default()), Principal::open("me"));
        let request = CompletionRequest::new("echo", "one two").with("prompt", &["one two", "three"]);
        let whole = chat.complete_text(request.clone().with("echo", &true), &me).await.unwrap();
        let whole: Value = serde_json::from_slice(&whole.to_bytes()).unwrap();
        assert_eq!(whole["object"], "text_completion");
        assert_eq!(
            (&whole["choices"][0]["text"], &whole["choices"][1]["text"]),
            (&json!("one twoone two"), &json!("threethree"))
        );
        assert_eq!(whole["usage"]["total_tokens"], 6);
        let chunks: Vec<_> = chat.stream_text(request, &me).await.unwrap().try_collect().await.unwrap();
        let chunks = chunks.iter().map(|chunk| serde_json::from_slice::<Value>(chunk.as_bytes()).unwrap());
        let text: String =
            chunks.map(|chunk| chunk["choices"][0]["text"].as_str().unwrap().to_owned()).collect();
        assert_eq!(text, "one twothree");
    }
}
