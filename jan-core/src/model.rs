//! The trait for language models. The local model, an upstream over HTTP, a router over several models and an
//! embedding program's own model are all a [`ModelProvider`].

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::call::ModelCall;
use crate::chat::{ChatReply, Rest};
use crate::completion::CompletionProvider;
use crate::json::JsonObject;
use crate::media::Want;
use crate::request::{ModelRequest, RequestKind};
use crate::{Error, Result};

#[cfg(feature = "openapi")]
mod schema;

pub use crate::model_info::{Capabilities, ModelInfo};
#[cfg(feature = "openapi")]
pub use schema::EmbeddingList;

/// Answers chats.
///
/// A provider that wraps another provider is a *layer*: it changes the call before the inner provider gets it, or the
/// reply afterwards. It returns the inner provider from [`ModelProvider::inner`]; the default methods of this trait
/// then use the inner provider for everything that the layer does not implement.
///
/// ```
/// use jan_core::{ChatAnswer, ChatReply, Error, Model, ModelCall, ModelProvider, Result, async_trait};
///
/// struct Parrot;
///
/// #[async_trait]
/// impl ModelProvider for Parrot {
///     async fn models(&self) -> Result<Vec<Model>> {
///         Ok(vec![Model::new("parrot", "me")])
///     }
///
///     async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
///         let messages = call.request.messages()?;
///         let last = messages.last().ok_or_else(|| Error::invalid("messages", "Say something."))?;
///         Ok(ChatAnswer::text("parrot", last.text())?.into())
///     }
/// }
/// ```
#[async_trait]
pub trait ModelProvider: Send + Sync + 'static {
    /// The models that can be called now. The result may come from a cache; callers may call this often.
    async fn models(&self) -> Result<Vec<Model>>;

    /// Answers one chat request, as a stream or as a whole answer ([`ChatReply`]). A request with `stream: true`
    /// should be answered by a stream that yields each chunk as soon as it exists.
    ///
    /// Promises: the work stops when the future or the returned stream is dropped. An error before the first byte is
    /// returned as `Err`; a later error is the last item of the stream. An answer that was cut off is never presented
    /// as complete. Parameters that the provider does not know are ignored or forwarded, not refused. A stream may
    /// report usage whether or not the request asked for it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] for a model that it does not have; [`crate::ErrorKind::Invalid`] naming the
    /// parameter; [`crate::ErrorKind::RateLimited`] with the time after which to retry;
    /// [`crate::ErrorKind::Upstream`]; [`crate::ErrorKind::UpstreamTimeout`].
    async fn chat(&self, call: ModelCall) -> Result<ChatReply>;

    /// The provider that this one wraps; `None` unless this is a layer.
    fn inner(&self) -> Option<&dyn ModelProvider> {
        None
    }

    /// The model with this id.
    ///
    /// # Errors
    /// As [`ModelProvider::models`]; [`crate::ErrorKind::NotFound`] when no such model exists.
    async fn model(&self, id: &str) -> Result<Model> {
        if let Some(inner) = self.inner() {
            return inner.model(id).await;
        }
        let models = self.models().await?;
        models.into_iter().find(|model| model.id == id).ok_or_else(|| {
            Error::not_found(format!("The model `{id}` does not exist."))
                .with_code("model_not_found")
                .with_param("model")
        })
    }

    /// The form in which this model gets media that is stored here. Default: inside the request as data URLs; a
    /// provider that downloads links itself returns [`Want::Link`].
    async fn takes_media(&self, model: &str) -> Want {
        match self.inner() {
            Some(inner) => inner.takes_media(model).await,
            None => Want::DataUrl,
        }
    }

    /// This provider as an [`EmbeddingProvider`], if it can make embeddings.
    fn embeddings(&self) -> Option<&dyn EmbeddingProvider> {
        self.inner()?.embeddings()
    }

    /// This provider as a [`CompletionProvider`] (`POST /v1/completions`), if it can continue text.
    fn completions(&self) -> Option<&dyn CompletionProvider> {
        self.inner()?.completions()
    }
}

