//! Chat with language models from any program; no HTTP server is needed or included.
//!
//! ```
//! use jan_llm::{Chat, Echo};
//! use jan_core::{ChatRequest, Principal};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let chat = Chat::new(Echo::default());
//! let request = ChatRequest::new("echo").user("Hello!");
//! let answer = chat.complete(request, &Principal::open("me")).await?.parse()?;
//! assert_eq!(answer.choices[0].message.text(), "Hello!");
//! # Ok::<(), jan_core::Error>(())
//! # }).unwrap();
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`chat`] | the chat service: prepare → provider → answer, streamed or whole by one path; text completions |
//! | [`owned`] | export, import and deletion of the data of one owner |
//! | [`layers`] | wrappers around a provider: usage counting, media, trimming, time limit |
//! | [`router`] | picks the provider by the model's name; itself a provider |
//! | [`providers`] | OpenAI-compatible upstreams, the local model, `echo` |
//! | [`catalogue`] | the model list for user interfaces: names, order, capabilities |
//! | [`prompt`] | the system prompt: instructions, profile, memory |
//! | [`trim`] | shortens a conversation to a model's context |
//! | [`titles`] | generates the titles of conversations |
//! | [`settings`] | the settings of users |
//! | [`shares`] | public read-only copies of conversations, by link |
//! | [`usage`] | counts and reports the tokens that users use |
//! | [`sse`] | the decoder of server-sent events |
//! | [`conversations`] | conversations, their items and branches |
//! | [`turn`] | stores a chat's question and answer in a conversation |
//! | [`completions`] | stores a chat completion without a conversation |
//! | [`projects`] | groups of conversations with a common instruction |
//! | [`images`] | generates and edits images, and stores them as media |
//! | [`store`] | the stores: memory, SQLite, Postgres |
//! | [`gguf`] | reads the header of a model file (features `local`, `pull`) |
//! | [`pull`] | downloads a model file: resumable, checked, renamed only when complete (feature `pull`) |

// docs.rs then shows for each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod catalogue;
pub mod chat;
pub mod completions;
pub mod conversations;
#[cfg(any(feature = "local", feature = "pull"))]
pub mod gguf;
pub mod images;
pub mod layers;
pub mod owned;
pub mod projects;
pub mod prompt;
pub mod providers;
#[cfg(feature = "pull")]
pub mod pull;
pub mod router;
pub mod settings;
pub mod shares;
pub mod sse;
pub mod store;
mod text;
pub mod titles;
pub mod trim;
pub mod turn;
pub mod usage;

pub use chat::Chat;
pub use conversations::Conversations;
pub use images::Images;
/// The core crate in the version that this crate was built with, so that a dependency on jan-llm alone is enough.
pub use jan_core;
pub use jan_core::chat::Message;
pub use jan_core::{
    Caller, ChatAnswer, ChatChunk, ChatReply, ChatRequest, ChatStream, Database, Error, ErrorKind, Model,
    ModelCall, ModelProvider, Principal, Result, Secret, SystemClock, UserId, async_trait,
};
pub use projects::Projects;
pub use prompt::Templates;
pub use providers::Echo;
#[cfg(feature = "local")]
pub use providers::local;
#[cfg(feature = "client")]
pub use providers::{OpenAi, Upstream};
pub use router::Router;
pub use settings::{SettingsStore, UserSettings};
pub use shares::Shares;
pub use store::Store;
pub use text::TextTurn;
pub use turn::Keeper;
pub use usage::Meter;

// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
