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
        "Where the chat comes from, up to 64 characters: the chat starts a conversation that stores it.",
    ),
    (
        "persona",
        "Which of the operator's prompt modules are added before the chat; the header `X-Prompt-Persona` means the same.",
    ),
];

pub(crate) static CHAT_CREATE: Doc =
    Doc::new("createChatCompletion", "Chat", "Answer a chat", "OpenAI's chat completions. Fields that are not listed pass through to the model and back untouched. With \
            `stream: true` the answer comes as `data:` events of `chat.completion.chunk` objects; the last chunk carries \
            usage if `stream_options.include_usage` is true, and `[DONE]` follows a whole answer and only that: an \
            answer that breaks off ends with an error event instead. With `conversation` the messages are stored in it.")
        .query(ASKED_BY)
        .body(named::<ChatRequest>)
        .example(r#"{"model": "$first-model", "messages": [{"role": "user", "content": "Hello!"}]}"#)
        .json_or_events(200, named::<ChatAnswer>, named::<ChatChunk>);

pub(crate) static COMPLETIONS_CREATE: Doc = Doc::new(
    "createCompletion",
    "Chat",
    "Complete a text",
    "OpenAI's older API: a prompt without messages and without a chat template, which editors use to complete code. Fields that \
     are not listed pass through to the model. Streamed as a chat is. A model whose provider only answers chats refuses the request.",
)
.body(named::<CompletionRequest>)
.example(r#"{"model": "$first-model", "prompt": "Once upon a time", "max_tokens": 16}"#)
.json_or_events(200, named::<CompletionReply>, named::<CompletionReply>);

pub(crate) static MODELS_LIST: Doc = Doc::new(
    "listModels",
    "Models",
    "List the models",
    "The models that are available now, in the order in which a page should list them; an empty list when no provider is \
     configured. With the header `X-PROVIDER-DATA: true` each names its provider.",
)
.json(200, named::<ModelList>);

pub(crate) static MODELS_GET: Doc =
    Doc::new("getModel", "Models", "Get one model", "The name may contain slashes.")
        .json(200, named::<ModelShape>);

pub(crate) static MODELS_DETAILS: Doc = Doc::new(
    "getModelCatalog",
    "Models",
    "See what a model can do",
    "Whether it calls tools, reasons, reads images: as the operator configures it, as its provider states, or as is usual. \
     The name may contain slashes, as they are or as `%2F`.",
)
.enveloped(200, named::<DetailsShape<'static>>);

pub(crate) static EMBEDDINGS_CREATE: Doc = Doc::new(
    "createEmbedding",
    "Embeddings",
    "Turn texts into vectors",
    "OpenAI's embeddings, by a model whose provider offers them.",
)
.body(named::<EmbeddingRequest>)
.example(r#"{"model": "$first-model", "input": ["Hello!"]}"#)
.json(200, named::<EmbeddingList>);

pub(crate) static VERSION: Doc = Doc::new(
    "getVersion",
    "Server",
    "Get the version",
    "The version of the server, and since when it runs with its present configuration.",
)
.enveloped(200, named::<Version>);

pub(crate) static GUEST_LOGIN: Doc = Doc::new(
    "guestLogin",
    "Auth",
    "Get tokens as a new guest",
    "Needs no credential. The access token is valid for five minutes, the refresh token for a week.",
)
.json(201, named::<Login<'static>>);

pub(crate) static REFRESH_TOKEN: Doc =
    Doc::new("refreshToken", "Auth", "Get the next pair of tokens", "For the owner of a refresh token.")
        .body(named::<RefreshRequest>)
        .example(r#"{"refresh_token": "the refresh_token that came with the login"}"#)
        .json(200, named::<Tokens>);

pub(crate) static HEALTHZ: Doc =
    Doc::new("healthz", "Server", "Check that the process runs", "`{status: \"ok\"}`.")
        .json(200, named::<Status>);

pub(crate) static MEDIA_HEALTHZ: Doc =
    Doc::new("mediaHealthz", "Server", "Check that the Media API runs", "It runs whenever the process does.")
        .json(200, named::<Status>);

pub(crate) static READYZ: Doc = Doc::new(
    "readyz",
    "Server",
    "Check that new requests are accepted",
    "`{status: \"ready\"}`; 503 while the server is stopping.",
)
.json(200, named::<Status>);

pub(crate) static OPENAPI: Doc = Doc::new(
    "openapi",
    "Server",
    "Get this document",
    "OpenAPI 3.1, made from the table that routes the requests.",
)
.json(200, named::<OpenApi>);

pub(crate) static HOME: Doc = Doc::new(
    "home",
    "Server",
    "Get a description of the server",
    "A page for people who open the server in a browser (`Accept: text/html`); the same as JSON for other clients.",
)
.json(200, named::<Home>);

pub(crate) static DOCS: Doc =
    Doc::new("docs", "Server", "Open the documentation", "Redirects to Swagger UI.").redirects();
pub(crate) static SWAGGER_FOLDER: Doc =
    Doc::new("swaggerFolder", "Server", "Open the documentation", "Redirects to Swagger UI.").redirects();
pub(crate) static SWAGGER_INDEX: Doc =
    Doc::new("swaggerIndex", "Server", "Open the documentation", "Redirects to Swagger UI.").redirects();

pub(crate) static SWAGGER: Doc = Doc::new(
    "swagger",
    "Server",
    "Try the API in a browser",
    "Swagger UI, offline; open `/api/swagger/index.html`.",
)
.page(200, "text/html");
