//! The handle of an app's database. The app opens it once, and every crate makes its stores on it. So all data is in
//! one place, and writes of several stores can be one [`Transaction`].

mod memory;
mod transaction;

use crate::Result;
#[cfg(feature = "sql")]
use crate::sql::{Db, Durability};

pub use memory::{Memory, Part};
#[cfg(feature = "sql")]
pub(crate) use transaction::another_database;
pub use transaction::{DatabaseTransaction, Transaction, Transactional};

/// An open database: memory of this process, a SQLite file, or Postgres. Cheap to clone; clones are the same database.
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
/// // Several writes that are committed together or not at all.
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
    /// A new database in the memory of this process. Its data exists as long as any clone of the handle or any store
    /// on it. It starts no task and no thread.
    pub fn memory() -> Self {
        Self(Kind::Memory(Memory::default()))
    }

    /// Opens the database that `url` names: `sqlite:PATH` (created if it does not exist), `postgres://…`, or `memory`
    /// for a new one in memory. An acknowledged write survives the death of this process ([`Durability::Process`]).
    ///
    /// An open SQLite database uses a thread that writes its log into the file (`sqlite-log`), and the runtime's
    /// threads for blocking work when a call waits for the disk. An open Postgres database uses the tasks that sqlx's
    /// pool starts on the runtime. Call this inside a tokio runtime with its timer turned on.
    ///
    /// # Errors
    /// As [`Database::open_with`].
    #[cfg(feature = "sql")]
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, Durability::default()).await
    }

    /// As [`Database::open`], with a choice of what an acknowledged write survives.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `database.url` when the URL is of no known kind, or this build lacks the
    /// feature for it; [`crate::ErrorKind::Unavailable`] when the database cannot be opened.
    #[cfg(feature = "sql")]
    pub async fn open_with(url: &str, durability: Durability) -> Result<Self> {
        if url == "memory" {
            return Ok(Self::memory());
        }
        Ok(Self(Kind::Sql(Db::open(url, durability).await?)))
    }

    /// As [`Database::open`], for a SQLite file at this path.
    ///
    /// # Errors
    /// As [`Database::open_with`].
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(path: impl AsRef<std::path::Path>) -> Result<Self> {
        Self::open(&crate::sql::file_url(path)).await
    }

    /// The in-memory database that stores use; `None` for a SQL database.
    pub fn in_memory(&self) -> Option<&Memory> {
        match &self.0 {
            Kind::Memory(memory) => Some(memory),
            #[cfg(feature = "sql")]
            Kind::Sql(_) => None,
        }
    }

    /// The SQL database, in which an app can have its own tables beside ours; `None` for one in memory.
    #[cfg(feature = "sql")]
    pub fn sql(&self) -> Option<&Db> {
        match &self.0 {
            Kind::Memory(_) => None,
            Kind::Sql(db) => Some(db),
        }
    }

    /// Begins a transaction, in which every store on this database can write.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when the database cannot be reached, or other writers hold it for too long.
    pub async fn begin(&self) -> Result<Transaction> {
        match &self.0 {
            Kind::Memory(memory) => Ok(memory.begin().await),
            #[cfg(feature = "sql")]
            Kind::Sql(db) => Ok(Transaction::new(db.begin().await?)),
        }
    }

    /// Closes the database: its connections and threads end, and committed data is passed to the operating system for
    /// writing. A database in memory stays as it is.
    pub async fn close(&self) {
        #[cfg(feature = "sql")]
        if let Kind::Sql(db) = &self.0 {
            db.close().await;
        }
    }
}
