//! Several providers behind one: the model's name picks. The router is a provider itself, so everything above it is
//! the same with one upstream or with ten.

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

/// How long the table of names is believed before a miss asks the providers again.
const FRESH: Duration = Duration::from_secs(5);

/// Picks a provider by the name of the model.
///
/// A name that a provider lists goes to that provider, the first added where two list the same. A provider whose list is
/// away keeps the names that it listed before. A name that nobody lists goes to the provider whose list is away, if it is
/// one: it may be its; if several are, nobody can say whose it is ([`jan_core::ErrorKind::Unavailable`]). With all lists
/// there, it goes to the open provider, if exactly one was added as open: upstreams take names that they do not list
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
    /// Whose a name is, by the place among the routes.
    names: HashMap<String, usize>,
    /// Whose list could not be had.
    away: Vec<Away>,
    asked: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Away {
    route: usize,
    /// It says that there is no list, and not that it fails.
    has_none: bool,
}

/// A provider that is asked.
struct Picked<'a> {
    provider: &'a dyn ModelProvider,
    /// Nobody lists the name, and this provider's list is away: what it does not find may be there all the same.
    guessed: bool,
}

impl Picked<'_> {
    fn judge(&self, model: &str, error: Error) -> Error {
        if !self.guessed || error.kind() != ErrorKind::NotFound {
            return error;
        }
        unlisted(model).because(error)
    }
}

/// Nobody can say whether there is such a model.
fn unlisted(model: &str) -> Error {
    let message = format!(
        "Nobody lists the model `{model}`, but not every provider could say its models. Try again later."
    );
    Error::unavailable(message).with_code("model_list_away").with_retry_after(FRESH)
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

    async fn pick(&self, model: &str) -> Result<Picked<'_>> {
        if let Some(route) = self.named(model) {
            return Ok(route);
        }
        let mut open = self.routes.iter().filter(|route| route.open);
        let only_open = open.next().filter(|_| open.next().is_none());
        // With one open provider a miss needs no listing, unless a closed one may have changed its list.
        if (only_open.is_none() || self.routes.len() > 1) && self.is_stale() {
            self.refresh().await;
            if let Some(route) = self.named(model) {
                return Ok(route);
            }
        }
        let away = self.known().away.clone();
        match (away.as_slice(), only_open) {
            ([], Some(route)) => Ok(Picked { provider: &*route.provider, guessed: false }),
            ([], None) => Err(self.not_found(model)),
            ([away], _) => match self.routes.get(away.route) {
                Some(route) => Ok(Picked { provider: &*route.provider, guessed: !away.has_none }),
                None => Err(self.not_found(model)),
            },
            _ => Err(unlisted(model)),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock()
    }

    /// The provider that lists this name.
    fn named(&self, model: &str) -> Option<Picked<'_>> {
        let index = *self.known().names.get(model)?;
        let route = self.routes.get(index)?;
        Some(Picked { provider: &*route.provider, guessed: false })
    }

    fn is_stale(&self) -> bool {
        self.known().asked.is_none_or(|asked: Instant| asked.elapsed() > FRESH)
    }

    /// Asks every provider for its models; one that fails keeps the names that it had.
    async fn refresh(&self) -> Vec<Result<Vec<Model>>> {
        let lists = join_all(self.routes.iter().map(|route| route.provider.models())).await;
        let mut known = self.known();
        let before = std::mem::take(&mut known.names);
        known.away.clear();
        for (route, list) in lists.iter().enumerate() {
            match list {
                Ok(models) => {
                    for model in models {
                        known.names.entry(model.id.clone()).or_insert(route);
                    }
                }
                Err(error) => {
                    tracing::debug!(provider = route, error = %jan_core::causes::Causes(error), "a provider cannot list its models");
                    let has_none = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotImplemented);
                    known.away.push(Away { route, has_none });
                    for (name, _) in before.iter().filter(|(_, known)| **known == route) {
                        known.names.entry(name.clone()).or_insert(route);
                    }
                }
            }
        }
        known.asked = Some(Instant::now());
        lists
    }

    fn not_found(&self, model: &str) -> Error {
        let known = self.known();
        let mut names: Vec<_> = known.names.keys().map(String::as_str).collect();
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
        let fails = self.known().away.iter().any(|away| !away.has_none);
        Err(if fails { unlisted(id) } else { self.not_found(id) })
    }

    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        let model = call.request.model().to_owned();
        let picked = self.pick(&model).await?;
        picked.provider.chat(call).await.map_err(|error| picked.judge(&model, error))
    }

    async fn takes_media(&self, model: &str) -> Want {
        match self.pick(model).await {
            Ok(picked) => picked.provider.takes_media(model).await,
            // Whoever asks it next is told.
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
        let picked = self.pick(&model).await?;
        let provider = picked.provider.completions().ok_or_else(|| no_completions(&model))?;
        provider.complete(call).await.map_err(|error| picked.judge(&model, error))
    }
}

