//! The test suite of a [`RecordStore`]. There is one file for each group of operations; this file has the shared
//! helpers.

pub mod gone;
pub mod kept;
pub mod lists;
pub mod typed;

use std::sync::Arc;

use super::{NOON, ODD, is_unknown_cursor, new_owner, page, pages, refused};
use crate::page::{MAX_LIMIT, Order};
use crate::record::{Millis, Record, RecordStore};
use crate::{ErrorKind, UserId, id};

/// Runs the whole suite on `store`.
pub async fn records(store: Arc<dyn RecordStore>) {
    kept::all(&*store).await;
    lists::all(&*store).await;
    gone::all(&*store).await;
    typed::all(&store).await;
    for seed in 0..pages::SEEDS {
        pages::of_records(&*store, seed).await;
    }
}

pub(crate) fn record(kind: &str) -> Record {
    Record {
        kind: kind.to_owned(),
        id: id::short("rec_"),
        key: None,
        group: None,
        created_at: NOON,
        expires_at: None,
        version: 0,
        body: "{}".to_owned(),
    }
}

pub(super) fn named(kind: &str, key: &str) -> Record {
    Record { key: Some(key.to_owned()), ..record(kind) }
}

pub(super) async fn kept(store: &dyn RecordStore, me: &UserId, record: Record) -> Record {
    store.insert(me, vec![record.clone()]).await.unwrap();
    record
}

pub(super) async fn is_kept(store: &dyn RecordStore, me: &UserId, record: &Record) -> bool {
    let found = store.get(me, &record.kind, &record.id).await.unwrap();
    assert!(found.is_none() || found.as_ref() == Some(record), "{found:?}");
    found.is_some()
}

pub(super) fn ids(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.id.clone()).collect()
}
