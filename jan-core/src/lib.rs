//! What every room of Jan Server shares: the vocabulary of chat, the traits that backends give and rooms ask for,
//! the one error, ids, pages, time. No server, no task, no socket: a room that only needs a type pays for a type.
//!
//! | module | holds |
//! |---|---|
//! | [`chat`] | requests, messages, chunks and answers as OpenAI writes them, unknown fields kept |
//! | [`call`] | one request to a model, with who makes it and what is reported of it |
//! | [`completion`] | requests to make text go on, and who does |
//! | [`request`] | what requests to models have in common |
//! | [`model`], [`image`], [`tool`], [`media`] | the seams: who answers a chat, makes pictures, runs a tool, keeps bytes |
//! | [`database`] | the one handle on an app's database, on which every store is made; transactions |
//! | [`conversation`], [`record`] | what people keep, and the stores that keep it |
//! | `sql` | SQLite and Postgres behind one small face (features `sqlite`, `postgres`) |
//! | `fetch` | the guarded HTTP client for URLs that a caller names (feature `fetch`) |
//! | `promises` | the suites that every implementation of a store runs (feature `promises`) |
//! | [`account`] | what belongs to an owner: taken along, given back, taken away |
//! | [`auth`] | who is asking: verifiers and issuers of credentials |
//! | [`error`] | one error type that names situations, not libraries |
//! | [`id`], [`page`], [`clock`], [`json`], [`secret`] | the small pieces |

// On docs.rs each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

/// Gives a type that stays bytes the OpenAPI schema of another one, which lists the members that are known.
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

/// What the traits here are written with: an implementation needs the same attribute.
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

/// A boxed stream, as the object-safe traits here return it. Dropping it stops the work behind it.
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