/// The model answers chats only.
pub(crate) fn no_completions(model: &str) -> Error {
    let message = format!("The model `{model}` gives no text completions; ask it at `/v1/chat/completions`.");
    Error::invalid("model", message).with_code("unsupported_model")
}

#[async_trait]
impl EmbeddingProvider for Router {
    async fn embed(&self, call: ModelCall<EmbeddingRequest>) -> Result<JsonObject> {
        let model = call.request.model().to_owned();
        let picked = self.pick(&model).await?;
        let Some(provider) = picked.provider.embeddings() else {
            let message = format!("The model `{model}` gives no embeddings.");
            return Err(Error::invalid("model", message).with_code("unsupported_model"));
        };
        provider.embed(call).await.map_err(|error| picked.judge(&model, error))
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
    async fn the_name_picks() {
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
        // Echo answers under its own name whatever it was called.
        assert_eq!(model_of(&router, "anything").await.unwrap(), "b");
        let two = Router::new().add_open(Echo::named("a")).add_open(Echo::named("b"));
        assert!(model_of(&two, "anything").await.is_err());
    }

    /// A provider that serves `x` and says its list as it is told.
    struct Moody(Mutex<Result<Vec<Model>, ErrorKind>>);

    #[async_trait]
    impl ModelProvider for Moody {
        async fn models(&self) -> Result<Vec<Model>> {
            let told = self.0.lock();
            told.as_ref().map(Clone::clone).map_err(|kind| Error::new(*kind, "no list"))
        }

        async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
            match call.request.model() {
                "x" => Ok(jan_core::ChatAnswer::text("x", "I am x.")?.into()),
                _ => Err(Error::not_found("not mine")),
            }
        }
    }

    #[tokio::test]
    async fn a_provider_whose_list_is_away_still_serves() {
        for (kind, unknown) in [
            (ErrorKind::Upstream, ErrorKind::Unavailable),
            (ErrorKind::UpstreamTimeout, ErrorKind::Unavailable),
            // It has no list and never will: what it does not know, nobody knows.
            (ErrorKind::NotFound, ErrorKind::NotFound),
        ] {
            let moody = Arc::new(Moody(Mutex::new(Err(kind))));
            let router =
                Router::new().add(Echo::named("a")).add_open(moody.clone()).add_open(Echo::named("b"));
            assert_eq!(model_of(&router, "x").await.unwrap(), "x");
            assert_eq!(model_of(&router, "a").await.unwrap(), "a");
            let error = model_of(&router, "y").await.unwrap_err();
            assert_eq!(error.kind(), unknown, "{kind:?}");
            assert_eq!(error.retry_after().is_some(), unknown == ErrorKind::Unavailable);
            assert_eq!(router.model("y").await.unwrap_err().kind(), unknown);
            assert_eq!(router.model("b").await.unwrap().id, "b");
        }
        // Whose list fails later keeps its names.
        let moody = Arc::new(Moody(Mutex::new(Ok(vec![Model::new("x", "m")]))));
        let others = Router::new().add_open(Moody(Mutex::new(Err(ErrorKind::Upstream))));
        let router = others.add_open(Moody(Mutex::new(Err(ErrorKind::Upstream)))).add(moody.clone());
        assert_eq!(router.models().await.unwrap().len(), 1);
        *moody.0.lock() = Err(ErrorKind::Upstream);
        assert!(router.models().await.is_err());
        assert_eq!(model_of(&router, "x").await.unwrap(), "x");
        let error = model_of(&router, "y").await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "model_list_away"));
    }
}
