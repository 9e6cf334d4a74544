//! OpenAI-compatible upstreams over HTTP: OpenAI itself, Ollama, vLLM, llama.cpp, and the many that speak alike.
//!
//! A request goes out as the bytes it came in, a reply comes back the same way; only what somebody has to know is read.
//! The connections are hyper's, kept in a pool of our own (see ARCHITECTURE.md).

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

/// Where an upstream is and how to talk to it. Every limit has a default meant for language models.
#[derive(Clone)]
pub struct Upstream {
    /// The base URL, ending in `/v1` as a rule.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    pub api_key: Option<Secret>,
    /// More headers, for example `OpenAI-Organization`.
    pub headers: Vec<(String, Secret)>,
    /// Until the connection stands: 10 s.
    pub connect_timeout: Duration,
    /// From the request to the head of the reply, which a model that does not stream sends last: 10 min.
    pub reply_timeout: Duration,
    /// Between two pieces of a reply's body: 2 min.
    pub idle_timeout: Duration,
    /// How it is shown pictures that are kept here: in the request (a data URL), or by a link that it fetches itself. In the
    /// request unless told.
    pub media: Want,
    /// What it is called here.
    pub name: Option<String>,
    /// What is known of its models beyond what it says itself, by their ids.
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

    /// Shows this key to the upstream.
    #[must_use]
    #[doc(alias = "api_key")]
    pub fn key(mut self, key: impl Into<Secret>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Sends one more header with every request.
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
    /// The list of models as last seen, so that asking for it often is cheap. Held across the call: one asks, others wait.
    models: Models,
}

impl OpenAi {
    /// A provider at `url`, without a key: a model server of one's own. A URL, key or header that cannot be sent is
    /// reported by the first call; [`OpenAi::new`] reports it at once.
    pub fn at(url: impl Into<String>) -> Self {
        Self::deferred(Upstream::at(url))
    }

    /// The same with this key, sent as `Authorization: Bearer`.
    #[must_use]
    #[doc(alias = "api_key")]
    pub fn key(self, key: impl Into<Secret>) -> Self {
        Self::deferred(self.upstream.key(key))
    }

    /// The same with one more header on every request.
    #[must_use]
    pub fn header(self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        Self::deferred(self.upstream.header(name, value))
    }

    fn deferred(upstream: Upstream) -> Self {
        Self { transport: Transport::deferred(&upstream), upstream, models: Models::default() }
    }

    /// A provider at an upstream described in full.
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

    /// A model with what is known of it here.
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
        // The upstream decides whether it streams; whoever asked gets the form they asked for.
        if reply.is_event_stream() {
            return Ok(ChatStream::new(reply.into_chunks(choices)?).into());
        }
        let answer = ChatAnswer::from_wire(reply.bytes().await?);
        Ok(answer.map_err(|error| self.transport.blame(PATH, error))?.into())
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

/// The headers that every request carries.
fn fixed_headers(upstream: &Upstream) -> Result<HeaderMap> {
    let agent = HeaderValue::from_static(concat!("jan-llm/", env!("CARGO_PKG_VERSION")));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, agent);
    // Without the header any coding would be welcome (RFC 9110, 12.5.3).
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
