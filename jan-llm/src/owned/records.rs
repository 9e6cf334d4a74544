//! Everything that is stored as a record: projects, shares, settings, templates, completions, usage, and the records
//! that other crates put in the same store.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{StreamExt, TryStreamExt};
use jan_core::account::{Entry, ImportData, Imported, OwnedData, Sweep, pages};
use jan_core::media;
use jan_core::page::MAX_LIMIT;
use jan_core::record::{Millis, Record, RecordStore};
use jan_core::{BoxStream, Error, Result, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::MediaSearch;
use crate::store::Store;
use crate::usage::Meter;

const RECORD: &str = "record";

/// The records of all owners. Records that expire (stored answers for repeated requests) only serve the server and are
/// not exported.
pub struct RecordData {
    store: Arc<dyn RecordStore>,
    meter: Option<Meter>,
    media_apart: bool,
}

impl RecordData {
    /// The records in `store`.
    pub fn new(store: &Store) -> Self {
        Self { store: store.records.clone(), meter: None, media_apart: false }
    }

    /// On deletion, also discards the counts of `meter` that are not written yet.
    #[must_use]
    pub fn meter(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Leaves media records out of the export: another part exports them with their bytes, or nothing exports them.
    #[must_use]
    pub fn media_apart(mut self) -> Self {
        self.media_apart = true;
        self
    }
}

#[async_trait]
impl OwnedData for RecordData {
    fn kinds(&self) -> &'static [&'static str] {
        &[RECORD]
    }

    fn export(&self, owner: &UserId) -> BoxStream<Result<Entry>> {
        let media_apart = self.media_apart;
        let lasting = all(self.store.clone(), owner.clone()).try_filter_map(move |record| {
            std::future::ready(match record.kind.as_str() {
                _ if record.expires_at.is_some() => Ok(None),
                media::RECORDS if media_apart => Ok(None),
                media::RECORDS => Err(media_not_covered()),
                _ => entry(RECORD, record).map(Some),
            })
        });
        lasting.boxed()
    }

    fn import(&self, owner: &UserId) -> Box<dyn ImportData> {
        Box::new(RecordImport { store: self.store.clone(), owner: owner.clone() })
    }

    async fn erase(&self, owner: &UserId) -> Result<()> {
        if let Some(meter) = &self.meter {
            meter.forget(owner).await;
        }
        self.store.delete_owner(owner).await.map(drop)
    }

    async fn media_in_use(&self, owner: &UserId, media: &[String]) -> Result<HashSet<String>> {
        let mut search = MediaSearch::new(media);
        let records = all(self.store.clone(), owner.clone());
        let mut records = std::pin::pin!(records);
        while let Some(record) = records.try_next().await? {
            // Records that expire are not shown to anyone.
            if record.kind != media::RECORDS && record.expires_at.is_none() {
                search.check(&record.body);
            }
            if search.is_complete() {
                break;
            }
        }
        Ok(search.found)
    }

    async fn sweep(&self, sweep: &Sweep<'_>) -> Result<u64> {
        self.store.sweep(sweep.now, sweep.limit).await
    }
}

/// The error for an owner with media when neither a media part nor [`RecordData::media_apart`] was chosen: an export
/// without them would silently be incomplete.
fn media_not_covered() -> Error {
    let message =
        "There is media, and nothing was said of where its bytes are. Add its part, or leave it out.";
    Error::invalid("media", message)
}

/// All records of an owner.
fn all(
    store: Arc<dyn RecordStore>,
    owner: UserId,
) -> impl futures_util::Stream<Item = Result<Record>> + Send {
    pages(None::<(String, String)>, move |after| {
        let (store, owner) = (store.clone(), owner.clone());
        async move {
            let place = after.as_ref().map(|(kind, id)| (kind.as_str(), id.as_str()));
            let page = store.everything(&owner, place, MAX_LIMIT).await?;
            let next = page.last().map(|last| Some((last.kind.clone(), last.id.clone())));
            Ok((page, next))
        }
    })
}

/// A record in an export. Its body is embedded as JSON, not as a text that holds JSON, so that people can read it.
#[derive(Serialize, Deserialize)]
struct Exported {
    kind: String,
    id: String,
    key: Option<String>,
    group: Option<String>,
    created_at: Millis,
    expires_at: Option<Millis>,
    version: i64,
    body: Box<RawValue>,
}

/// The export entry of a record.
pub(super) fn entry(kind_of_entry: &'static str, record: Record) -> Result<Entry> {
    let Record { kind, id, key, group, created_at, expires_at, version, body } = record;
    let body = RawValue::from_string(body).map_err(Error::internal)?;
    Entry::new(kind_of_entry, &Exported { kind, id, key, group, created_at, expires_at, version, body })
}

/// The record of an export entry.
pub(super) fn record(entry: &Entry) -> Result<Record> {
    let Exported { kind, id, key, group, created_at, expires_at, version, body } = entry.read()?;
    Ok(Record { kind, id, key, group, created_at, expires_at, version, body: body.get().to_owned() })
}

/// Inserts a record; one whose id or key exists already is counted as skipped.
pub(super) async fn insert(
    store: &dyn RecordStore,
    owner: &UserId,
    record: Record,
    done: &mut Imported,
) -> Result<()> {
    let name = format!("{} {}", record.kind, record.id);
    match store.insert(owner, vec![record]).await {
        Ok(()) => {
            done.add(RECORD, 1);
            Ok(())
        }
        Err(error) => done.skip(error, name),
    }
}

struct RecordImport {
    store: Arc<dyn RecordStore>,
    owner: UserId,
}

#[async_trait]
impl ImportData for RecordImport {
    async fn entry(&mut self, entry: Entry, done: &mut Imported) -> Result<()> {
        let record = record(&entry)?;
        if record.kind == media::RECORDS {
            // A media record names bytes on the server that it was exported from. On this server the same name may
            // belong to another user's bytes, so importing it would give access to them.
            done.skipped.push(format!("{} {}", record.kind, record.id));
            return Ok(());
        }
        insert(&*self.store, &self.owner, record, done).await
    }

    async fn end_run(&mut self, _: &mut Imported) -> Result<()> {
        Ok(())
    }
}