/// Converts texts into embedding vectors.
///
/// ```
/// use jan_core::model::{EmbeddingProvider, EmbeddingRequest};
/// use jan_core::{JsonObject, ModelCall, Result, async_trait};
///
/// /// The vector of a text has one number, the length of the text.
/// struct Lengths;
///
/// #[async_trait]
/// impl EmbeddingProvider for Lengths {
///     async fn embed(&self, call: ModelCall<EmbeddingRequest>) -> Result<JsonObject> {
///         let vector = |(index, text): (usize, String)| {
///             serde_json::json!({"object": "embedding", "index": index, "embedding": [text.len()]})
///         };
///         let data: Vec<_> = call.request.texts()?.into_iter().enumerate().map(vector).collect();
///         let mut answer = JsonObject::new();
///         answer.set("object", "list")?;
///         answer.set("data", &data)?;
///         answer.set("model", call.request.model())?;
///         Ok(answer)
///     }
/// }
/// ```
#[async_trait]
pub trait EmbeddingProvider: Send + Sync {
    /// Answers one request to OpenAI's embeddings API.
    ///
    /// # Errors
    /// As [`ModelProvider::chat`].
    async fn embed(&self, call: ModelCall<EmbeddingRequest>) -> Result<JsonObject>;
}

/// A model in the list of `GET /v1/models`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The name that requests give in `model`.
    pub id: String,
    /// The object type: always `model`.
    #[serde(default = "model")]
    pub object: String,
    /// The creation time in seconds since the Unix epoch; 0 when it is unknown.
    #[serde(default)]
    pub created: u64,
    /// The organisation that provides the model.
    #[serde(default)]
    pub owned_by: String,
    /// The name under which its provider was configured; empty when it has none.
    #[serde(skip)]
    pub provider: String,
    /// Properties in this crate's own fields, stated by the provider or the operator. They take precedence over
    /// `rest`.
    #[serde(skip)]
    pub info: ModelInfo,
    /// All other members that the provider sent, unchanged.
    #[serde(flatten)]
    pub rest: Rest,
}

fn model() -> String {
    "model".into()
}

impl Model {
    /// A model `id` provided by `owned_by`.
    pub fn new(id: impl Into<String>, owned_by: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            object: model(),
            created: 0,
            owned_by: owned_by.into(),
            provider: String::new(),
            info: ModelInfo::default(),
            rest: Rest::new(),
        }
    }

    /// Sets the model's properties.
    #[must_use]
    pub fn described(mut self, info: ModelInfo) -> Self {
        self.info = info;
        self
    }
}

/// The body of an embeddings request. Clones share its bytes.
pub type EmbeddingRequest = ModelRequest<EmbeddingKind>;

/// The marker type of [`EmbeddingRequest`].
#[derive(Debug, Clone, Copy)]
pub enum EmbeddingKind {}

impl RequestKind for EmbeddingKind {
    const STREAMS: bool = false;

    /// Requires a non-empty `input`.
    fn check(object: &JsonObject, _: &str) -> Result<()> {
        match object.raw("input").map(Bytes::as_ref) {
            None => Err(Error::missing("input")),
            Some(b"\"\"" | b"[]") => Err(Error::invalid("input", "`input` must not be empty.")),
            Some([b'"' | b'[', ..]) => Ok(()),
            Some(_) => Err(Error::invalid("input", "`input` must be a string or an array.")),
        }
    }
}

impl EmbeddingRequest {
    /// The input as texts.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when the input is not text. (Arrays of token ids fit only the model whose tokens
    /// they are.)
    pub fn texts(&self) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Input {
            One(String),
            Many(Vec<String>),
        }
        match self.get("input") {
            Ok(Some(Input::One(text))) => Ok(vec![text]),
            Ok(Some(Input::Many(texts))) => Ok(texts),
            _ => Err(Error::invalid("input", "This model takes `input` as a string or an array of strings.")),
        }
    }
}

#[async_trait]
impl<P: ModelProvider + ?Sized> ModelProvider for std::sync::Arc<P> {
    async fn models(&self) -> Result<Vec<Model>> {
        (**self).models().await
    }

    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        (**self).chat(call).await
    }

    fn inner(&self) -> Option<&dyn ModelProvider> {
        (**self).inner()
    }

    async fn model(&self, id: &str) -> Result<Model> {
        (**self).model(id).await
    }

    async fn takes_media(&self, model: &str) -> Want {
        (**self).takes_media(model).await
    }

    fn embeddings(&self) -> Option<&dyn EmbeddingProvider> {
        (**self).embeddings()
    }

    fn completions(&self) -> Option<&dyn CompletionProvider> {
        (**self).completions()
    }
}
