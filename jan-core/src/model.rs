//! The seam to language models: whoever can answer a chat is a [`ModelProvider`]. The local model, an upstream over
//! HTTP, a router over several of them and an embedder's own model all stand behind this one trait.

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
/// A provider around another provider is a *layer*: it changes the call on its way in or the reply on its way out, and
/// names the other in [`ModelProvider::inner`], which then answers whatever the layer does not answer itself.
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
    /// The models that can be asked now. May be answered from a cache; callers may call it often.
    async fn models(&self) -> Result<Vec<Model>>;

    /// Answers one chat, in whichever form it has at hand ([`ChatReply`]); a request with `stream: true` should be
    /// answered by a stream whose chunks come as they are made.
    ///
    /// Promises: the work stops when the future or the returned stream is dropped. What goes wrong before the first
    /// byte is an `Err` here; later it is the stream's last item. An answer that broke off is never shown as whole.
    /// Parameters that the provider does not know are ignored or passed on, not refused. A stream may report usage
    /// whether it was asked for or not.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] for a model it does not have, [`crate::ErrorKind::Invalid`] naming the
    /// parameter, [`crate::ErrorKind::RateLimited`] with a time to come back, [`crate::ErrorKind::Upstream`],
    /// [`crate::ErrorKind::UpstreamTimeout`].
    async fn chat(&self, call: ModelCall) -> Result<ChatReply>;

    /// The provider that this one is a layer around; none unless it is a layer.
    fn inner(&self) -> Option<&dyn ModelProvider> {
        None
    }

    /// The model of this name.
    ///
    /// # Errors
    /// As [`ModelProvider::models`]; [`crate::ErrorKind::NotFound`] when there is none.
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

    /// How this model is shown pictures that are kept here: in the request, unless its provider fetches links.
    async fn takes_media(&self, model: &str) -> Want {
        match self.inner() {
            Some(inner) => inner.takes_media(model).await,
            None => Want::DataUrl,
        }
    }

    /// The same provider as a giver of embeddings, if it is one.
    fn embeddings(&self) -> Option<&dyn EmbeddingProvider> {
        self.inner()?.embeddings()
    }

    /// The same provider as one that makes text go on (`POST /v1/completions`), if it is one.
    fn completions(&self) -> Option<&dyn CompletionProvider> {
        self.inner()?.completions()
    }
}

/// Turns texts into vectors.
///
/// ```
/// use jan_core::model::{EmbeddingProvider, EmbeddingRequest};
/// use jan_core::{JsonObject, ModelCall, Result, async_trait};
///
/// /// Turns a text into its length.
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
    /// Answers one request of OpenAI's embeddings API.
    ///
    /// # Errors
    /// As [`ModelProvider::chat`].
    async fn embed(&self, call: ModelCall<EmbeddingRequest>) -> Result<JsonObject>;
}

/// A model as `GET /v1/models` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The name to ask for.
    pub id: String,
    /// `model`.
    #[serde(default = "model")]
    pub object: String,
    /// Seconds since the Unix epoch.
    #[serde(default)]
    pub created: u64,
    /// Who gives it.
    #[serde(default)]
    pub owned_by: String,
    /// The name under which its provider was configured; empty when it has none.
    #[serde(skip)]
    pub provider: String,
    /// What its provider states of it, or the operator, in our words. It goes before `rest`.
    #[serde(skip)]
    pub info: ModelInfo,
    /// Everything else that the provider says of it, in its own words.
    #[serde(flatten)]
    pub rest: Rest,
}

fn model() -> String {
    "model".into()
}

impl Model {
    /// A model `id` given by `owned_by`.
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

    /// States what it is and can do.
    #[must_use]
    pub fn described(mut self, info: ModelInfo) -> Self {
        self.info = info;
        self
    }
}

/// The body of an embeddings request. Cloning shares its bytes.
pub type EmbeddingRequest = ModelRequest<EmbeddingKind>;

/// The kind of [`EmbeddingRequest`].
#[derive(Debug, Clone, Copy)]
pub enum EmbeddingKind {}

impl RequestKind for EmbeddingKind {
    const STREAMS: bool = false;

    /// `input` must be there and not be empty.
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
    /// The texts.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when the input is not text (arrays of token ids are for the model that made them).
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
