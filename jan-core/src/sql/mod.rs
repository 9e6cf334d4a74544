//! A SQL database behind a small interface: a SQLite file on one machine, or Postgres when one machine is not enough.
//! Stores are written once, in SQL that both accept (`$1`, `ON CONFLICT`, `RETURNING`; only TEXT and BIGINT columns),
//! and do not depend on which of the two is used.
//!
//! Reads use [`Db::all`] and [`Db::one`], writes use a transaction ([`Db::begin`]). [`Durability`] says what a commit
//! survives. Statements are `&'static str`, so text from callers can only be bound as a value and never become SQL. It
//! also means that there are few statements, and every connection keeps them prepared.
//!
//! An app can have its own tables in the same database ([`crate::Database::sql`], [`Db::migrate`]), and its writes can
//! be part of a transaction together with those of our stores:
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use jan_core::Database;
//! use jan_core::record::{self, TypedRecord, Records};
//! use jan_core::sql::Migration;
//! # use jan_core::{Result, UserId};
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("app.db");
//!
//! const STEPS: &[Migration] = &[Migration {
//!     number: 1,
//!     sqlite: "CREATE TABLE invoice (id TEXT PRIMARY KEY, cents BIGINT NOT NULL)",
//!     postgres: "CREATE TABLE invoice (id TEXT PRIMARY KEY, cents BIGINT NOT NULL)",
//! }];
//!
//! let database = Database::sqlite(path).await?;
//! let notes = Records::<String>::new("note", record::on(&database).await?);
//! let db = database.sql().expect("SQLite is a SQL database");
//! db.migrate("app", STEPS).await?;
//! db.execute("INSERT INTO invoice (id, cents) VALUES ($1, $2)", &["first".into(), 1250.into()]).await?;
//!
//! // A row of the app and a record of ours: both are written or neither.
//! let mut tx = database.begin().await?;
//! let more = "UPDATE invoice SET cents = cents + $2 WHERE id = $1";
//! db.of(&mut tx)?.execute(more, &["first".into(), 50.into()]).await?;
//! notes.insert_in(&mut tx, &UserId::new("ann"), &TypedRecord::new("note_1", 0, "Paid more.".to_owned())).await?;
//! tx.commit().await?;
//!
//! let row = db.one("SELECT cents FROM invoice WHERE id = $1", &["first".into()]).await?.expect("it is there");
//! assert_eq!(row.int("cents")?, 1300);
//! # database.close().await;
//! # Ok::<(), jan_core::Error>(())
//! # }).unwrap();
//! ```
//!
//! Background work: with SQLite, one thread for each open database (`sqlite/checkpoint`), and the runtime's threads
//! for blocking work while the file is opened and closed, for scripts and bulk writes, and for commits that wait for
//! the disk (`sqlite/slot`); with Postgres, the tasks of sqlx's pool. Waiting for other writers uses tokio's timer.

mod durability;
mod migrate;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;
mod tx;
mod value;

use std::fmt;
use std::sync::Arc;

pub use durability::Durability;
pub use migrate::{Migration, RESERVED};
pub use tx::Tx;
use tx::TxKind;
pub use value::{Row, Value};

use crate::database::{Transaction, another_database};
use crate::{Error, Result};

/// An open database. Cheap to clone; clones share its connections.
#[derive(Clone)]
pub struct Db(Arc<Kind>);

enum Kind {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Postgres),
}

/// The two kinds of SQL database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite: one file.
    Sqlite,
    /// A Postgres server.
    Postgres,
}

/// The URL of a SQLite file: its path, with the characters escaped that have a meaning in URLs.
pub fn file_url(path: impl AsRef<std::path::Path>) -> String {
    let path = path.as_ref().display().to_string();
    format!("sqlite:{}", path.replace('%', "%25").replace('?', "%3F").replace('#', "%23"))
}

