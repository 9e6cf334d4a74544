//! The HTTP API of Jan Server and of OpenAI over the service crates (`jan-llm`, `jan-media`): thin handlers behind one
//! gateway, without logic of their own.
//!
//! ```
//! use jan_core::auth::AllowAll;
//! use jan_server::{Echo, Server};
//!
//! # async fn build() -> jan_core::Result<()> {
//! let server = Server::builder().auth(AllowAll::new()).model(Echo::default()).build().await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Server`] is a `tower` service over `http` types: serve it on a listener ([`Server::serve`]), mount it in another
//! app, or call it without a socket ([`Server::handle`]).
//!
//! | file | holds |
//! |---|---|
//! | `serve` | the accept loop, and the limits of a connection |
//! | `server`, `builder` | the server as a value, and its builder |
//! | `dispatch` | the steps of every request: gateway, table, handler |
//! | `openapi` | the OpenAPI document, generated from the table |
//! | `router` | THE TABLE: every route of the API, on one page |
//! | `routes` | the handlers, one file per group of routes |
//! | `services`, `sweep`, `media` | the services that handlers call; permanent deletion; defaults of media |
//! | `gateway` | applied to every request: id, hosts, limits, credentials, CORS, idempotency |
//! | `http` | bodies, replies, event streams, forms, errors as statuses |
//!
//! Each file imports only files that are listed below it; a test reads the imports.

// On docs.rs each item shows the feature that it needs.
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
mod router;
mod routes;
mod serve;
mod server;
mod services;
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
pub use serve::{ServeSettings, bind};
pub use server::Server;
pub use services::Settings;
/// The service crates in the versions that this server was built with, so that a host needs no dependency of its own on
/// them.
pub use {jan_core, jan_llm, jan_media};

// Compiles the examples of README.md.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
