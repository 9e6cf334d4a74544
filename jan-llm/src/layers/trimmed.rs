//! A conversation outgrows the context of its model: what no longer fits is left out of a request before it is asked.

use async_trait::async_trait;
use jan_core::chat::Message;
use jan_core::{ChatReply, ChatRequest, Model, ModelCall, ModelProvider, Result};

use crate::trim::{DEFAULT_CONTEXT, Window, tokens_at_most};

/// Requests with less JSON than this fit into any model; it is not asked how much it can read.
const SHORT: usize = 8 * 1024;

/// Fits requests that hold the history of a conversation ([`ModelCall::history`]) into the context that the model's
/// provider states (`context_length`, `max_model_len` or `context_window`), and reports it ([`jan_core::CallReport::trimmed`]). A
/// request that holds only what its caller sent is passed on as it is.
pub struct Trimmed<P> {
    provider: P,
}

impl<P: ModelProvider> Trimmed<P> {
    /// Trims what `provider` is asked.
    pub fn new(provider: P) -> Self {
        Self { provider }
    }

    /// The messages that fit, when not all do.
    async fn fit(&self, request: &ChatRequest) -> Result<Option<Vec<Message>>> {
        let length = |name| request.raw(name).map_or(0, |raw| raw.len());
        if length("messages") + length("tools") < SHORT {
            return Ok(None);
        }
        let max_tokens = request.get("max_completion_tokens")?.or(request.get("max_tokens")?);
        let context = self.context(request.model()).await;
        let tools = request.raw("tools").map(|raw| raw.as_ref());
        let window = Window { context, max_tokens, tools };
        // Most conversations fit by far, which their length alone shows: their messages are not read.
        if request.raw("messages").is_none_or(|raw| tokens_at_most(raw) <= window.budget()) {
            return Ok(None);
        }
        let fitted = window.fit(request.messages()?);
        Ok(fitted.trimmed.then_some(fitted.messages))
    }

    /// How much the model can read, as its provider says.
    async fn context(&self, model: &str) -> u32 {
        let models = self.provider.models().await.unwrap_or_default();
        let known = models.iter().find(|known| known.id == model);
        let stated = known.and_then(|model| {
            ["context_length", "max_model_len", "context_window"]
                .iter()
                .find_map(|key| model.rest.get(*key)?.as_u64())
        });
        stated.and_then(|context| u32::try_from(context).ok()).unwrap_or(DEFAULT_CONTEXT)
    }
}

#[async_trait]
impl<P: ModelProvider> ModelProvider for Trimmed<P> {
    async fn models(&self) -> Result<Vec<Model>> {
        self.provider.models().await
    }

    fn inner(&self) -> Option<&dyn ModelProvider> {
        Some(&self.provider)
    }

    async fn chat(&self, mut call: ModelCall) -> Result<ChatReply> {
        if call.history.is_some()
            && let Some(messages) = self.fit(&call.request).await?
        {
            call.request = call.request.with("messages", &messages);
            call.report.set_trimmed();
        }
        self.provider.chat(call).await
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use std::sync::Arc;

    use jan_core::{ChatAnswer, History, Principal};
    use serde_json::json;

    use super::*;

    /// A model that reads 2000 tokens and remembers what it was asked.
    #[derive(Default)]
    struct Small(Mutex<Vec<ChatRequest>>);

    #[async_trait]
    impl ModelProvider for Small {
        async fn models(&self) -> Result<Vec<Model>> {
            let mut model = Model::new("small", "me");
            model.rest.insert("context_length".into(), json!(2000));
            Ok(vec![model])
        }

        async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
            self.0.lock().push(call.request);
            Ok(ChatAnswer::text("small", "ok")?.into())
        }
    }

    #[tokio::test]
    async fn history_is_trimmed_and_what_the_caller_sent_is_not() {
        let small = Arc::new(Small::default());
        let trimmed = Trimmed::new(small.clone());
        let request = (0..20)
            .fold(ChatRequest::new("small"), |request, i| request.user(format!("{i} {}", "x".repeat(900))));
        for has_history in [false, true] {
            let mut call = ModelCall::new(request.clone(), Principal::open("me"));
            call.history = has_history.then(|| Arc::new(History::default()));
            let report = call.report.clone();
            trimmed.chat(call).await.unwrap();
            let asked = small.0.lock().pop().unwrap();
            assert_eq!(report.trimmed(), has_history);
            assert_eq!(asked.messages().unwrap().len() < 20, has_history);
            assert!(asked.messages().unwrap().last().unwrap().text().starts_with("19 "));
        }
    }
}
