//! What every implementation of a store promises, as suites that it runs in its tests: memory, SQLite, Postgres and a
//! stranger's alike. A suite makes owners of its own, so that several can share one database; it panics at the first
//! promise that is broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
