//! One database behind a small face: a SQLite file on one machine, Postgres where one machine is outgrown. Stores are
//! written once, in SQL that both understand (`$1`, `ON CONFLICT`, `RETURNING`; only TEXT and BIGINT columns), and need
//! not know which of the two they speak to.
//!
//! Reads go through [`Db::all`] and [`Db::one`], writes through a transaction ([`Db::begin`]). What a commit survives
//! is [`Durability`].

mod migrate;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;
mod value;

use std::fmt;
use std::sync::Arc;

pub use migrate::Migration;
pub use value::{Row, Value};

use crate::{Error, Result};

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of this process: SQLite's log is written at every commit and brought to the disk now and then. After a
    /// power cut the last moments may be missing; the file is never broken.
    #[default]
    Process,
    /// The death of the machine: every commit waits for the disk. Commits of the same moment share one wait.
    Full,
}

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
    /// Opens the database that `url` names: `sqlite:PATH` (made if it is not there) or `postgres://…`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `database.url` when it is of no known kind, or this build lacks the feature;
    /// [`crate::ErrorKind::Unavailable`] when the database cannot be opened.
    pub async fn open(url: &str, durability: Durability) -> Result<Self> {
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
            Kind::Sqlite(db) => db.all(sql, values),
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
    /// As [`Db::all`].
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
        Ok(Tx(match &*self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(db) => Writing::Sqlite(db.begin(bulk).await?),
            #[cfg(feature = "postgres")]
            Kind::Postgres(db) => Writing::Postgres(db.begin().await?),
        }))
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

/// Writes that are kept together or not at all. Dropping it undoes them.
#[must_use = "a transaction that is not committed is undone"]
pub struct Tx(Writing);

enum Writing {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Writing),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Writing),
}

impl Tx {
    /// Runs a statement and says how many rows it touched.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when a unique index refuses it; after any error the transaction can only be dropped.
    pub async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        match &mut self.0 {
            #[cfg(feature = "sqlite")]
            Writing::Sqlite(tx) => tx.execute(sql, values).await,
            #[cfg(feature = "postgres")]
            Writing::Postgres(tx) => tx.execute(sql, values).await,
        }
    }

    /// Every row that `sql` finds or returns, this transaction's own writes included.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn all(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        match &mut self.0 {
            #[cfg(feature = "sqlite")]
            Writing::Sqlite(tx) => tx.all(sql, values).await,
            #[cfg(feature = "postgres")]
            Writing::Postgres(tx) => tx.all(sql, values).await,
        }
    }

    /// The first row that `sql` finds or returns.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn one(&mut self, sql: &'static str, values: &[Value]) -> Result<Option<Row>> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// One statement, and no more.
    async fn alone(mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        let touched = self.execute(sql, values).await?;
        self.commit().await?;
        Ok(touched)
    }

    /// Runs a script of several statements without values (a migration).
    async fn script(&mut self, sql: &'static str) -> Result<()> {
        match &mut self.0 {
            #[cfg(feature = "sqlite")]
            Writing::Sqlite(tx) => tx.script(sql).await,
            #[cfg(feature = "postgres")]
            Writing::Postgres(tx) => tx.script(sql).await,
        }
    }

    /// Keeps what was written. When this returns, the writes survive what [`Durability`] says. Dropping the future leaves
    /// it open whether they are kept.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the database cannot keep them; then nothing was acknowledged.
    pub async fn commit(self) -> Result<()> {
        match self.0 {
            #[cfg(feature = "sqlite")]
            Writing::Sqlite(tx) => tx.commit().await,
            #[cfg(feature = "postgres")]
            Writing::Postgres(tx) => tx.commit().await,
        }
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Db").field(&self.backend()).finish()
    }
}
