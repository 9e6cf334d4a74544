//! What every crate of Jan Server shares: the types of the chat API, the traits that backends implement and services
//! call, the one error type, ids, pages and time. It contains no server, starts no task and opens no socket, so a
//! crate that needs only one type gets nothing else with it.
//!
//! | module | holds |
//! |---|---|
//! | [`chat`] | requests, messages, chunks and answers of OpenAI's chat API; unknown fields are kept |
//! | [`call`] | one call of a model: its request, its caller, and what layers report about it |
//! | [`completion`] | requests for text completions, and the trait of the providers that answer them |
//! | [`request`] | the part that all requests to models share |
//! | [`model`], [`image`], [`tool`], [`media`] | the traits for chat models, images, tools, and stored bytes |
//! | [`database`] | the handle of an app's database, on which all stores are made; transactions |
//! | [`conversation`], [`record`] | the data that belongs to users, and the stores that keep it |
//! | `sql` | SQLite and Postgres behind one small interface (features `sqlite`, `postgres`) |
//! | `fetch` | the HTTP client for URLs that a caller chooses (feature `fetch`) |
//! | `promises` | test suites for implementations of the store traits (feature `promises`) |
//! | [`account`] | everything that one user owns: export, import, deletion |
//! | [`auth`] | authentication: verifiers and issuers of credentials |
//! | [`error`] | one error type that describes situations and hides which library failed |
//! | [`id`], [`page`], [`clock`], [`json`], [`secret`] | small shared types |

// On docs.rs each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

/// Gives a type that holds raw JSON bytes the OpenAPI schema of another type, which lists the known members.
#[cfg(feature = "openapi")]
#[macro_export]
#[doc(hidden)]
macro_rules! described_by {
    ($type:ty => $schema:ty) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                <$schema as utoipa::PartialSchema>::schema()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                <$schema as utoipa::ToSchema>::name()
            }

            fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
                <$schema as utoipa::ToSchema>::schemas(schemas);
            }
        }
    };
}

pub mod account;
pub mod auth;
pub mod call;
pub mod causes;
pub mod chat;
pub mod clock;
pub mod completion;
pub mod conversation;
pub mod database;
pub mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
pub mod files;
pub mod id;
pub mod image;
pub mod json;
pub mod media;
pub mod model;
mod model_info;
pub mod page;
pub mod principal;
#[cfg(any(test, feature = "promises"))]
pub mod promises;
pub mod record;
pub mod request;
pub mod secret;
#[cfg(feature = "sql")]
pub mod sql;
pub mod tool;

/// The attribute that the traits here are written with; their implementations need the same one.
pub use async_trait::async_trait;
pub use auth::{AuthVerifier, TokenIssuer};
pub use call::{CallReport, Caller, History, ModelCall};
pub use chat::{ChatAnswer, ChatChunk, ChatReply, ChatRequest, ChatStream};
pub use clock::{Clock, SystemClock};
pub use completion::{CompletionProvider, CompletionReply, CompletionRequest};
pub use conversation::{BranchStore, ConversationArchive, ConversationStore};
pub use database::{Database, Transaction, Transactional};
pub use error::{Error, ErrorKind, Result};
pub use image::ImageProvider;
pub use json::JsonObject;
pub use model::{EmbeddingProvider, Model, ModelProvider};
pub use principal::{AuthMethod, Principal, UserId};
pub use record::RecordStore;
pub use secret::Secret;
pub use tool::ToolProvider;

/// A boxed stream, as the object-safe traits here return it. Dropping it stops the work that produces its items.
pub type BoxStream<T> = futures_core::stream::BoxStream<'static, T>;

// Everything that crosses a task boundary in a server is `Send + Sync + 'static`, promised at compile time.
const _: () = {
    const fn shared<T: Send + Sync + 'static>() {}
    shared::<Error>();
    shared::<ChatRequest>();
    shared::<ChatAnswer>();
    shared::<ChatChunk>();
    shared::<Principal>();
};

// The examples of the crate's page are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
