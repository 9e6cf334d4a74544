//! The documentation entries of the routes: one for each row of the table.

use jan_core::auth::Tokens;
use jan_core::model::{EmbeddingList, EmbeddingRequest};
use jan_core::{ChatAnswer, ChatChunk, ChatRequest, CompletionReply, CompletionRequest};
use jan_llm::catalogue::{DetailsShape, ModelShape};

use super::doc::{Doc, PAGE};
use super::document::named;
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
        .body(named::<ChatRequest>)
        .example(r#"{"model": "$first-model", "messages": [{"role": "user", "content": "Hello!"}]}"#)
        .json_or_events(200, named::<ChatAnswer>, named::<ChatChunk>);

pub(crate) static COMPLETIONS_CREATE: Doc = Doc::new(
    "createCompletion",
    "Chat",
    "Make a text go on",
    "OpenAI's older API: a prompt without messages and without a chat template, as editors complete code by it. Fields that \
     are not listed pass through to the model. Streamed as a chat is. A model whose provider answers chats only refuses it.",
)
.body(named::<CompletionRequest>)
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
.body(named::<EmbeddingRequest>)
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
        .body(named::<RefreshRequest>)
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
