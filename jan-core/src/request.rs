//! The part that all requests to models share: [`ModelRequest`] keeps the bytes of the body as they came. Each kind of
//! request (chat, text completion, embeddings) defines what a body must contain ([`RequestKind`]) and adds methods of
//! its own.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::json::JsonObject;

/// The body of a request to a model. `K` is the kind: [`crate::ChatRequest`], [`crate::CompletionRequest`] or
/// [`crate::model::EmbeddingRequest`]. Clones share the bytes.
#[derive(Debug, Clone)]
pub struct ModelRequest<K> {
    object: JsonObject,
    model: String,
    stream: bool,
    kind: PhantomData<fn() -> K>,
}

/// A kind of request to a model.
pub trait RequestKind {
    /// Whether requests of this kind have a parameter `stream`.
    const STREAMS: bool;

    /// Checks a body whose model is `model`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the member that is missing or does not fit.
    fn check(object: &JsonObject, model: &str) -> Result<()>;
}

impl<K: RequestKind> ModelRequest<K> {
    /// Reads a body in the form in which a client sent it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the member: the body is not a JSON object, `model` or another member that
    /// the kind requires is missing, or a well-known parameter has the wrong type or range.
    pub fn parse(body: Bytes) -> Result<Self> {
        let object = JsonObject::parse(body)?;
        let model: String = object.required("model")?;
        K::check(&object, &model)?;
        let stream = if K::STREAMS { object.get("stream")?.unwrap_or(false) } else { false };
        Ok(Self { object, model, stream, kind: PhantomData })
    }
}

impl<K> ModelRequest<K> {
    /// A request to `model` without any other parameter.
    pub(crate) fn empty(model: impl Into<String>) -> Self {
        let empty =
            Self { object: JsonObject::new(), model: String::new(), stream: false, kind: PhantomData };
        empty.to_model(model)
    }

    /// The model that the request names.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the caller requests the answer as a stream.
    pub fn wants_stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller requests usage at the end of a stream (`stream_options.include_usage`).
    pub fn wants_usage(&self) -> bool {
        #[derive(Deserialize)]
        struct Options {
            include_usage: Option<bool>,
        }
        let options: Option<Options> = self.object.get("stream_options").ok().flatten();
        options.and_then(|options| options.include_usage).unwrap_or(false)
    }

    /// A parameter parsed as `T`; `None` when it is absent or `null`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the parameter when its value is not a `T`.
    pub fn get<'a, T: Deserialize<'a>>(&'a self, name: &str) -> Result<Option<T>> {
        self.object.get(name)
    }

    /// The raw JSON of a parameter; `None` when it is absent or `null`.
    pub fn raw(&self, name: &str) -> Option<&Bytes> {
        self.object.raw(name)
    }

    /// The names and raw values of all parameters.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.object.members()
    }

    /// Replaces the model's name. A router uses this to translate a public name.
    #[must_use]
    pub fn to_model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        let model = self.model.clone();
        self.with("model", &model)
    }

    /// Sets whether the answer is a stream.
    #[must_use]
    pub fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self.with("stream", &stream)
    }

    /// Sets any parameter by its name. If the value cannot be written as JSON, the request stays unchanged.
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

    /// Removes a parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.object.remove(name);
        self
    }

    /// The body as JSON: the original bytes if nothing was changed.
    pub fn to_bytes(&self) -> Bytes {
        self.object.to_bytes()
    }
}
