//! SQLite: one connection that writes, a few that read, in write-ahead mode, so that readers never wait for the writer.
//!
//! Writers share commits. Each writes inside a savepoint of one open transaction, leaves the connection to the next in
//! line and queues again to commit; whoever gets there first commits for all who wrote in between. Alone, a writer
//! commits at once; in a crowd, one wait for the disk serves everybody.

use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::value::Found;
use super::{Durability, Row, Value, fault};
use crate::{Error, Result};

/// How long we wait for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);
/// Connections that read.
const READERS: u32 = 4;
/// How much of the file is read through mapped memory.
const MAPPED: &str = "268435456";

pub(super) struct Sqlite {
    writer: Arc<Mutex<Writer>>,
    readers: SqlitePool,
}

struct Writer {
    connection: SqliteConnection,
    /// Those who wrote since the last commit, if anybody did.
    batch: Option<Arc<Batch>>,
    /// Somebody's savepoint is open. If nobody holds the writer, they left without a word.
    dirty: bool,
}

/// Writers who wait for the same commit: empty until it happened, then whether it was kept.
type Batch = OnceLock<bool>;

impl Sqlite {
    pub(super) async fn open(url: &str, durability: Durability) -> Result<Self> {
        let invalid = |error: sqlx::Error| {
            Error::invalid("database.url", "`database.url` must be `sqlite:PATH`.").because(error)
        };
        let options = SqliteConnectOptions::from_str(url).map_err(invalid)?;
        let synchronous = match durability {
            Durability::Process => SqliteSynchronous::Normal,
            Durability::Full => SqliteSynchronous::Full,
        };
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(BUSY)
            .foreign_keys(true)
            .pragma("temp_store", "memory")
            .pragma("mmap_size", MAPPED)
            .optimize_on_close(true, None);
        let failed = |error: sqlx::Error| {
            Error::unavailable(format!("The database {url} cannot be opened: {error}."))
                .code("database_unavailable")
                .because(error)
        };
        // The writer comes first: it makes the file.
        let connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(BUSY);
        let readers = readers.connect_lazy_with(options.create_if_missing(false).pragma("query_only", "on"));
        let writer = Writer { connection, batch: None, dirty: false };
        Ok(Self { writer: Arc::new(Mutex::new(writer)), readers })
    }

    pub(super) async fn all(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        rows(&self.readers, sql, values).await
    }

    pub(super) async fn begin(&self) -> Result<Writing> {
        let mut writer = self.writer.clone().lock_owned().await;
        writer.undo_abandoned().await;
        if writer.batch.is_none() {
            writer.run("BEGIN IMMEDIATE").await.map_err(fault)?;
            writer.batch = Some(Arc::default());
        }
        writer.dirty = true;
        writer.run("SAVEPOINT mine").await.map_err(fault)?;
        Ok(Writing { all: self.writer.clone(), writer })
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        let mut writer = self.writer.lock().await;
        // The log is folded into the file, so that one file is all there is.
        let _ = writer.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
    }
}

impl Writer {
    async fn run(&mut self, sql: &'static str) -> sqlx::Result<()> {
        self.connection.execute(sql).await.map(drop)
    }

    /// Undoes what somebody wrote who then dropped the transaction.
    async fn undo_abandoned(&mut self) {
        if self.dirty {
            // It fails when the savepoint was never made, or is gone with its transaction: then nothing is to be undone.
            let _ = self.run("ROLLBACK TO mine; RELEASE mine").await;
            self.dirty = false;
        }
    }
}

/// A transaction: sole holder of the writing connection.
pub(super) struct Writing {
    all: Arc<Mutex<Writer>>,
    writer: OwnedMutexGuard<Writer>,
}

impl Writing {
    pub(super) async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        let query = sqlx::query_with(sql, arguments(values));
        let done = query.execute(&mut self.writer.connection).await.map_err(fault)?;
        Ok(done.rows_affected())
    }

    pub(super) async fn all(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        rows(&mut self.writer.connection, sql, values).await
    }

    pub(super) async fn script(&mut self, sql: &'static str) -> Result<()> {
        self.writer.run(sql).await.map_err(fault)
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        self.writer.run("RELEASE mine").await.map_err(fault)?;
        self.writer.dirty = false;
        let Some(batch) = self.writer.batch.clone() else {
            return Err(Error::internal("no open transaction"));
        };
        drop(self.writer);
        // Whoever queued before us writes now; then it is our turn again, unless one of them committed for us.
        let mut writer = self.all.lock().await;
        if batch.get().is_none() {
            writer.undo_abandoned().await;
            writer.batch = None;
            let kept = writer.run("COMMIT").await;
            let _ = batch.set(kept.is_ok());
            if let Err(error) = kept {
                let _ = writer.run("ROLLBACK").await;
                return Err(fault(error));
            }
        }
        match batch.get() {
            Some(true) => Ok(()),
            _ => Err(Error::internal("the commit that this write waited for failed")),
        }
    }
}

async fn rows<'c, E>(executor: E, sql: &'static str, values: &[Value]) -> Result<Vec<Row>>
where
    E: sqlx::Executor<'c, Database = sqlx::Sqlite>,
{
    let found = sqlx::query_with(sql, arguments(values)).fetch_all(executor).await.map_err(fault)?;
    Ok(found.into_iter().map(|row| Row(Found::Sqlite(row))).collect())
}

fn arguments(values: &[Value]) -> SqliteArguments {
    use sqlx::Arguments as _;
    let mut arguments = SqliteArguments::default();
    for value in values {
        // Text and numbers can always be bound.
        let _ = match value {
            Value::Text(text) => arguments.add(text.clone()),
            Value::Int(number) => arguments.add(*number),
        };
    }
    arguments
}
