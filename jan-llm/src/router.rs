//! Selects a provider by the model's name. The router is itself a provider, so all other code is the same for one
//! upstream and for several.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::join_all;
use jan_core::media::Want;
use jan_core::model::EmbeddingRequest;
use jan_core::{
    ChatReply, CompletionProvider, CompletionReply, CompletionRequest, EmbeddingProvider, Error, ErrorKind,
    JsonObject, Model, ModelCall, ModelProvider, Result,
};

/// How long the table of names is cached. After that, an unknown name makes the router ask the providers again.
const CACHE_TIME: Duration = Duration::from_secs(5);

/// A provider that selects one of several providers by the name of the model:
///
/// - A name that a provider lists goes to that provider; if several list it, to the one that was added first. A
///   provider whose list currently fails keeps the names that it listed before.
/// - A name that no provider lists goes to the provider whose list fails, if there is exactly one, because it may have
///   the model. If the lists of several fail, the error is [`jan_core::ErrorKind::Unavailable`].
/// - If no list fails, the name goes to the open provider, if exactly one was added with [`Router::add_open`]: many
///   upstreams accept names that they do not list (aliases, tags).
/// - Otherwise the error is `model_not_found`, and its message lists known models.
#[derive(Default)]
pub struct Router {
    routes: Vec<Route>,
    table: Mutex<Table>,
}

struct Route {
    provider: Arc<dyn ModelProvider>,
    open: bool,
}

/// The result of the last request for all model lists.
#[derive(Default)]
struct Table {
    /// The index in `Router::routes` of the provider of each name.
    names: HashMap<String, usize>,
    /// The providers whose list failed.
    failed: Vec<FailedList>,
    asked: Option<Instant>,
}

#[derive(Clone, Copy)]
struct FailedList {
    route: usize,
    /// The provider has no model list at all; it is not a temporary failure.
    has_none: bool,
}

/// The provider selected for a model.
struct Selected<'a> {
    provider: &'a dyn ModelProvider,
    /// No provider lists the name, and this one was selected because its list failed. If it does not know the model
    /// either, another provider may still have it.
    guessed: bool,
}

impl Selected<'_> {
    /// Replaces "not found" from a guessed provider by "unavailable", because whether the model exists is unknown.
    fn correct_error(&self, model: &str, error: Error) -> Error {
        if !self.guessed || error.kind() != ErrorKind::NotFound {
            return error;
        }
        undecided(model).because(error)
    }
}

/// The error when it is unknown whether the model exists.
fn undecided(model: &str) -> Error {
    let message = format!(
        "Nobody lists the model `{model}`, but not every provider could say its models. Try again later."
    );
    Error::unavailable(message).with_code("model_list_away").with_retry_after(CACHE_TIME)
}

impl Router {
    /// A router without providers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider for the models that it lists, and no others.
    #[must_use]
    pub fn add(mut self, provider: impl ModelProvider) -> Self {
        self.routes.push(Route { provider: Arc::new(provider), open: false });
        self
    }

    /// Adds a provider that may also have models that it does not list.
    #[must_use]
    pub fn add_open(mut self, provider: impl ModelProvider) -> Self {
        self.routes.push(Route { provider: Arc::new(provider), open: true });
        self
    }

    async fn select(&self, model: &str) -> Result<Selected<'_>> {
        if let Some(route) = self.named(model) {
            return Ok(route);
        }
        let mut open = self.routes.iter().filter(|route| route.open);
        let only_open = open.next().filter(|_| open.next().is_none());
        // If the only provider is open, an unknown name goes to it in any case, so the lists need not be requested.
        if (only_open.is_none() || self.routes.len() > 1) && self.is_stale() {
            self.refresh().await;
            if let Some(route) = self.named(model) {
                return Ok(route);
            }
        }
        let failed = self.table().failed.clone();
        match (failed.as_slice(), only_open) {
            ([], Some(route)) => Ok(Selected { provider: &*route.provider, guessed: false }),
            ([], None) => Err(self.not_found(model)),
            ([list], _) => match self.routes.get(list.route) {
                Some(route) => Ok(Selected { provider: &*route.provider, guessed: !list.has_none }),
                None => Err(self.not_found(model)),
            },
            _ => Err(undecided(model)),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }

