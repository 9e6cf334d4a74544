//! Public fakes for tests of Jan Server and of embedders. A test controls them directly; they do not depend on real
//! time.
//!
//! | fake | replaces |
//! |---|---|
//! | [`Upstream`] | an OpenAI-compatible service on its own port, correct or faulty |
//! | [`ScriptedModel`] | a model in this process that returns a list of replies |
//! | [`Gate`] | a slow part: instead of sleeping, a fake waits until the test opens the gate |
//!
//! For a clock that tests move, see [`jan_core::clock::MovedClock`]. For tests that need a real service,
//! [`PrivatePostgres`] starts a database server and [`PrivateMinio`] an S3 server; [`tool`] finds the programs and
//! files that `make test` installs.
//!
//! Every wait in a test uses [`within`], [`until`], a [`Process`] or a fake, so it has a time limit ([`WAIT_LIMIT`])
//! and an error that says what the test waited for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a fake that fails should fail the test that uses it"
)]

mod gate;
#[cfg(unix)]
mod minio;
#[cfg(unix)]
mod postgres;
mod process;
mod scripted_model;
#[cfg(unix)]
mod supervised;
mod tool;
pub mod upstream;
mod wait;

pub use gate::Gate;
#[cfg(unix)]
pub use minio::PrivateMinio;
#[cfg(unix)]
pub use postgres::PrivatePostgres;
pub use process::{Lines, Process, output, output_within};
pub use scripted_model::{ScriptedModel, ScriptedReply, text_chunks};
pub use tool::tool;
pub use upstream::{Behaviour, Upstream};
pub use wait::{WAIT_LIMIT, until, until_blocking, within};

// The Rust examples of the README are compiled as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadMe;
