//! A request to a model as the bytes it came in: what chats, text completions and embeddings have in common. Each kind
//! says what must be in it ([`RequestKind`]) and adds its own readers and writers to [`ModelRequest`].

use std::marker::PhantomData;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::json::JsonObject;

/// The body of a request to a model, of the kind `K`: [`crate::ChatRequest`], [`crate::CompletionRequest`] or
/// [`crate::model::EmbeddingRequest`]. Cloning shares its bytes.
#[derive(Debug, Clone)]
pub struct ModelRequest<K> {
    object: JsonObject,
    model: String,
    stream: bool,
    kind: PhantomData<fn() -> K>,
}

/// A kind of request.
pub trait RequestKind {
    /// Whether its `stream` is read.
    const STREAMS: bool;

    /// Whether a body that names `model` may be sent.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the member that is missing or does not fit.
    fn check(object: &JsonObject, model: &str) -> Result<()>;
}

impl<K: RequestKind> ModelRequest<K> {
    /// Reads a body as it came over the wire.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the member: the body is no JSON object, `model` or what else the kind needs is
    /// missing, or a well-known parameter has the wrong type or range.
    pub fn parse(body: Bytes) -> Result<Self> {
        let object = JsonObject::parse(body)?;
        let model: String = object.required("model")?;
        K::check(&object, &model)?;
        let stream = if K::STREAMS { object.get("stream")?.unwrap_or(false) } else { false };
        Ok(Self { object, model, stream, kind: PhantomData })
    }
}

impl<K> ModelRequest<K> {
    /// A request to `model` with nothing in it yet.
    pub(crate) fn empty(model: impl Into<String>) -> Self {
        let empty =
            Self { object: JsonObject::new(), model: String::new(), stream: false, kind: PhantomData };
        empty.to_model(model)
    }

    /// The model asked for.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the caller wants the answer as a stream.
    pub fn wants_stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller asks for usage at the end of a stream (`stream_options.include_usage`).
    pub fn wants_usage(&self) -> bool {
        #[derive(Deserialize)]
        struct Options {
            include_usage: Option<bool>,
        }
        let options: Option<Options> = self.object.get("stream_options").ok().flatten();
        options.and_then(|options| options.include_usage).unwrap_or(false)
    }

    /// A parameter read as `T`; `None` when absent or `null`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the parameter when it does not fit.
    pub fn get<'a, T: Deserialize<'a>>(&'a self, name: &str) -> Result<Option<T>> {
        self.object.get(name)
    }

    /// The raw JSON of a parameter; `null` counts as absent.
    pub fn raw(&self, name: &str) -> Option<&Bytes> {
        self.object.raw(name)
    }

    /// Names and raw values of the parameters.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.object.members()
    }

    /// Sends the request to another model (what a router does with a public name).
    #[must_use]
    pub fn to_model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        let model = self.model.clone();
        self.with("model", &model)
    }

    /// Asks for a stream, or for one whole answer.
    #[must_use]
    pub fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self.with("stream", &stream)
    }

    /// Sets any parameter, known to us or not. A value that cannot be written as JSON leaves the request as it was.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        let _ = self.object.set(name, value);
        self
    }

    /// Sets a parameter to JSON that is written already. The caller answers for it being JSON.
    #[must_use]
    pub fn with_raw(mut self, name: &str, json: Bytes) -> Self {
        self.object.set_raw(name, json);
        self
    }

    /// Takes a parameter out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.object.remove(name);
        self
    }

    /// The body as JSON: the bytes it came in if nothing was changed.
    pub fn to_bytes(&self) -> Bytes {
        self.object.to_bytes()
    }
}
