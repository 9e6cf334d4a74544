//! Counts in memory, and on their way into the store.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;

use jan_core::chat::Usage;
use jan_core::record::{Records, TypedRecord};
use jan_core::{Clock, ErrorKind, Result, UserId, id};

use super::report::{SECONDS_OF_A_DAY, day_name};
use super::{Counts, Day, Used};
use crate::store::Store;

/// Counts tokens. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Meter(Arc<Inner>);

struct Inner {
    records: Records<Used>,
    clock: Arc<dyn Clock>,
    gathered: Gathered,
    /// Held while writing: whoever reads waits until everything counted before is written.
    writing: tokio::sync::Mutex<()>,
}

/// What was counted and not yet written. Somebody's rows are few: a model or two, a project or two.
#[derive(Default)]
struct Gathered(Mutex<HashMap<UserId, Vec<Used>>>);

impl Gathered {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Vec<Used>>> {
        self.0.lock()
    }

    fn add(&self, owner: &UserId, day: Day, model: &str, project: Option<&str>, counts: &Counts) {
        let mut all = self.lock();
        // Only who was not counted before costs an allocation.
        let rows = match all.get_mut(owner) {
            Some(rows) => rows,
            None => all.entry(owner.clone()).or_default(),
        };
        match rows.iter_mut().find(|row| row.is(day, model, project)) {
            Some(row) => row.counts.add(counts),
            None => {
                let (model, project) = (model.to_owned(), project.map(str::to_owned));
                rows.push(Used { day, model, project, counts: *counts });
            }
        }
    }
}

impl Meter {
    /// Counts into `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        let records = Records::new("usage", store.records.clone());
        Self(Arc::new(Inner { records, clock, gathered: Gathered::default(), writing: Default::default() }))
    }

    /// Counts one answered request. Takes a lock for a moment; nothing is written now.
    pub fn record(&self, owner: &UserId, model: &str, project: Option<&str>, usage: &Usage) {
        self.0.gathered.add(owner, self.today(), model, project, &Counts::of(usage));
    }

    /// Writes down what has gathered. Whatever cannot be written is counted again with the next flush, also when this
    /// future is dropped; a row that was just being written then may count twice, but none is lost.
    ///
    /// # Errors
    /// The store's, after everything was tried or the store turned out to be away.
    pub async fn flush(&self) -> Result<()> {
        let _alone = self.0.writing.lock().await;
        let mut batch = Batch::take(&self.0.gathered);
        let (mut failed, mut outcome) = (Vec::new(), Ok(()));
        while let Some((owner, row)) = batch.rows.last() {
            let written = self.write(owner, row).await;
            let row = batch.rows.pop();
            if let Err(error) = written {
                failed.extend(row);
                // A store that is away for one is away for all, and each would wait for it anew.
                let away = error.kind() == ErrorKind::Unavailable;
                outcome = Err(error);
                if away {
                    break;
                }
            }
        }
        batch.rows.append(&mut failed);
        outcome
    }

    /// Forgets what is not yet written of an owner whose account is deleted; nothing of theirs is on its way into the store
    /// when this is done.
    pub async fn forget(&self, owner: &UserId) {
        let _alone = self.0.writing.lock().await;
        self.0.gathered.lock().remove(owner);
    }

    /// Adds a row to the record of its day, model and project.
    async fn write(&self, owner: &UserId, row: &Used) -> Result<()> {
        // No database keeps a NUL in a text.
        let key =
            format!("{}/{}/{}", day_name(row.day), row.model, row.project.as_deref().unwrap_or_default());
        let key = key.replace('\0', "");
        let add = |kept: &mut TypedRecord<Used>| {
            kept.body.counts.add(&row.counts);
            Ok(())
        };
        let first = || {
            let none = Used { counts: Counts::default(), ..row.clone() };
            TypedRecord::new(id::short("use_"), self.0.clock.millis(), none).group(row.project.clone())
        };
        self.0.records.update_or_insert(owner, &key, first, add).await.map(drop)
    }

    pub(super) fn records(&self) -> &Records<Used> {
        &self.0.records
    }

    pub(super) fn today(&self) -> Day {
        (self.0.clock.unix_seconds() / SECONDS_OF_A_DAY).try_into().unwrap_or_default()
    }
}

/// Rows on their way into the store; those that did not get there go back where they came from.
struct Batch<'a> {
    rows: Vec<(UserId, Used)>,
    from: &'a Gathered,
}

impl<'a> Batch<'a> {
    fn take(from: &'a Gathered) -> Self {
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
