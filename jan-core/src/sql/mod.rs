//! One database behind a small face: a SQLite file on one machine, Postgres where one machine is outgrown. Stores are
//! written once, in SQL that both understand (`$1`, `ON CONFLICT`, `RETURNING`; only TEXT and BIGINT columns), and need
//! not know which of the two they speak to.
//!
//! Reads go through [`Db::all`] and [`Db::one`], writes through a transaction ([`Db::begin`]). What a commit survives
//! is [`Durability`]. Statements are `&'static str`: what callers send can then only be bound as a value and never become
//! SQL, and there are few enough of them that every connection keeps them prepared.
//!
//! An app's own tables live in the same database ([`crate::Database::sql`], [`Db::migrate`]), and its writes can be part
//! of a transaction with those of our stores:
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
//! // A row of the app's and a record of ours: both or neither.
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
//! What runs besides the caller: with SQLite one thread for each open database (`sqlite/checkpoint`), and the runtime's
//! threads for blocking work while the file is opened and closed, for scripts and bulk writes, and for commits that wait for
//! the disk (`sqlite/slot`); with Postgres, what sqlx's pool starts on tokio. Waiting for others uses tokio's timer.

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

/// Which of the two a [`Db`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// One file.
    Sqlite,
    /// A server.
    Postgres,
}

/// The URL of a SQLite file: its path, with the characters escaped that mean something in a URL.
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

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        match &*self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(_) => Backend::Sqlite,
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => Backend::Postgres,
        }
    }

    /// Every row that `sql` finds, as last committed. Dropping the future stops reading.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when no connection can be had, [`crate::ErrorKind::Internal`] otherwise.
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

    /// Begins to write. Nothing is kept unless [`Tx::commit`] is called: dropping the transaction undoes it.
    ///
    /// # Errors
    /// As [`Db::all`]; [`crate::ErrorKind::Unavailable`] also when others (another process that has locked the file, a
    /// server without a free connection) have kept it from beginning for 5 seconds. That is waited for without holding up
    /// a thread, by tokio's timer.
    pub async fn begin(&self) -> Result<Tx> {
        self.begin_for(false).await
    }

    /// As [`Db::begin`], for statements that may touch very many rows: where the database runs in this process, they run
    /// on a thread that may be held up, so that nobody but the next writer waits for them.
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

    /// Writes one statement in a transaction of its own and says how many rows it touched.
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

    /// This database's own transaction in one that several stores write in ([`crate::Database::begin`]).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when it is one of another database.
    pub fn of<'t>(&self, tx: &'t mut Transaction) -> Result<&'t mut Tx> {
        let tx = tx.get_mut::<Tx>()?;
        if Arc::ptr_eq(&tx.db.0, &self.0) { Ok(tx) } else { Err(another_database()) }
    }

    /// Closes every connection; what was committed is on its way to the disk.
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
