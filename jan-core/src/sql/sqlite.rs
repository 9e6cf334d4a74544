//! SQLite: one connection that writes, a few that read, in write-ahead mode, so that readers never wait for the writer.
//!
//! Writers share commits. Each writes inside a savepoint of one open transaction, leaves the connection to the next in
//! line and queues again to commit; whoever gets there first commits for all who wrote in between. Alone, a writer
//! commits at once; in a crowd, one wait for the disk serves everybody.
//!
//! A writer may leave at any moment (its future is dropped) while the database goes on with what it was told. So each
//! step from one state to the next is a future that stays where the connection is: whoever comes next ends it first.

use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
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
    desk: Arc<Mutex<Desk>>,
    readers: SqlitePool,
}

/// Where one writer at a time sits.
struct Desk {
    /// Away while a step is taken, and for good once the database is closed.
    writer: Option<Writer>,
    /// A step that somebody began; if nobody sits here, they left before its end.
    step: Option<BoxFuture<'static, (Writer, Result<()>)>>,
}

struct Writer {
    connection: SqliteConnection,
    /// Those who wrote since the last commit, if anybody did.
    batch: Option<Arc<Batch>>,
    /// Somebody's savepoint is open. If nobody sits at the desk, they left without a word.
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
        let desk = Desk { writer: Some(writer), step: None };
        Ok(Self { desk: Arc::new(Mutex::new(desk)), readers })
    }

    pub(super) async fn all(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        rows(&self.readers, sql, values).await
    }

    pub(super) async fn begin(&self) -> Result<Writing> {
        let mut desk = self.desk.clone().lock_owned().await;
        desk.take(Writer::begin).await?;
        Ok(Writing { all: self.desk.clone(), desk })
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        let mut desk = self.desk.lock().await;
        // The log is folded into the file, so that one file is all there is.
        let _ = desk.take(Writer::commit).await;
        if let Some(writer) = desk.writer.take() {
            let _ = writer.connection.close().await;
        }
    }
}

impl Desk {
    /// Takes a step. If the caller leaves, whoever comes next brings it to its end.
    async fn take<F>(&mut self, step: impl FnOnce(Writer) -> F) -> Result<()>
    where
        F: Future<Output = (Writer, Result<()>)> + Send + 'static,
    {
        // What became of somebody else's step is their business.
        let _ = self.settle().await;
        let writer = self.writer.take().ok_or_else(|| fault(sqlx::Error::PoolClosed))?;
        self.step = Some(Box::pin(step(writer)));
        self.settle().await
    }

    /// Ends the step that was begun, if one was.
    async fn settle(&mut self) -> Result<()> {
        let Some(step) = &mut self.step else { return Ok(()) };
        let (writer, done) = step.await;
        (self.writer, self.step) = (Some(writer), None);
        done
    }

    fn writer(&mut self) -> Result<&mut Writer> {
        self.writer.as_mut().ok_or_else(|| fault(sqlx::Error::PoolClosed))
    }
}

/// The steps.
impl Writer {
    async fn begin(mut self) -> (Self, Result<()>) {
        self.undo_abandoned().await;
        if self.batch.is_none() {
            if let Err(error) = self.run("BEGIN IMMEDIATE").await {
                return (self, Err(fault(error)));
            }
            self.batch = Some(Arc::default());
        }
        self.dirty = true;
        let begun = self.run("SAVEPOINT mine").await;
        (self, begun.map_err(fault))
    }

    /// What was written belongs to the batch from here on.
    async fn release(mut self) -> (Self, Result<()>) {
        let released = self.run("RELEASE mine").await;
        self.dirty = released.is_err();
        (self, released.map_err(fault))
    }

    /// Commits for all who wrote since the last time, if anybody did, and tells them.
    async fn commit(mut self) -> (Self, Result<()>) {
        self.undo_abandoned().await;
        let Some(batch) = self.batch.take() else { return (self, Ok(())) };
        let kept = self.run("COMMIT").await;
        if kept.is_err() {
            let _ = self.run("ROLLBACK").await;
        }
        let _ = batch.set(kept.is_ok());
        (self, kept.map_err(fault))
    }

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
    all: Arc<Mutex<Desk>>,
    desk: OwnedMutexGuard<Desk>,
}

impl Writing {
    pub(super) async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        let query = sqlx::query_with(sql, arguments(values));
        let done = query.execute(&mut self.desk.writer()?.connection).await.map_err(fault)?;
        Ok(done.rows_affected())
    }

    pub(super) async fn all(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        rows(&mut self.desk.writer()?.connection, sql, values).await
    }

    pub(super) async fn script(&mut self, sql: &'static str) -> Result<()> {
        self.desk.writer()?.run(sql).await.map_err(fault)
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        let Some(batch) = self.desk.writer()?.batch.clone() else {
            return Err(Error::internal("no open transaction"));
        };
        self.desk.take(Writer::release).await?;
        drop(self.desk);
        // Whoever queued before us writes now; then it is our turn again, unless one of them committed for us.
        let mut desk = self.all.lock().await;
        let _ = desk.settle().await;
        if batch.get().is_none() {
            desk.take(Writer::commit).await?;
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
