//! Several providers behind one: the model's name picks. The router is a provider itself, so everything above it is
//! the same with one upstream or with ten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::join_all;
use jan_core::media::Want;
use jan_core::model::EmbeddingRequest;
use jan_core::{ChatReply, ChatRequest, EmbeddingProvider, Error, JsonObject, Model, ModelProvider, Result};

/// How long the table of names is believed before a miss asks the providers again.
const FRESH: Duration = Duration::from_secs(5);

/// Picks a provider by the name of the model.
///
/// A name that a provider lists goes to that provider, the first added where two list the same. A name that nobody
/// lists goes to the open provider, if exactly one was added as open: upstreams take names that they do not list
/// (aliases, tags), and judge them better than we could. Otherwise it is `model_not_found`, and the message names what
/// there is.
#[derive(Default)]
pub struct Router {
    routes: Vec<Route>,
    known: Mutex<Known>,
}

struct Route {
    provider: Arc<dyn ModelProvider>,
    open: bool,
}

#[derive(Default)]
struct Known {
    names: HashMap<String, usize>,
    asked: Option<Instant>,
}

impl Router {
    /// A router without providers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider that serves the models it lists, and no others.
    #[must_use]
    pub fn add(mut self, provider: impl ModelProvider) -> Self {
        self.routes.push(Route { provider: Arc::new(provider), open: false });
        self
    }

    /// Adds a provider that may also serve names it does not list.
    #[must_use]
    pub fn add_open(mut self, provider: impl ModelProvider) -> Self {
        self.routes.push(Route { provider: Arc::new(provider), open: true });
        self
    }

    async fn pick(&self, model: &str) -> Result<&dyn ModelProvider> {
        if let Some(route) = self.known(model) {
            return Ok(route);
        }
        let mut open = self.routes.iter().filter(|route| route.open);
        let only_open = open.next().filter(|_| open.next().is_none());
        // With one open provider a miss needs no listing, unless a closed one may have changed its list.
        if (only_open.is_none() || self.routes.len() > 1) && self.is_stale() {
            self.refresh().await;
            if let Some(route) = self.known(model) {
                return Ok(route);
            }
        }
        match only_open {
            Some(route) => Ok(&*route.provider),
            None => Err(self.not_found(model)),
        }
    }

    fn known(&self, model: &str) -> Option<&dyn ModelProvider> {
        let index = *self.known.lock().unwrap_or_else(PoisonError::into_inner).names.get(model)?;
        self.routes.get(index).map(|route| &*route.provider)
    }

    fn is_stale(&self) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.asked.is_none_or(|asked: Instant| asked.elapsed() > FRESH)
    }

    /// Asks every provider for its models; one that fails is left out and logged.
    async fn refresh(&self) -> Vec<Result<Vec<Model>>> {
        let lists = join_all(self.routes.iter().map(|route| route.provider.models())).await;
        let mut names = HashMap::new();
        for (index, list) in lists.iter().enumerate() {
            match list {
                Ok(models) => {
                    for model in models {
                        names.entry(model.id.clone()).or_insert(index);
                    }
                }
                Err(error) => {
                    tracing::warn!(provider = index, error = %jan_core::causes::Causes(error), "a provider cannot list its models")
                }
            }
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) =
            Known { names, asked: Some(Instant::now()) };
        lists
    }

    fn not_found(&self, model: &str) -> Error {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<_> = known.names.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.truncate(10);
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Error::not_found(format!("The model `{model}` does not exist. Models here: {names}."))
            .code("model_not_found")
            .param("model")
    }
}

#[async_trait]
impl ModelProvider for Router {
    async fn models(&self) -> Result<Vec<Model>> {
        let lists = self.refresh().await;
        let (mut models, mut failure): (Vec<Model>, _) = (Vec::new(), None);
        for list in lists {
            match list {
                Ok(list) => {
                    for model in list {
                        if !models.iter().any(|known| known.id == model.id) {
                            models.push(model);
                        }
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if models.is_empty() => Err(error),
            _ => Ok(models),
        }
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatReply> {
        self.pick(request.model()).await?.chat(request).await
    }

    async fn takes_media(&self, model: &str) -> Want {
        match self.pick(model).await {
            Ok(provider) => provider.takes_media(model).await,
            // Whoever asks it next is told.
            Err(_) => Want::DataUrl,
        }
    }

    fn embeddings(&self) -> Option<&dyn EmbeddingProvider> {
        self.routes.iter().any(|route| route.provider.embeddings().is_some()).then_some(self)
    }
}

#[async_trait]
impl EmbeddingProvider for Router {
    async fn embed(&self, request: EmbeddingRequest) -> Result<JsonObject> {
        match self.pick(request.model()).await?.embeddings() {
            Some(provider) => provider.embed(request).await,
            None => {
                let message = format!("The model `{}` gives no embeddings.", request.model());
                Err(Error::invalid("model", message).code("unsupported_model"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Echo;

    async fn model_of(router: &Router, name: &str) -> Result<String> {
        let reply = router.chat(ChatRequest::new(name).user("x")).await?;
        Ok(reply.into_answer().await?.parse()?.model)
    }

    #[tokio::test]
    async fn the_name_picks() {
        let router = Router::new().add(Echo::named("a")).add(Echo::named("b"));
        assert_eq!(model_of(&router, "b").await.unwrap(), "b");
        assert_eq!(router.models().await.unwrap().len(), 2);
        let error = model_of(&router, "c").await.unwrap_err();
        assert_eq!((error.get_code(), error.get_param()), ("model_not_found", Some("model")));
        assert!(error.message().contains("a, b"));
    }

    #[tokio::test]
    async fn an_unlisted_name_goes_to_the_one_open_provider() {
        let router = Router::new().add(Echo::named("a")).add_open(Echo::named("b"));
        assert_eq!(model_of(&router, "a").await.unwrap(), "a");
        // Echo answers under its own name whatever it was called.
        assert_eq!(model_of(&router, "anything").await.unwrap(), "b");
        let two = Router::new().add_open(Echo::named("a")).add_open(Echo::named("b"));
        assert!(model_of(&two, "anything").await.is_err());
    }
}
