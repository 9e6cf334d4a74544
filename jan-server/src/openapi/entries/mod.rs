//! What the document says of each route: one entry per row of the table.

use jan_core::auth::Tokens;
use jan_core::model::{EmbeddingList, EmbeddingRequest};
use jan_core::{ChatAnswer, ChatChunk, ChatRequest, CompletionReply, CompletionRequest};
use jan_llm::catalogue::{DetailsShape, ModelShape};
use serde_json::Value;

use super::{Components, named};
use crate::routes::auth::{Login, RefreshRequest};
use crate::routes::docs::OpenApi;
use crate::routes::health::{Status, Version};
use crate::routes::home::Home;
use crate::routes::models::ModelList;

pub(crate) mod conversations;
pub(crate) mod files;
pub(crate) mod images;
pub(crate) mod media;
pub(crate) mod shares;
pub(crate) mod usage;
pub(crate) mod users;
pub(crate) use conversations::projects;
pub(crate) use usage::templates;

/// Puts a schema among the components and refers to it.
pub(crate) type SchemaOf = fn(&mut Components) -> Value;

/// One route in words.
pub(crate) struct Doc {
    pub(crate) id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) about: &'static str,
    /// Query parameters: name and meaning.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// The body: its content type and its schema.
    pub(crate) takes: Option<(&'static str, SchemaOf)>,
    /// A body in JSON that works as it is: what Swagger offers to send. [`MODEL`] stands for a model that is there.
    pub(crate) example: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) gives: Gives,
}

/// Stands in examples for the first model of `GET /v1/models`.
pub(crate) const MODEL: &str = "$first-model";

/// The query parameters of every list.
pub(crate) const PAGE: &[(&str, &str)] = &[
    ("limit", "How many at the most, 1 to 100. Default: 20."),
    ("after", "The id of the last one already seen."),
    ("order", "`asc` or `desc` (the default)."),
];

impl Doc {
    pub(crate) const fn new(
        id: &'static str,
        tag: &'static str,
        summary: &'static str,
        about: &'static str,
    ) -> Self {
        Self {
            id,
            tag,
            summary,
            about,
            query: &[],
            takes: None,
            example: None,
            status: 204,
            gives: Gives::Nothing,
        }
    }

    pub(crate) const fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    pub(crate) const fn takes(self, schema: SchemaOf) -> Self {
        self.takes_as("application/json", schema)
    }

    pub(crate) const fn takes_as(self, kind: &'static str, schema: SchemaOf) -> Self {
        Self { takes: Some((kind, schema)), ..self }
    }

