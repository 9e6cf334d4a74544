//! The product from outside, through the doors that a user has: one binary, so that it links once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

mod account;
mod answers;
mod app;
mod bare;
mod binary;
mod chat;
mod completions;
mod connections;
mod conventions;
mod conversations;
mod crash;
mod document;
mod door;
mod erased;
mod examples;
#[cfg(unix)]
mod files;
mod idempotency;
mod ids;
mod images;
mod imports;
mod layers;
mod limits;
mod local_model;
mod locked;
#[cfg(unix)]
mod logging;
mod media;
mod models;
mod owners;
mod pages;
mod readme;
mod refusals;
mod resent;
mod rooms;
mod sdks;
mod settings;
mod shares;
#[cfg(unix)]
mod stores;
mod swagger;
mod together;
mod turns;
mod upstreams;
mod usage;
mod web_client;
