//! The API of Jan Server and OpenAI over the rooms: thin routes, one door, no logic of its own.
//!
//! ```
//! use jan_core::auth::AllowAll;
//! use jan_server::{Echo, Server};
//!
//! let server = Server::builder().auth(AllowAll::new()).model(Echo::default()).build()?;
//! # Ok::<(), jan_core::Error>(())
//! ```
//!
//! [`Server`] is a `tower` service over `http` types: serve it ([`Server::serve`]), mount it in another app, or ask it
//! without a socket ([`Server::handle`]).
//!
//! | file | holds |
//! |---|---|
//! | `router` | THE TABLE: the whole API on one page |
//! | `routes` | the handlers, a file per family |
//! | `gateway` | the door: request id, limits, credentials, CORS |
//! | `http` | bodies, replies, events, errors as statuses |
//! | `openapi` | the document, made from the table |
//! | `media` | what is around the media room: who fetches for it, what shows it |
//! | `serve` | the accept loop |
//! | `sweep` | what is taken away for good, and when |
//! | `config`, `open`, `cli` | the binary (feature `cli`) |

mod builder;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod config;
mod gateway;
mod http;
mod media;
mod no_model;
#[cfg(feature = "cli")]
pub mod open;
mod openapi;
mod rooms;
mod router;
mod routes;
mod serve;
mod server;
mod supervise;
mod sweep;

pub use crate::gateway::rate::RateSettings;
pub use crate::http::body::{Body, BoxError};
pub use builder::ServerBuilder;
pub use jan_core::auth::{AllowAll, AnyOf, ApiKeys, LocalIssuer, SigningKey};
pub use jan_llm::{Echo, OpenAi, Router, Store, Upstream};
#[cfg(feature = "fetch")]
pub use media::FetchUrls;
pub use rooms::Settings;
pub use serve::{PeerAddr, ServeSettings, bind};
pub use server::Server;
