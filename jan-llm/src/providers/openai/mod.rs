//! OpenAI-compatible upstreams over HTTP: OpenAI itself, Ollama, vLLM, llama.cpp, and many others.
//!
//! Requests and replies are passed on as the bytes they came in; only the members that are needed here are parsed. The
//! HTTP client is hyper, with a connection pool of this crate (see ARCHITECTURE.md).

mod coding;
mod completions;
mod events;
mod faults;
mod form;
mod images;
mod models;
mod pool;
mod refusal;
mod reply;
mod stream;
mod transport;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jan_core::chat::ReportedError;
use jan_core::media::Want;
use jan_core::model::{EmbeddingRequest, ModelInfo};
use jan_core::secret::ExposeSecret;
use jan_core::{
    ChatAnswer, ChatReply, ChatStream, CompletionProvider, EmbeddingProvider, Error, JsonObject, Model,
    ModelCall, ModelProvider, Result, Secret,
};
use models::Models;
use transport::Transport;

/// The address of an upstream, its credentials and limits. The default limits are meant for language models.
#[derive(Clone)]
pub struct Upstream {
    /// The base URL, which usually ends in `/v1`.
    pub url: String,
    /// The API key, sent as `Authorization: Bearer`.
    pub api_key: Option<Secret>,
    /// Additional headers, for example `OpenAI-Organization`.
    pub headers: Vec<(String, Secret)>,
    /// The time limit for connecting; default: 10 s.
    pub connect_timeout: Duration,
    /// The time limit from the request to the head of the reply; default: 10 min. Without streaming, an upstream sends
    /// the head only when the answer is complete.
    pub reply_timeout: Duration,
    /// The longest time between two pieces of a reply's body; default: 2 min.
    pub idle_timeout: Duration,
    /// How stored images are sent to the upstream: in the request as a data URL (the default), or as a link that the
    /// upstream fetches itself.
    pub media: Want,
    /// The provider's name in the model list.
    pub name: Option<String>,
    /// Properties of its models by model id; they take precedence over those in the upstream's own list.
    pub models: BTreeMap<String, ModelInfo>,
}

impl Upstream {
    /// An upstream at `url` with the default limits.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            api_key: None,
            headers: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            reply_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(120),
            media: Want::DataUrl,
            name: None,
            models: BTreeMap::new(),
        }
    }

    /// Sets the API key.
    #[must_use]
    #[doc(alias = "api_key")]
    pub fn key(mut self, key: impl Into<Secret>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Adds a header to every request.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A model provider over HTTP.
///
/// ```
/// use jan_llm::OpenAi;
///
/// let local = OpenAi::at("http://localhost:11434/v1");
/// let hosted = OpenAi::at("https://api.openai.com/v1").key("sk-…").header("OpenAI-Organization", "org-…");
/// ```
pub struct OpenAi {
    upstream: Upstream,
    transport: Transport,
    /// The cached list of models.
    models: Models,
}

impl OpenAi {
    /// A provider at `url`, without a key, as for a model server of your own. A URL, key or header that cannot be sent
    /// is reported by the first call; [`OpenAi::new`] reports it immediately.
    pub fn at(url: impl Into<String>) -> Self {
        Self::deferred(Upstream::at(url))
    }

    /// Sets the API key, sent as `Authorization: Bearer`.
    #[must_use]
    #[doc(alias = "api_key")]
    pub fn key(self, key: impl Into<Secret>) -> Self {
        Self::deferred(self.upstream.key(key))
    }

    /// Adds a header to every request.
    #[must_use]
    pub fn header(self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        Self::deferred(self.upstream.header(name, value))
    }

    fn deferred(upstream: Upstream) -> Self {
        Self { transport: Transport::deferred(&upstream), upstream, models: Models::default() }
    }

    /// A provider for a fully described upstream.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when the URL is not `http://…` or `https://…`, or a header cannot be sent.
    pub fn new(upstream: &Upstream) -> Result<Self> {
        Ok(Self {
            transport: Transport::new(upstream)?,
            upstream: upstream.clone(),
            models: Models::default(),
        })
    }

    /// Adds the provider's name and the configured properties to a model.
    fn described(&self, mut model: Model) -> Model {
        model.provider = self.upstream.name.clone().unwrap_or_default();
        let info = self.upstream.models.get(&model.id).cloned().unwrap_or_default();
        model.described(info)
    }
}

#[async_trait]
impl ModelProvider for OpenAi {
    async fn models(&self) -> Result<Vec<Model>> {
        self.models.get(&self.transport, |model| self.described(model)).await
    }

    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        const PATH: &str = "/chat/completions";
        let request = call.request;
        let choices = request.get("n").ok().flatten().unwrap_or(1);
        let reply = self.transport.send(Method::POST, PATH, request.to_bytes()).await?;
        // The upstream decides whether it streams. The chat service converts the reply to the form that the caller
        // wants.
        if reply.is_event_stream() {
            return Ok(ChatStream::new(reply.into_chunks(choices)?).into());
        }
        let answer = ChatAnswer::from_wire(reply.bytes().await?);
        Ok(answer.map_err(|error| self.transport.with_address(PATH, error))?.into())
    }

    async fn takes_media(&self, _model: &str) -> Want {
        self.upstream.media
    }

    fn embeddings(&self) -> Option<&dyn EmbeddingProvider> {
        Some(self)
    }

    fn completions(&self) -> Option<&dyn CompletionProvider> {
        Some(self)
    }
}

#[async_trait]
impl EmbeddingProvider for OpenAi {
    async fn embed(&self, call: ModelCall<EmbeddingRequest>) -> Result<JsonObject> {
        let reply = self.transport.send(Method::POST, "/embeddings", call.request.to_bytes()).await?;
        let body = reply.bytes().await?;
        if let Some(error) = ReportedError::find(&body) {
            return Err(error);
        }
        JsonObject::parse(body).map_err(|e| {
            Error::upstream("The upstream's embeddings are not JSON.")
                .with_code("upstream_garbage")
                .because(e)
        })
    }
}

/// The headers of every request.
fn fixed_headers(upstream: &Upstream) -> Result<HeaderMap> {
    let agent = HeaderValue::from_static(concat!("jan-llm/", env!("CARGO_PKG_VERSION")));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, agent);
    // Without this header the upstream may use any content coding (RFC 9110, 12.5.3).
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let bad = |name: &str| Error::invalid("headers", format!("The upstream header `{name}` cannot be sent."));
    let mut secret = |name: HeaderName, value: String| {
        let mut value = HeaderValue::try_from(value).map_err(|_| bad(name.as_str()))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok::<_, Error>(())
    };
    if let Some(key) = &upstream.api_key {
        secret(AUTHORIZATION, format!("Bearer {}", key.expose_secret()))?;
    }
    for (name, value) in &upstream.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| bad(name))?;
        secret(name, value.expose_secret().to_owned())?;
    }
    Ok(headers)
}
