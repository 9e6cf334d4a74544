//! Counts tokens in memory and writes the counts to the store in batches.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;

use jan_core::chat::Usage;
use jan_core::record::{Records, TypedRecord};
use jan_core::{Clock, ErrorKind, Result, UserId, id};

use super::report::{SECONDS_OF_A_DAY, day_name};
use super::{Counts, Day, UsageRow};
use crate::store::Store;

/// Counts the tokens of answered requests. Cheap to clone; clones share their counts.
#[derive(Clone)]
pub struct Meter(Arc<Inner>);

struct Inner {
    records: Records<UsageRow>,
    clock: Arc<dyn Clock>,
    pending: Pending,
    /// Held during a flush. A report flushes first, so it waits for a running flush, and then everything that was
    /// counted before the report is in the store.
    writing: tokio::sync::Mutex<()>,
}

/// Counts that are not written yet. An owner has few rows (one for each day, model and project), so a list is enough.
#[derive(Default)]
struct Pending(Mutex<HashMap<UserId, Vec<UsageRow>>>);

impl Pending {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Vec<UsageRow>>> {
        self.0.lock()
    }

    fn add(&self, owner: &UserId, day: Day, model: &str, project: Option<&str>, counts: &Counts) {
        let mut all = self.lock();
        // `get_mut` first, because `entry` would clone the owner's id for every request.
        let rows = match all.get_mut(owner) {
            Some(rows) => rows,
            None => all.entry(owner.clone()).or_default(),
        };
        match rows.iter_mut().find(|row| row.matches(day, model, project)) {
            Some(row) => row.counts.add(counts),
            None => {
                let (model, project) = (model.to_owned(), project.map(str::to_owned));
                rows.push(UsageRow { day, model, project, counts: *counts });
            }
        }
    }
}

impl Meter {
    /// A meter that writes to `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        let records = Records::new("usage", store.records.clone());
        Self(Arc::new(Inner { records, clock, pending: Pending::default(), writing: Default::default() }))
    }

    /// Counts one answered request in memory. Nothing is written to the store yet.
    pub fn record(&self, owner: &UserId, model: &str, project: Option<&str>, usage: &Usage) {
        self.0.pending.add(owner, self.today(), model, project, &Counts::of(usage));
    }

    /// Writes the pending counts. Counts that could not be written, also because this future was dropped, stay pending
    /// until the next flush. When the future is dropped during the write of a row, that row may be counted twice, but
    /// no row is lost.
    ///
    /// # Errors
    /// The store's last error. All rows were tried, unless the store was unavailable.
    pub async fn flush(&self) -> Result<()> {
        let _guard = self.0.writing.lock().await;
        let mut batch = Batch::take(&self.0.pending);
        let (mut failed, mut outcome) = (Vec::new(), Ok(()));
        while let Some((owner, row)) = batch.rows.last() {
            let written = self.write(owner, row).await;
            // Removed only after the write: if this future is dropped during the write, the row is still in the batch.
            let row = batch.rows.pop();
            if let Err(error) = written {
                failed.extend(row);
                // An unavailable store fails for the other rows too, each after its own timeout.
                let unavailable = error.kind() == ErrorKind::Unavailable;
                outcome = Err(error);
                if unavailable {
                    break;
                }
            }
        }
        batch.rows.append(&mut failed);
        outcome
    }

    /// Discards the pending counts of an owner whose account is deleted. Waits for a running flush first: otherwise
    /// that flush could write counts of the owner after their records were deleted.
    pub async fn forget(&self, owner: &UserId) {
        let _guard = self.0.writing.lock().await;
        self.0.pending.lock().remove(owner);
    }

    /// Adds a row to the record of its day, model and project.
    async fn write(&self, owner: &UserId, row: &UsageRow) -> Result<()> {
        // Postgres cannot store a NUL character in a text.
        let key =
            format!("{}/{}/{}", day_name(row.day), row.model, row.project.as_deref().unwrap_or_default());
        let key = key.replace('\0', "");
        let add = |record: &mut TypedRecord<UsageRow>| {
            record.body.counts.add(&row.counts);
            Ok(())
        };
        let first = || {
            let none = UsageRow { counts: Counts::default(), ..row.clone() };
            TypedRecord::new(id::short("use_"), self.0.clock.millis(), none).group(row.project.clone())
        };
        self.0.records.update_or_insert(owner, &key, first, add).await.map(drop)
    }

    pub(super) fn records(&self) -> &Records<UsageRow> {
        &self.0.records
    }

    pub(super) fn today(&self) -> Day {
        (self.0.clock.unix_seconds() / SECONDS_OF_A_DAY).try_into().unwrap_or_default()
    }
}

/// Rows that are being written. Dropping the batch adds the rows that were not written back to the pending counts.
struct Batch<'a> {
    rows: Vec<(UserId, UsageRow)>,
    from: &'a Pending,
}

impl<'a> Batch<'a> {
    fn take(from: &'a Pending) -> Self {
        let taken = std::mem::take(&mut *from.lock());
        let rows =
            taken.into_iter().flat_map(|(owner, rows)| rows.into_iter().map(move |row| (owner.clone(), row)));
        Self { rows: rows.collect(), from }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for (owner, row) in self.rows.drain(..) {
            self.from.add(&owner, row.day, &row.model, row.project.as_deref(), &row.counts);
        }
    }
}
