//! The one handle on an app's database. It is opened once; every crate makes its stores on it, so that all of them keep
//! in the same place and what belongs together can be written in one [`Transaction`].

mod memory;
mod transaction;

use crate::Result;
#[cfg(feature = "sql")]
use crate::sql::{Db, Durability};

pub use memory::{Memory, Part};
#[cfg(feature = "sql")]
pub(crate) use transaction::another_database;
pub use transaction::{DatabaseTransaction, Transaction, Transactional};

/// An open database: this process' memory, a SQLite file, or Postgres. Cheap to clone; clones are the same database.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use jan_core::record::{self, TypedRecord, Records};
/// use jan_core::{Database, UserId};
///
/// let database = Database::memory(); // or Database::open("sqlite:app.db").await?
/// let notes = Records::<String>::new("note", record::on(&database).await?);
/// let me = UserId::new("me");
///
/// // Several writes that are kept together or not at all.
/// let mut tx = database.begin().await?;
/// notes.insert_in(&mut tx, &me, &TypedRecord::new("note_1", 0, "Buy tea.".to_owned())).await?;
/// notes.insert_in(&mut tx, &me, &TypedRecord::new("note_2", 0, "Drink it.".to_owned())).await?;
/// tx.commit().await?;
/// assert_eq!(notes.count(&me, None).await?, 2);
/// # Ok::<(), jan_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Database(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Memory(Memory),
    #[cfg(feature = "sql")]
    Sql(Db),
}

impl Database {
    /// A new database in this process' memory. It ends with its last clone and the last store made on it. Starts nothing.
    pub fn memory() -> Self {
        Self(Kind::Memory(Memory::default()))
    }

    /// Opens the database that `url` names: `sqlite:PATH` (made if it is not there), `postgres://…`, or `memory` for a
    /// new one in memory. What is acknowledged survives the death of this process ([`Durability::Process`]).
    ///
    /// What an open database runs besides its callers, until it is closed: SQLite a thread that moves its log into the
    /// file (`sqlite-log`), and the runtime's threads for blocking work when a call waits for the disk; Postgres what
    /// sqlx's pool starts on the runtime. Call it inside a tokio runtime with its timer turned on.
    ///
    /// # Errors
    /// As [`Database::open_with`].
    #[cfg(feature = "sql")]
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, Durability::default()).await
    }

    /// As [`Database::open`], and says what an acknowledged write survives.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `database.url` when it is of no known kind, or this build lacks the feature;
    /// [`crate::ErrorKind::Unavailable`] when the database cannot be opened.
    #[cfg(feature = "sql")]
    pub async fn open_with(url: &str, durability: Durability) -> Result<Self> {
        if url == "memory" {
            return Ok(Self::memory());
        }
        Ok(Self(Kind::Sql(Db::open(url, durability).await?)))
    }

    /// As [`Database::open`], for a SQLite file, by its path.
    ///
    /// # Errors
    /// As [`Database::open_with`].
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(path: impl AsRef<std::path::Path>) -> Result<Self> {
        Self::open(&crate::sql::file_url(path)).await
    }

    /// The memory in which stores keep; `None` where there is a SQL database.
    pub fn in_memory(&self) -> Option<&Memory> {
        match &self.0 {
            Kind::Memory(memory) => Some(memory),
            #[cfg(feature = "sql")]
            Kind::Sql(_) => None,
        }
    }

    /// The SQL database, for tables of your own beside ours; `None` in memory.
    #[cfg(feature = "sql")]
    pub fn sql(&self) -> Option<&Db> {
        match &self.0 {
            Kind::Memory(_) => None,
            Kind::Sql(db) => Some(db),
        }
    }

    /// Begins a transaction, in which every store made on this database can write.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when the database cannot be reached, or others write to it for too long.
    pub async fn begin(&self) -> Result<Transaction> {
        match &self.0 {
            Kind::Memory(memory) => Ok(memory.begin().await),
            #[cfg(feature = "sql")]
            Kind::Sql(db) => Ok(Transaction::new(db.begin().await?)),
        }
    }

    /// Closes the database: connections and threads end, what was committed is on its way to the disk. Memory stays as it
    /// is.
    pub async fn close(&self) {
        #[cfg(feature = "sql")]
        if let Kind::Sql(db) = &self.0 {
            db.close().await;
        }
    }
}
