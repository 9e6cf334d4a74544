//! Small things that somebody owns: a project, a share, settings, a key, a day's usage. They differ in their body and in
//! nothing else that a store must know, so one small store keeps them all, and [`Records`] gives each kind its type.
//!
//! What has a shape of its own (conversations, runs of responses) has a store of its own.

mod memory;
#[cfg(feature = "sql")]
mod sql;
mod typed;

use std::sync::Arc;

use async_trait::async_trait;

pub use typed::{Records, TypedRecord};

use crate::page::{Page, PageRequest};
use crate::{Database, Error, Result, Transaction, Transactional, UserId};

/// Milliseconds since the Unix epoch.
pub type Millis = i64;

/// A thing as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is: `project`, `share`, …
    pub kind: String,
    /// Its id, unique among all things of its kind.
    pub id: String,
    /// A second name, unique among the owner's things of this kind (a project's name, a share's slug).
    pub key: Option<String>,
    /// What it belongs to, to be listed by (a share's conversation).
    pub group: Option<String>,
    /// When it was made; lists run by it.
    pub created_at: Millis,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Millis>,
    /// Counts its changes, from 0.
    pub version: i64,
    /// The thing itself as JSON.
    pub body: String,
}

/// The records of a database; in a SQL database their table is made, or brought up to date.
///
/// # Errors
/// As [`crate::Database::open`] and `sql::Db::migrate`.
pub async fn on(database: &Database) -> Result<Arc<dyn RecordStore>> {
    #[cfg(feature = "sql")]
    if let Some(db) = database.sql() {
        return Ok(Arc::new(sql::SqlRecords::open(db.clone()).await?));
    }
    let memory = database.in_memory().ok_or_else(|| Error::internal("a database of an unknown kind"))?;
    Ok(Arc::new(memory::MemoryRecords::on(memory)))
}

/// Keeps [`Record`]s. A store keeps what it is given: ids, times and rules are the business of its callers.
///
/// Promises: everything is the owner's; somebody else's record is simply not there. A write is kept when the future
/// is ready; a dropped future leaves it open. What is written in a [`Transaction`] is kept with all else that is written in
/// it, or not at all. An expired record is kept until it is swept: readers look at the clock.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::Arc;
///
/// use jan_core::record::{self, TypedRecord, RecordStore, Records};
/// use jan_core::{Database, UserId};
///
/// let store: Arc<dyn RecordStore> = record::on(&Database::memory()).await?;   // or one of your own
/// let notes = Records::<String>::new("note", store);                          // one kind of record, with its type
/// let (ann, bob) = (UserId::new("ann"), UserId::new("bob"));
///
/// notes.insert(&ann, &TypedRecord::new("note_1", 0, "Buy tea.".to_owned()).key("today")).await?;
/// assert_eq!(notes.find(&ann, "today").await?.unwrap().body, "Buy tea.");
/// assert!(notes.find(&bob, "today").await?.is_none());
/// # Ok::<(), jan_core::Error>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait RecordStore: Transactional {
    /// Keeps new records, all or none, as part of a transaction.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when an id or a key is taken.
    async fn insert_in(&self, tx: &mut Transaction, owner: &UserId, records: Vec<Record>) -> Result<()>;

    /// As [`RecordStore::insert_in`], in a transaction of its own.
    ///
    /// # Errors
    /// As [`RecordStore::insert_in`].
    async fn insert(&self, owner: &UserId, records: Vec<Record>) -> Result<()> {
        let mut tx = self.begin().await?;
        self.insert_in(&mut tx, owner, records).await?;
        tx.commit().await
    }

    /// The record of this id as a transaction sees it, its own writes included.
    async fn get_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        kind: &str,
        id: &str,
    ) -> Result<Option<Record>>;

    /// The record of this id.
    async fn get(&self, owner: &UserId, kind: &str, id: &str) -> Result<Option<Record>>;

    /// The record of this key.
    async fn find(&self, owner: &UserId, kind: &str, key: &str) -> Result<Option<Record>>;

    /// A page of the owner's records of a kind, of one group if it is named, in the order in which they were made.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `after` when the cursor is no record of the owner's.
    async fn list(
        &self,
        owner: &UserId,
        kind: &str,
        group: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Record>>;

    /// How many records [`RecordStore::list`] lists on all pages.
    async fn count(&self, owner: &UserId, kind: &str, group: Option<&str>) -> Result<u64>;

    /// At most `limit` of the owner's records of every kind, by kind and id, after the one of this kind and id.
    async fn everything(
        &self,
        owner: &UserId,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<Record>>;

    /// Replaces key, group, expiry and body of the record with this kind and id, if its version is still
    /// `record.version`, and counts the version up, as part of a transaction. False when the record is gone or was changed
    /// meanwhile.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when the new key is taken.
    async fn replace_in(&self, tx: &mut Transaction, owner: &UserId, record: Record) -> Result<bool>;

    /// As [`RecordStore::replace_in`], in a transaction of its own.
    ///
    /// # Errors
    /// As [`RecordStore::replace_in`].
    async fn replace(&self, owner: &UserId, record: Record) -> Result<bool> {
        let mut tx = self.begin().await?;
        let replaced = self.replace_in(&mut tx, owner, record).await?;
        tx.commit().await?;
        Ok(replaced)
    }

    /// Takes a record away for good; false when it was not there.
    async fn delete(&self, owner: &UserId, kind: &str, id: &str) -> Result<bool>;

    /// Takes everything of an owner away for good and says how much it was.
    async fn delete_owner(&self, owner: &UserId) -> Result<u64>;

    /// Takes away what expired before `now`, whoever owns it, at most `limit` records, and says how many it were.
    async fn sweep(&self, now: Millis, limit: u32) -> Result<u64>;
}
