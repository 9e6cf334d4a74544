//! The model provider of a server without a configured model: every request fails with 503 and a message that says how
//! to configure one.

use async_trait::async_trait;
use jan_core::{
    ChatReply, CompletionProvider, CompletionReply, CompletionRequest, Error, Model, ModelCall,
    ModelProvider, Result,
};

const HELP: &str = "No model is configured. Start the server with one: `make run` fetches a small one and starts it; \
                    `JAN_LOCAL_MODEL=/path/to/model.gguf jan-server` runs your own; \
                    `JAN_UPSTREAM_URL=http://localhost:11434/v1 jan-server` asks another server.";

pub(crate) struct NoModel;

#[async_trait]
impl ModelProvider for NoModel {
    async fn models(&self) -> Result<Vec<Model>> {
        Ok(Vec::new())
    }

    async fn chat(&self, _: ModelCall) -> Result<ChatReply> {
        Err(Error::unavailable(HELP).with_code("no_model"))
    }

    fn completions(&self) -> Option<&dyn CompletionProvider> {
        Some(self)
    }
}

#[async_trait]
impl CompletionProvider for NoModel {
    async fn complete(&self, _: ModelCall<CompletionRequest>) -> Result<CompletionReply> {
        Err(Error::unavailable(HELP).with_code("no_model"))
    }
}
