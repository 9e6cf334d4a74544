//! The integration tests: they use the product as its users do. All are in one binary, so that it links only once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot continue fails"
)]

mod access;
mod account;
mod account_deletion;
mod answers;
mod app;
mod bare;
mod binary;
mod chat;
mod completion_and_turn;
mod completions;
mod connections;
mod conventions;
mod conversations;
mod crash;
mod crate_dependencies;
mod database_locks;
mod document;
mod examples;
#[cfg(unix)]
mod file_modes;
mod idempotency;
mod ids;
mod images;
mod imports;
mod layers;
mod limits;
mod local_model;
#[cfg(unix)]
mod logging;
mod media;
mod models;
mod owners;
mod readme;
mod refusals;
mod resent_messages;
mod sdks;
mod settings;
mod shares;
#[cfg(unix)]
mod stores;
mod swagger;
mod turns;
mod upstreams;
mod usage;
mod web_client;
mod web_pages;
