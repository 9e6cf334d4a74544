//! Chat with language models, with no HTTP server in sight.
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
//! | [`owned`] | what belongs to an owner, for exports and deletions |
//! | [`layers`] | what happens to every call of a model: counting, media, trimming, time limit |
//! | [`router`] | picks the provider by the model's name; itself a provider |
//! | [`providers`] | who answers: OpenAI-compatible upstreams, the local model, `echo` |
//! | [`prompt`] | what the model is told before the caller's words: instructions, profile, memory |
//! | [`trim`] | fits a conversation into a model's context |
//! | [`titles`] | names conversations |
//! | [`settings`] | what a user has chosen |
//! | [`shares`] | what is shown of a conversation to whoever has the link |
//! | [`usage`] | how many tokens somebody used |
//! | [`sse`] | the decoder of server-sent events |
//! | [`conversations`] | conversations, their items and branches, as their owners use them |
//! | [`turn`], [`completions`] | what is kept of a chat: in a conversation, by itself |
//! | [`projects`] | conversations that belong together |
//! | [`images`] | pictures made of words or of pictures, and kept |
//! | [`store`] | where chats are kept: memory, SQLite, Postgres |
//! | [`gguf`] | what a model file says about itself (features `local`, `pull`) |
//! | [`pull`] | downloads a model file: resumed, checked, atomic (feature `pull`) |

// On docs.rs each item says which feature it needs.
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
/// The core whole, in the version that this crate was built with: who only chats needs no dependency of their own on it.
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

// The examples of the crate's page are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
