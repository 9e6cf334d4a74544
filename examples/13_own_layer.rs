//! 13 · A layer of your own: a provider around a provider. This one lets each caller ask a few times and no more; what it does
//! not do itself, the provider inside does. Layers stack, and the server puts its own (counting, media, trimming) around
//! whatever you give it.
//!
//!     cargo run -p jan-examples --bin 13_own_layer

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jan_core::{ChatReply, Error, ErrorKind, Model, ModelCall, ModelProvider, Principal, Result, UserId};
use jan_llm::layers::Metered;
use jan_llm::{Chat, ChatRequest, Database, Echo, Meter, Store, SystemClock};

struct Quota<P> {
    provider: P,
    left: Mutex<HashMap<UserId, u32>>,
}

const CALLS: u32 = 2;

#[async_trait]
impl<P: ModelProvider> ModelProvider for Quota<P> {
    async fn models(&self) -> Result<Vec<Model>> {
        self.provider.models().await
    }

    fn inner(&self) -> Option<&dyn ModelProvider> {
        Some(&self.provider)
    }

    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        {
            let mut left = self.left.lock().map_err(|_| Error::internal("the quota is broken"))?;
            let left = left.entry(call.caller.owner().clone()).or_insert(CALLS);
            *left = left.checked_sub(1).ok_or_else(|| {
                Error::new(ErrorKind::RateLimited, "You have asked enough for today.").with_code("quota")
            })?;
        }
        self.provider.chat(call).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let meter = Meter::new(&Store::on(&Database::memory()).await?, Arc::new(SystemClock));
    let model = Quota { provider: Metered::new(Echo::default(), meter), left: Mutex::default() };
    let (chat, ann, bob) = (Chat::new(model), Principal::open("ann"), Principal::open("bob"));
    for (name, who) in [("ann", &ann), ("ann", &ann), ("ann", &ann), ("bob", &bob)] {
        match chat.complete(ChatRequest::new("echo").user("Hello!"), who).await {
            Ok(answer) => println!("{name}: {:?}", answer.usage().map(|usage| usage.total_tokens)),
            Err(error) => println!("{name}: {error}"),
        }
    }
    Ok(())
}
