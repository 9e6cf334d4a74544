//! The API of Jan Server and OpenAI over the rooms: thin routes, one door, no logic of its own.
//!
//! ```
//! use jan_core::auth::AllowAll;
//! use jan_server::{Echo, Server};
//!
//! # async fn made() -> jan_core::Result<()> {
//! let server = Server::builder().auth(AllowAll::new()).model(Echo::default()).build().await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Server`] is a `tower` service over `http` types: serve it ([`Server::serve`]), mount it in another app, or ask it
//! without a socket ([`Server::handle`]).
//!
//! | file | holds |
//! |---|---|
//! | `router` | THE TABLE: the whole API on one page |
//! | `routes` | the handlers, a file per family |
//! | `gateway` | what is done with every request: id, hosts, limits, credentials, CORS |
//! | `http` | bodies, replies, events, errors as statuses |
//! | `openapi` | the document, made from the table |
//! | `media` | what is around the media room: who fetches for it, what shows it |
//! | `serve` | the accept loop, and the limits of a connection |
//! | `sweep` | what is taken away for good, and when |
//! | `config`, `open`, `cli` | the binary (feature `cli`) |

// On docs.rs each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

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

pub use crate::gateway::hosts::Hosts;
pub use crate::gateway::rate::RateSettings;
pub use crate::http::body::{Body, BoxError};
pub use builder::ServerBuilder;
pub use jan_core::auth::{self, AllowAll, AnyOf, ApiKeys, HostPrincipal, LocalIssuer, SigningKey};
pub use jan_core::{
    AuthMethod, ChatAnswer, ChatChunk, ChatReply, ChatRequest, ChatStream, Database, Error, ErrorKind, Model,
    ModelProvider, Principal, Result, Secret, SystemClock, UserId, async_trait,
};
pub use jan_llm::{Echo, OpenAi, Router, Store, Upstream};
#[cfg(feature = "fetch")]
pub use media::FetchUrls;
pub use rooms::Settings;
pub use serve::{PeerAddr, ServeSettings, bind};
pub use server::Server;
/// The rooms whole, in the versions that this server was built with: a host needs no dependency of its own on them.
pub use {jan_core, jan_llm, jan_media};

// The examples of the crate's page are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