    pub(crate) const fn example(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    pub(crate) const fn json(self, status: u16, schema: SchemaOf) -> Self {
        Self { status, gives: Gives::Json(schema), ..self }
    }

    pub(crate) const fn json_or_events(self, status: u16, schema: SchemaOf, event: SchemaOf) -> Self {
        Self { status, gives: Gives::JsonOrEvents(schema, event), ..self }
    }

    pub(crate) const fn enveloped(self, status: u16, schema: SchemaOf) -> Self {
        Self { status, gives: Gives::Enveloped(schema), ..self }
    }

    pub(crate) const fn list(self, schema: SchemaOf) -> Self {
        Self { status: 200, gives: Gives::List(schema), ..self }
    }

    pub(crate) const fn enveloped_list(self, schema: SchemaOf) -> Self {
        Self { status: 200, gives: Gives::EnvelopedList(schema), ..self }
    }

    pub(crate) const fn redirects(self) -> Self {
        Self { status: 307, gives: Gives::Nothing, ..self }
    }

    pub(crate) const fn page(self, status: u16, kind: &'static str) -> Self {
        Self { status, gives: Gives::Page(kind), ..self }
    }

    pub(crate) const fn bytes(self) -> Self {
        Self { status: 200, gives: Gives::Bytes, ..self }
    }

    pub(crate) const fn head(self) -> Self {
        Self { status: 200, gives: Gives::Head, ..self }
    }
}

/// What a success looks like.
pub(crate) enum Gives {
    /// A bare JSON object.
    Json(SchemaOf),
    /// The same, or events when the request asks for a stream.
    JsonOrEvents(SchemaOf, SchemaOf),
    /// A JSON object in the `{data, meta}` envelope.
    Enveloped(SchemaOf),
    /// A page of a list of these.
    List(SchemaOf),
    /// The same with the envelope's `meta` beside it.
    EnvelopedList(SchemaOf),
    /// No body.
    Nothing,
    /// Something for people, of this content type.
    Page(&'static str),
    /// A file, of whatever type it is.
    Bytes,
    /// Headers alone.
    Head,
}

const ASKED_BY: &[(&str, &str)] = &[
    (
        "referrer",
        "Where the chat comes from, up to 64 characters: it begins a conversation that remembers it.",
    ),
    (
        "persona",
        "Which of the operator's prompt modules are put before it; `X-Prompt-Persona` says the same.",
    ),
];

pub(crate) static CHAT_CREATE: Doc =
    Doc::new("createChatCompletion", "Chat", "Answer a chat", "OpenAI's chat completions. Fields that are not listed pass through to the model and back untouched. With \
            `stream: true` the answer comes as `data:` events of `chat.completion.chunk` objects; the last chunk carries \
            usage if `stream_options.include_usage` is true, and `[DONE]` follows a whole answer and only that: an \
            answer that breaks off ends with an error event instead. With `conversation` the turn is kept in it.")
        .query(ASKED_BY)
        .takes(named::<ChatRequest>)
        .example(r#"{"model": "$first-model", "messages": [{"role": "user", "content": "Hello!"}]}"#)
        .json_or_events(200, named::<ChatAnswer>, named::<ChatChunk>);

pub(crate) static COMPLETIONS_CREATE: Doc = Doc::new(
    "createCompletion",
    "Chat",
    "Make a text go on",
    "OpenAI's older API: a prompt without messages and without a chat template, as editors complete code by it. Fields that \
     are not listed pass through to the model. Streamed as a chat is. A model whose provider answers chats only refuses it.",
)
.takes(named::<CompletionRequest>)
.example(r#"{"model": "$first-model", "prompt": "Once upon a time", "max_tokens": 16}"#)
.json_or_events(200, named::<CompletionReply>, named::<CompletionReply>);

pub(crate) static MODELS_LIST: Doc = Doc::new(
    "listModels",
    "Models",
    "List the models",
    "The models that can be asked now, in the order in which a page shows them; an empty list when no provider is \
     configured. With the header `X-PROVIDER-DATA: true` each says who gives it.",
)
.json(200, named::<ModelList>);

pub(crate) static MODELS_GET: Doc =
    Doc::new("getModel", "Models", "Get one model", "The name may hold slashes.")
        .json(200, named::<ModelShape>);

pub(crate) static MODELS_DETAILS: Doc = Doc::new(
    "getModelCatalog",
    "Models",
    "See what a model can do",
    "Whether it calls tools, thinks, sees pictures: as the operator configures it, as its provider says, or as most \
     models are. The name may hold slashes, as they are or as `%2F`.",
)
.enveloped(200, named::<DetailsShape<'static>>);

pub(crate) static EMBEDDINGS_CREATE: Doc = Doc::new(
    "createEmbedding",
    "Embeddings",
    "Turn texts into vectors",
    "OpenAI's embeddings, by a model whose provider gives them.",
)
.takes(named::<EmbeddingRequest>)
.example(r#"{"model": "$first-model", "input": ["Hello!"]}"#)
.json(200, named::<EmbeddingList>);

pub(crate) static VERSION: Doc = Doc::new(
    "getVersion",
    "Server",
    "What is running",
    "The version, and since when it runs with its present configuration.",
)
.enveloped(200, named::<Version>);

pub(crate) static GUEST_LOGIN: Doc = Doc::new(
    "guestLogin",
    "Auth",
    "Get tokens as a new guest",
    "Needs nothing. The access token lives for five minutes, the refresh token for a week.",
)
.json(201, named::<Login<'static>>);

pub(crate) static REFRESH_TOKEN: Doc =
    Doc::new("refreshToken", "Auth", "Get the next pair of tokens", "For the owner of a refresh token.")
        .takes(named::<RefreshRequest>)
        .example(r#"{"refresh_token": "the refresh_token that came with the login"}"#)
        .json(200, named::<Tokens>);

pub(crate) static HEALTHZ: Doc =
    Doc::new("healthz", "Server", "The process lives", "`{status: \"ok\"}`.").json(200, named::<Status>);

pub(crate) static MEDIA_HEALTHZ: Doc =
    Doc::new("mediaHealthz", "Server", "The Media API lives", "Lives as long as the process.")
        .json(200, named::<Status>);

pub(crate) static READYZ: Doc = Doc::new(
    "readyz",
    "Server",
    "New requests are welcome",
    "`{status: \"ready\"}`; 503 while the server drains.",
)
.json(200, named::<Status>);

pub(crate) static OPENAPI: Doc = Doc::new(
    "openapi",
    "Server",
    "This document",
    "OpenAPI 3.1, made from the table that routes the requests.",
)
.json(200, named::<OpenApi>);

pub(crate) static HOME: Doc = Doc::new(
    "home",
    "Server",
    "What this is",
    "A page for people who open the server in a browser (`Accept: text/html`); the same as JSON for everybody else.",
)
.json(200, named::<Home>);

pub(crate) static DOCS: Doc =
    Doc::new("docs", "Server", "To the documentation", "Leads to Swagger UI.").redirects();
pub(crate) static SWAGGER_FOLDER: Doc =
    Doc::new("swaggerFolder", "Server", "To the documentation", "Leads to Swagger UI.").redirects();
pub(crate) static SWAGGER_INDEX: Doc =
    Doc::new("swaggerIndex", "Server", "To the documentation", "Leads to Swagger UI.").redirects();

pub(crate) static SWAGGER: Doc = Doc::new(
    "swagger",
    "Server",
    "Try the API in a browser",
    "Swagger UI, offline; open `/api/swagger/index.html`.",
)
.page(200, "text/html");