impl Db {
    /// As [`crate::Database::open_with`].
    pub(crate) async fn open(url: &str, durability: Durability) -> Result<Self> {
        let kind = match url.split_once(':').map_or("", |(scheme, _)| scheme) {
            #[cfg(feature = "sqlite")]
            "sqlite" => Kind::Sqlite(sqlite::Sqlite::open(url, durability).await?),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Kind::Postgres(postgres::Postgres::open(url, durability).await?),
            known if ["sqlite", "postgres", "postgresql"].contains(&known) => {
                return Err(Error::invalid(
                    "database.url",
                    "This build lacks the feature for this database.",
                ));
            }
            _ => {
                let message =
                    "`database.url` must be `memory`, `sqlite:PATH` or `postgres://USER@HOST/NAME`.";
                return Err(Error::invalid("database.url", message));
            }
        };
        Ok(Self(Arc::new(kind)))
    }

    /// The kind of this database.
    pub fn backend(&self) -> Backend {
        match &*self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(_) => Backend::Sqlite,
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => Backend::Postgres,
        }
    }

    /// All rows that `sql` finds in the last committed state. Dropping the future stops reading.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when no connection is available, [`crate::ErrorKind::Internal`] otherwise.
    pub async fn all(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        match &*self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(db) => db.all(sql, values).await,
            #[cfg(feature = "postgres")]
            Kind::Postgres(db) => db.all(sql, values).await,
        }
    }

    /// The first row that `sql` finds.
    ///
    /// # Errors
    /// As [`Db::all`].
    pub async fn one(&self, sql: &'static str, values: &[Value]) -> Result<Option<Row>> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// Begins a transaction. Nothing is written unless [`Tx::commit`] is called: dropping the transaction rolls it
    /// back.
    ///
    /// # Errors
    /// As [`Db::all`]; [`crate::ErrorKind::Unavailable`] also when it could not begin within 5 seconds, because
    /// another process has locked the file or the server has no free connection. It waits with tokio's timer and
    /// blocks no thread.
    pub async fn begin(&self) -> Result<Tx> {
        self.begin_for(false).await
    }

    /// As [`Db::begin`], for statements that may touch very many rows. SQLite runs them on a thread for blocking work,
    /// so only the next writer waits for them.
    ///
    /// # Errors
    /// As [`Db::all`].
    pub async fn begin_bulk(&self) -> Result<Tx> {
        self.begin_for(true).await
    }

    #[cfg_attr(not(feature = "sqlite"), expect(unused_variables, reason = "a server has threads of its own"))]
    async fn begin_for(&self, bulk: bool) -> Result<Tx> {
        let kind = match &*self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(db) => TxKind::Sqlite(db.begin(bulk).await?),
            #[cfg(feature = "postgres")]
            Kind::Postgres(db) => TxKind::Postgres(db.begin().await?),
        };
        Ok(Tx { db: self.clone(), kind })
    }

    /// Executes one statement in a transaction of its own and returns the number of rows that it touched.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn execute(&self, sql: &'static str, values: &[Value]) -> Result<u64> {
        self.begin().await?.alone(sql, values).await
    }

    /// As [`Db::execute`], for a statement that may touch very many rows ([`Db::begin_bulk`]).
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn execute_bulk(&self, sql: &'static str, values: &[Value]) -> Result<u64> {
        self.begin_bulk().await?.alone(sql, values).await
    }

    /// The number that `sql` selects as `count`; 0 where it finds no row.
    ///
    /// # Errors
    /// As [`Db::all`].
    pub async fn count(&self, sql: &'static str, values: &[Value]) -> Result<u64> {
        let count = self.one(sql, values).await?.map_or(Ok(0), |row| row.int("count"))?;
        u64::try_from(count).map_err(Error::internal)
    }

    /// This database's own transaction within one that several stores write in ([`crate::Database::begin`]).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when it belongs to another database.
    pub fn of<'t>(&self, tx: &'t mut Transaction) -> Result<&'t mut Tx> {
        let tx = tx.get_mut::<Tx>()?;
        if Arc::ptr_eq(&tx.db.0, &self.0) { Ok(tx) } else { Err(another_database()) }
    }

    /// Closes every connection. Committed data was passed to the operating system for writing.
    pub async fn close(&self) {
        match &*self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(db) => db.close().await,
            #[cfg(feature = "postgres")]
            Kind::Postgres(db) => db.close().await,
        }
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Db").field(&self.backend()).finish()
    }
}
