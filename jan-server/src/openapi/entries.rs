//! What the document says of each route: one entry per row of the table.

use serde_json::Value;

use super::Components;
use super::schemas::{self, named};

/// Puts a schema among the components and refers to it.
pub(crate) type SchemaOf = fn(&mut Components) -> Value;

/// One route in words.
pub(crate) struct Doc {
    pub(crate) id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) about: &'static str,
    pub(crate) takes: Option<SchemaOf>,
    pub(crate) status: u16,
    pub(crate) gives: Gives,
}

/// What a success looks like.
pub(crate) enum Gives {
    /// A bare JSON object.
    Json(SchemaOf),
    /// The same, or events when the request asks for a stream.
    JsonOrEvents(SchemaOf, SchemaOf),
    /// A JSON object in the `{data, meta}` envelope.
    Enveloped(SchemaOf),
    /// Something for people, of this content type.
    Page(&'static str),
}

pub(crate) static CHAT_CREATE: Doc = Doc {
    id: "createChatCompletion",
    tag: "Chat",
    summary: "Answer a chat",
    about: "OpenAI's chat completions. Fields that are not listed pass through to the model and back untouched. With \
            `stream: true` the answer comes as `data:` events of `chat.completion.chunk` objects; the last chunk carries \
            usage unless `stream_options.include_usage` is false, and `[DONE]` follows a whole answer and only that: an \
            answer that breaks off ends with an error event instead.",
    takes: Some(named::<schemas::ChatCompletionRequest>),
    status: 200,
    gives: Gives::JsonOrEvents(named::<schemas::ChatCompletion>, named::<schemas::ChatCompletionChunk>),
};

pub(crate) static MODELS_LIST: Doc = Doc {
    id: "listModels",
    tag: "Models",
    summary: "List the models",
    about: "The models that can be asked now; an empty list when no provider is configured.",
    takes: None,
    status: 200,
    gives: Gives::Json(named::<schemas::ModelList>),
};

pub(crate) static MODELS_GET: Doc = Doc {
    id: "getModel",
    tag: "Models",
    summary: "Get one model",
    about: "The name may hold slashes.",
    takes: None,
    status: 200,
    gives: Gives::Json(named::<schemas::Model>),
};

pub(crate) static EMBEDDINGS_CREATE: Doc = Doc {
    id: "createEmbedding",
    tag: "Embeddings",
    summary: "Turn texts into vectors",
    about: "OpenAI's embeddings, by a model whose provider gives them.",
    takes: Some(named::<schemas::EmbeddingRequest>),
    status: 200,
    gives: Gives::Json(named::<schemas::EmbeddingList>),
};

pub(crate) static VERSION: Doc = Doc {
    id: "getVersion",
    tag: "Server",
    summary: "What is running",
    about: "The version, and since when it runs with its present configuration.",
    takes: None,
    status: 200,
    gives: Gives::Enveloped(named::<schemas::Version>),
};

pub(crate) static GUEST_LOGIN: Doc = Doc {
    id: "guestLogin",
    tag: "Auth",
    summary: "Get tokens as a new guest",
    about: "Needs nothing. The access token lives for five minutes, the refresh token for a week.",
    takes: None,
    status: 201,
    gives: Gives::Json(named::<schemas::Tokens>),
};

pub(crate) static REFRESH_TOKEN: Doc = Doc {
    id: "refreshToken",
    tag: "Auth",
    summary: "Get the next pair of tokens",
    about: "For the owner of a refresh token.",
    takes: Some(named::<schemas::RefreshRequest>),
    status: 200,
    gives: Gives::Json(named::<schemas::Tokens>),
};

pub(crate) static HEALTHZ: Doc = Doc {
    id: "healthz",
    tag: "Server",
    summary: "The process lives",
    about: "`{status: \"ok\"}`.",
    takes: None,
    status: 200,
    gives: Gives::Json(named::<schemas::Status>),
};

pub(crate) static READYZ: Doc = Doc {
    id: "readyz",
    tag: "Server",
    summary: "New requests are welcome",
    about: "`{status: \"ready\"}`; 503 while the server drains.",
    takes: None,
    status: 200,
    gives: Gives::Json(named::<schemas::Status>),
};

pub(crate) static OPENAPI: Doc = Doc {
    id: "openapi",
    tag: "Server",
    summary: "This document",
    about: "OpenAPI 3.1, made from the table that routes the requests.",
    takes: None,
    status: 200,
    gives: Gives::Page("application/json"),
};

pub(crate) static SWAGGER: Doc = Doc {
    id: "swagger",
    tag: "Server",
    summary: "Try the API in a browser",
    about: "Swagger UI, offline; open `/api/swagger/index.html`.",
    takes: None,
    status: 200,
    gives: Gives::Page("text/html"),
};
