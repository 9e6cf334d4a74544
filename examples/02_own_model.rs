//! 02 · Your own model behind the API. You write one method that answers; callers get a stream or a whole answer, as
//! they request it. Callers authenticate with an API key.
//!
//!     cargo run -p jan-examples --bin 02_own_model

use async_trait::async_trait;
use jan_core::model::{Capabilities, ModelInfo};
use jan_core::{ChatAnswer, ChatReply, Error, Model, ModelCall, ModelProvider, Result, Secret};
use jan_server::{ApiKeys, Server, bind};

struct Parrot;

#[async_trait]
impl ModelProvider for Parrot {
    async fn models(&self) -> Result<Vec<Model>> {
        // A client reads this before it offers tools, reasoning or images.
        let supports = Capabilities { tools: Some(false), ..Capabilities::default() };
        let info = ModelInfo { display_name: Some("The Parrot".into()), supports, ..ModelInfo::default() };
        Ok(vec![Model::new("parrot", "me").described(info)])
    }

    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        let messages = call.request.messages()?;
        let last = messages.last().ok_or_else(|| Error::invalid("messages", "Say something."))?;
        // Parameters that only this model has are read by name.
        let loud: bool = call.request.get("loud")?.unwrap_or(false);
        let text = format!("Squawk! {}", last.text());
        let text = if loud { text.to_uppercase() } else { text };
        Ok(ChatAnswer::text("parrot", text)?.into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = Secret::from("sk_example_0123456789abcdef");
    let server = Server::builder().auth(ApiKeys::new([&key])?).model(Parrot).build().await?;

    let listener = bind(([127, 0, 0, 1], 0).into())?;
    println!("http://{}", listener.local_addr()?);
    server.serve(listener, tokio::signal::ctrl_c()).await?;
    Ok(())
}