    /// The provider that lists this name.
    fn named(&self, model: &str) -> Option<Selected<'_>> {
        let index = *self.table().names.get(model)?;
        let route = self.routes.get(index)?;
        Some(Selected { provider: &*route.provider, guessed: false })
    }

    fn is_stale(&self) -> bool {
        self.table().asked.is_none_or(|asked: Instant| asked.elapsed() > CACHE_TIME)
    }

    /// Requests the model lists of all providers. A provider whose list fails keeps its previous names.
    async fn refresh(&self) -> Vec<Result<Vec<Model>>> {
        let lists = join_all(self.routes.iter().map(|route| route.provider.models())).await;
        let mut table = self.table();
        let before = std::mem::take(&mut table.names);
        table.failed.clear();
        for (route, list) in lists.iter().enumerate() {
            match list {
                Ok(models) => {
                    for model in models {
                        table.names.entry(model.id.clone()).or_insert(route);
                    }
                }
                Err(error) => {
                    tracing::debug!(provider = route, error = %jan_core::causes::Causes(error), "a provider cannot list its models");
                    let has_none = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotImplemented);
                    table.failed.push(FailedList { route, has_none });
                    for (name, _) in before.iter().filter(|(_, index)| **index == route) {
                        table.names.entry(name.clone()).or_insert(route);
                    }
                }
            }
        }
        table.asked = Some(Instant::now());
        lists
    }

    fn not_found(&self, model: &str) -> Error {
        let table = self.table();
        let mut names: Vec<_> = table.names.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.truncate(10);
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Error::not_found(format!("The model `{model}` does not exist. Models here: {names}."))
            .with_code("model_not_found")
            .with_param("model")
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

    async fn model(&self, id: &str) -> Result<Model> {
        if let Some(model) = self.models().await?.into_iter().find(|model| model.id == id) {
            return Ok(model);
        }
        let fails = self.table().failed.iter().any(|list| !list.has_none);
        Err(if fails { undecided(id) } else { self.not_found(id) })
    }

    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        let model = call.request.model().to_owned();
        let selected = self.select(&model).await?;
        selected.provider.chat(call).await.map_err(|error| selected.correct_error(&model, error))
    }

    async fn takes_media(&self, model: &str) -> Want {
        match self.select(model).await {
            Ok(selected) => selected.provider.takes_media(model).await,
            // The chat call that follows selects the provider again and returns the error.
            Err(_) => Want::DataUrl,
        }
    }

    fn embeddings(&self) -> Option<&dyn EmbeddingProvider> {
        self.routes.iter().any(|route| route.provider.embeddings().is_some()).then_some(self)
    }

    fn completions(&self) -> Option<&dyn CompletionProvider> {
        self.routes.iter().any(|route| route.provider.completions().is_some()).then_some(self)
    }
}

#[async_trait]
impl CompletionProvider for Router {
    async fn complete(&self, call: ModelCall<CompletionRequest>) -> Result<CompletionReply> {
        let model = call.request.model().to_owned();
        let selected = self.select(&model).await?;
        let provider = selected.provider.completions().ok_or_else(|| no_completions(&model))?;
        provider.complete(call).await.map_err(|error| selected.correct_error(&model, error))
    }
}

/// The error for a model without text completions.
pub(crate) fn no_completions(model: &str) -> Error {
    let message = format!("The model `{model}` gives no text completions; ask it at `/v1/chat/completions`.");
    Error::invalid("model", message).with_code("unsupported_model")
}

#[async_trait]
impl EmbeddingProvider for Router {
    async fn embed(&self, call: ModelCall<EmbeddingRequest>) -> Result<JsonObject> {
        let model = call.request.model().to_owned();
        let selected = self.select(&model).await?;
        let Some(provider) = selected.provider.embeddings() else {
            let message = format!("The model `{model}` gives no embeddings.");
            return Err(Error::invalid("model", message).with_code("unsupported_model"));
        };
        provider.embed(call).await.map_err(|error| selected.correct_error(&model, error))
    }
}

