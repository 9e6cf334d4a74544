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
mod app;
mod binary;
mod chat;
mod conventions;
mod door;
mod examples;
mod limits;
mod local_model;
mod models;
mod rooms;
mod sdks;
mod settings;
mod shares;
mod swagger;
mod upstreams;
mod usage;
