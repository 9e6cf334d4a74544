//! Records: small pieces of data that a user owns, such as a project, a share, settings, a key, or one day's usage.
//! They differ only in their body, and a store need not understand it. So one small store holds all kinds of records,
//! and [`Records`] gives each kind a type.
//!
//! Data with a structure that stores must understand (conversations, runs of responses) has a store of its own.

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

/// A record as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its kind: `project`, `share`, …
    pub kind: String,
    /// Its id, unique among all records of its kind.
    pub id: String,
    /// A second name, unique among the owner's records of this kind (a project's name, a share's slug).
    pub key: Option<String>,
    /// The group by which it can be listed (for a share: the id of its conversation).
    pub group: Option<String>,
    /// When it was created; lists are ordered by it.
    pub created_at: Millis,
    /// When it expires; `None` when it does not.
    pub expires_at: Option<Millis>,
    /// The number of its changes so far; 0 for a new record.
    pub version: i64,
    /// The data as JSON.
    pub body: String,
}

/// The record store of a database. In a SQL database, this creates the table or migrates it to the current version.
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

/// Stores [`Record`]s. A store does not change what it gets: its callers choose ids and times and check all rules.
///
/// Promises: a record of another owner is treated as if it did not exist. A write is durable when its future has
/// returned; after a dropped future it may or may not have happened. Writes in a [`Transaction`] are committed
/// together with everything else in it, or not at all. An expired record is still returned until it is swept: callers
/// compare its expiry with the clock.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::Arc;
///
/// use jan_core::record::{self, TypedRecord, RecordStore, Records};
/// use jan_core::{Database, UserId};
///
/// let store: Arc<dyn RecordStore> = record::on(&Database::memory()).await?;   // or a store of your own
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
    /// Inserts new records, all or none, as part of a transaction.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when an id or a key exists already.
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

    /// The record with this id as a transaction sees it, its own writes included.
    async fn get_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        kind: &str,
        id: &str,
    ) -> Result<Option<Record>>;

    /// The record with this id.
    async fn get(&self, owner: &UserId, kind: &str, id: &str) -> Result<Option<Record>>;

    /// The record with this key.
    async fn find(&self, owner: &UserId, kind: &str, key: &str) -> Result<Option<Record>>;

    /// A page of the owner's records of a kind, ordered by creation time; only those of `group` if it is given.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `after` when the cursor is not a record of the owner.
    async fn list(
        &self,
        owner: &UserId,
        kind: &str,
        group: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Record>>;

    /// The number of records on all pages of [`RecordStore::list`].
    async fn count(&self, owner: &UserId, kind: &str, group: Option<&str>) -> Result<u64>;

    /// At most `limit` of the owner's records of all kinds, ordered by kind and id, starting after this kind and id.
    async fn everything(
        &self,
        owner: &UserId,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<Record>>;

    /// Replaces key, group, expiry and body of the record with this kind and id, and increases its version by one, as
    /// part of a transaction. Does this only if the stored version is still `record.version`; returns false when it is
    /// not, or when the record does not exist.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when the new key exists already.
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

    /// Deletes a record for good; returns whether it existed.
    async fn delete(&self, owner: &UserId, kind: &str, id: &str) -> Result<bool>;

    /// Deletes all records of an owner for good and returns how many there were.
    async fn delete_owner(&self, owner: &UserId) -> Result<u64>;

    /// Deletes records of all owners that expired before `now`, at most `limit` of them, and returns how many it
    /// deleted.
    async fn sweep(&self, now: Millis, limit: u32) -> Result<u64>;
}
