//! Test suites that every implementation of a store runs: memory, SQLite, Postgres, and stores of other projects. Each
//! suite creates its own owners, so that several suites can run on one database, one after the other (a sweep affects
//! the data of all owners). A suite panics at the first promise that is broken.
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

/// Stores on one database, which can write in one transaction.
#[derive(Clone)]
pub struct Stores {
    pub conversations: Arc<dyn ConversationStore>,
    pub branches: Arc<dyn BranchStore>,
    pub archive: Arc<dyn ConversationArchive>,
    pub records: Arc<dyn RecordStore>,
}

/// The time of all writes in the suites, or slightly before them. It is long after the times that the sweep suites
/// use.
const NOON: Millis = 1_700_000_000_000;

/// Text that breaks stores that put values into SQL text, or that decode values.
const ODD: &str = "Bobby'); DROP TABLE item;-- \"50%\" _ \\ \\u0000 😀 e\u{301} \u{202e}rtl\u{202c}\r\n\t";

/// A new owner.
fn new_owner() -> UserId {
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
