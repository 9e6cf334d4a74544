//! A transaction of a SQL database, for SQLite and Postgres.

use async_trait::async_trait;

use super::{Db, Row, Value};
use crate::Result;
use crate::database::DatabaseTransaction;

/// Writes that are committed together or not at all. Dropping it rolls them back.
#[must_use = "a transaction that is not committed is undone"]
pub struct Tx {
    pub(super) db: Db,
    pub(super) kind: TxKind,
}

pub(super) enum TxKind {
    #[cfg(feature = "sqlite")]
    Sqlite(super::sqlite::SqliteTx),
    #[cfg(feature = "postgres")]
    Postgres(super::postgres::PostgresTx),
}

impl Tx {
    /// Executes a statement and returns the number of rows that it touched.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when a unique index refuses the write. After any error, the transaction can only
    /// be dropped.
    pub async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        match &mut self.kind {
            #[cfg(feature = "sqlite")]
            TxKind::Sqlite(tx) => tx.execute(sql, values).await,
            #[cfg(feature = "postgres")]
            TxKind::Postgres(tx) => tx.execute(sql, values).await,
        }
    }

    /// All rows that `sql` finds or returns; it sees this transaction's own writes.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn all(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        match &mut self.kind {
            #[cfg(feature = "sqlite")]
            TxKind::Sqlite(tx) => tx.all(sql, values).await,
            #[cfg(feature = "postgres")]
            TxKind::Postgres(tx) => tx.all(sql, values).await,
        }
    }

    /// The first row that `sql` finds or returns.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn one(&mut self, sql: &'static str, values: &[Value]) -> Result<Option<Row>> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// Executes one statement in a transaction of its own.
    pub(super) async fn alone(mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        let touched = self.execute(sql, values).await?;
        self.commit().await?;
        Ok(touched)
    }

    /// Runs a script of several statements without values (a migration).
    pub(super) async fn script(&mut self, sql: &'static str) -> Result<()> {
        match &mut self.kind {
            #[cfg(feature = "sqlite")]
            TxKind::Sqlite(tx) => tx.script(sql).await,
            #[cfg(feature = "postgres")]
            TxKind::Postgres(tx) => tx.script(sql).await,
        }
    }

    /// Commits what was written. When this returns, the writes survive what [`super::Durability`] says. If the future
    /// is dropped, they may or may not have been committed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the database cannot commit them; then nothing was acknowledged.
    pub async fn commit(self) -> Result<()> {
        match self.kind {
            #[cfg(feature = "sqlite")]
            TxKind::Sqlite(tx) => tx.commit().await,
            #[cfg(feature = "postgres")]
            TxKind::Postgres(tx) => tx.commit().await,
        }
    }
}

#[async_trait]
impl DatabaseTransaction for Tx {
    async fn commit(self: Box<Self>) -> Result<()> {
        Tx::commit(*self).await
    }
}
