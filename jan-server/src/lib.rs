//! The API of Jan Server and OpenAI over the rooms: thin routes, one gateway, no logic of its own.
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
//! | `serve` | the accept loop, and the limits of a connection |
//! | `server`, `builder` | the server as a value, and how it is put together |
//! | `dispatch` | the way of a request through all that is below |
//! | `openapi` | the document, made from the table |
//! | `router` | THE TABLE: the whole API on one page |
//! | `routes` | the handlers, a file per family |
//! | `rooms`, `sweep`, `media` | the services that handlers use; what is taken away for good; what is around media |
//! | `gateway` | what is done with every request: id, hosts, limits, credentials, CORS, repeated requests |
//! | `http` | bodies, replies, events, forms, errors as statuses |
//!
//! Each imports only what stands below it; a test reads the imports.

// On docs.rs each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod dispatch;
mod gateway;
mod http;
mod inner;
mod media;
mod no_model;
#[cfg(feature = "openapi")]
mod openapi;
mod rooms;
mod router;
mod routes;
mod serve;
mod server;
mod supervise;
mod sweep;

pub use crate::gateway::admit::PeerAddr;
pub use crate::gateway::cors::origin as cors_origin;
pub use crate::gateway::hosts::Hosts;
pub use crate::gateway::rate::RateSettings;
pub use crate::gateway::request_log::TARGET as REQUEST_LOG_TARGET;
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
pub use media::links as media_links;
pub use rooms::Settings;
pub use serve::{ServeSettings, bind};
pub use server::Server;
/// The rooms whole, in the versions that this server was built with: a host needs no dependency of its own on them.
pub use {jan_core, jan_llm, jan_media};

// The examples of the crate's page are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
