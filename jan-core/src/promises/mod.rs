//! What every implementation of a store promises, as suites that it runs in its tests: memory, SQLite, Postgres and a
//! stranger's alike. A suite makes owners of its own, so that several can share one database, one after the other (what
//! sweeps looks at everybody's); it panics at the first promise that is broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

pub mod blobs;
pub mod conversations;
pub mod pages;
pub mod records;

use std::fmt::Debug;
use std::sync::Arc;

pub use blobs::blobs;
pub use conversations::conversations;
pub use records::records;

use crate::conversation::{BranchStore, ConversationArchive, ConversationStore};
use crate::page::{Order, PageRequest};
use crate::record::{Millis, RecordStore};
use crate::{Error, ErrorKind, Result, UserId, id};

/// The stores that keep in one database, and write together.
#[derive(Clone)]
pub struct Stores {
    pub conversations: Arc<dyn ConversationStore>,
    pub branches: Arc<dyn BranchStore>,
    pub archive: Arc<dyn ConversationArchive>,
    pub records: Arc<dyn RecordStore>,
}

/// When everything in the suites happens, or a little later: long after what the promises of sweeping take away.
const NOON: Millis = 1_700_000_000_000;

/// Text that breaks stores which paste or decode what they should bind.
const ODD: &str = "Bobby'); DROP TABLE item;-- \"50%\" _ \\ \\u0000 😀 e\u{301} \u{202e}rtl\u{202c}\r\n\t";

/// An owner whom nobody has heard of.
fn somebody() -> UserId {
    UserId::new(id::short("user_"))
}

fn page(limit: u32, order: Order, after: Option<&str>) -> PageRequest {
    PageRequest { limit, after: after.map(str::to_owned), order }
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[track_caller]
fn refused<T: Debug>(result: Result<T>, kind: ErrorKind) -> Error {
    let error = result.expect_err("it should have been refused");
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}

#[track_caller]
fn is_not_found<T: Debug>(result: Result<T>) {
    refused(result, ErrorKind::NotFound);
}

#[track_caller]
fn is_unknown_cursor<T: Debug>(result: Result<T>) {
    assert_eq!(refused(result, ErrorKind::Invalid).param(), Some("after"));
}