#[cfg(test)]
mod tests {
    use jan_core::{ChatRequest, Principal};

    use super::*;
    use crate::Echo;

    async fn model_of(router: &Router, name: &str) -> Result<String> {
        let call = ModelCall::new(ChatRequest::new(name).user("x"), Principal::open("me"));
        let reply = router.chat(call).await?;
        Ok(reply.into_answer().await?.parse()?.model)
    }

    #[tokio::test]
    async fn the_models_name_selects_the_provider() {
        let router = Router::new().add(Echo::named("a")).add(Echo::named("b"));
        assert_eq!(model_of(&router, "b").await.unwrap(), "b");
        assert_eq!(router.models().await.unwrap().len(), 2);
        let error = model_of(&router, "c").await.unwrap_err();
        assert_eq!((error.code(), error.param()), ("model_not_found", Some("model")));
        assert!(error.message().contains("a, b"));
    }

    #[tokio::test]
    async fn an_unlisted_name_goes_to_the_one_open_provider() {
        let router = Router::new().add(Echo::named("a")).add_open(Echo::named("b"));
        assert_eq!(model_of(&router, "a").await.unwrap(), "a");
        // Echo answers under its own name, whatever the requested name is.
        assert_eq!(model_of(&router, "anything").await.unwrap(), "b");
        let two = Router::new().add_open(Echo::named("a")).add_open(Echo::named("b"));
        assert!(model_of(&two, "anything").await.is_err());
    }

    /// A provider of the model `x` whose list, or failure of the list, the test sets.
    struct ScriptedList(Mutex<Result<Vec<Model>, ErrorKind>>);

    #[async_trait]
    impl ModelProvider for ScriptedList {
        async fn models(&self) -> Result<Vec<Model>> {
            let list = self.0.lock();
            list.as_ref().map(Clone::clone).map_err(|kind| Error::new(*kind, "no list"))
        }

        async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
            match call.request.model() {
                "x" => Ok(jan_core::ChatAnswer::text("x", "I am x.")?.into()),
                _ => Err(Error::not_found("not mine")),
            }
        }
    }

    #[tokio::test]
    async fn a_provider_whose_list_fails_still_gets_its_models() {
        for (kind, unknown) in [
            (ErrorKind::Upstream, ErrorKind::Unavailable),
            (ErrorKind::UpstreamTimeout, ErrorKind::Unavailable),
            // This provider has no list at all. A model that it does not know does not exist.
            (ErrorKind::NotFound, ErrorKind::NotFound),
        ] {
            let scripted = Arc::new(ScriptedList(Mutex::new(Err(kind))));
            let router =
                Router::new().add(Echo::named("a")).add_open(scripted.clone()).add_open(Echo::named("b"));
            assert_eq!(model_of(&router, "x").await.unwrap(), "x");
            assert_eq!(model_of(&router, "a").await.unwrap(), "a");
            let error = model_of(&router, "y").await.unwrap_err();
            assert_eq!(error.kind(), unknown, "{kind:?}");
            assert_eq!(error.retry_after().is_some(), unknown == ErrorKind::Unavailable);
            assert_eq!(router.model("y").await.unwrap_err().kind(), unknown);
            assert_eq!(router.model("b").await.unwrap().id, "b");
        }
        // A provider whose list fails later keeps its names.
        let scripted = Arc::new(ScriptedList(Mutex::new(Ok(vec![Model::new("x", "m")]))));
        let others = Router::new().add_open(ScriptedList(Mutex::new(Err(ErrorKind::Upstream))));
        let router =
            others.add_open(ScriptedList(Mutex::new(Err(ErrorKind::Upstream)))).add(scripted.clone());
        assert_eq!(router.models().await.unwrap().len(), 1);
        *scripted.0.lock() = Err(ErrorKind::Upstream);
        assert!(router.models().await.is_err());
        assert_eq!(model_of(&router, "x").await.unwrap(), "x");
        let error = model_of(&router, "y").await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "model_list_away"));
    }
}
