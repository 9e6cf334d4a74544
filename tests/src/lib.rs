//! The published fakes: stand-ins for everything a test of Jan Server cannot have for real, each driven by the test and
//! never by the clock. An embedder's tests may use them too.
//!
//! | fake | stands for |
//! |---|---|
//! | [`Upstream`] | an OpenAI-compatible service on a port of its own, well behaved or not |
//! | [`ScriptedModel`] | a model inside the process that plays a list of turns |
//! | [`Gate`] | slowness: what would be a pause is a door that the test opens |
//!
//! A clock that tests move is [`jan_core::clock::MovedClock`]. Where only the real thing will do, [`PrivatePostgres`] is a
//! database server of the test's own, [`PrivateMinio`] an S3 server, and [`tool`] finds what `make test` has set up.
//!
//! Every wait of a test goes through [`within`], [`until`], a [`Process`] or a fake, and so has an end ([`PATIENCE`]) and a
//! sentence that says what was waited for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a fake that cannot go on should stop the test that uses it, loudly"
)]

mod gate;
#[cfg(unix)]
mod guarded;
#[cfg(unix)]
mod minio;
#[cfg(unix)]
mod postgres;
mod process;
mod scripted_model;
mod tool;
pub mod upstream;
mod wait;

pub use gate::Gate;
#[cfg(unix)]
pub use minio::PrivateMinio;
#[cfg(unix)]
pub use postgres::PrivatePostgres;
pub use process::{Lines, Process, output, output_within};
pub use scripted_model::{ScriptedModel, Turn, words};
pub use tool::tool;
pub use upstream::{Behaviour, Upstream};
pub use wait::{PATIENCE, until, until_blocking, within};

// What the README shows in Rust is compiled as it stands.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadMe;
