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
//! | [`chat`] | the chat service: prepare → provider → answer, streamed or whole by one path |
//! | [`router`] | picks the provider by the model's name; itself a provider |
//! | [`providers`] | who answers: OpenAI-compatible upstreams, the local model, `echo` |
//! | [`sse`] | the decoder of server-sent events |
//! | [`gguf`] | what a model file says about itself (features `local`, `pull`) |
//! | [`pull`] | downloads a model file: resumed, checked, atomic (feature `pull`) |

pub mod chat;
#[cfg(any(feature = "local", feature = "pull"))]
pub mod gguf;
pub mod providers;
#[cfg(feature = "pull")]
pub mod pull;
pub mod router;
pub mod sse;

pub use chat::Chat;
pub use jan_core::{ChatAnswer, ChatChunk, ChatReply, ChatRequest, ChatStream, Model, ModelProvider};
pub use providers::Echo;
#[cfg(feature = "local")]
pub use providers::local;
#[cfg(feature = "client")]
pub use providers::{OpenAi, Upstream};
pub use router::Router;
