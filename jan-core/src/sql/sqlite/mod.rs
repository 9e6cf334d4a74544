//! SQLite with one connection for writing and several for reading, in write-ahead mode, so that readers never wait for
//! the writer.
//!
//! SQLite is a library, and most statements take microseconds: less than passing them to another thread and waiting
//! for the result. So statements run on the caller's thread. Commits that wait for the disk, and statements that may
//! touch very many rows ([`super::Db::begin_bulk`]), run on the runtime's threads for blocking work
//! (`spawn_blocking`). When another process has locked the file, the attempt is repeated after a pause, which delays
//! only the writers in the queue.
//!
//! | file | holds |
//! |---|---|
//! | `slot` | the writing connection, and what happens when a writer is dropped at any moment |
//! | `transaction` | a transaction, and commits that several writers share |
//! | `deadline` | how long a request waits for others, in this process and outside |
//! | `checkpoint` | copies the log into the file, on a thread of its own |
//! | `permissions` | the access rights of the files |
//! | `statement` | binds values, reads rows, and converts errors |

mod checkpoint;
mod deadline;
mod permissions;
mod slot;
mod statement;
mod transaction;

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use self::checkpoint::Checkpoints;
use self::deadline::Deadline;
use self::slot::{SlotGuard, WriterSlot};
pub(super) use self::statement::Cells;
use self::statement::closed;
pub(super) use self::transaction::SqliteTx;
use super::{Durability, Row, Value};
use crate::{Error, Result};

/// How long to wait for another process that has locked the file, on threads that may block.
const OPENING: Duration = Duration::from_secs(5);
/// The number of prepared statements that each connection caches.
const STATEMENTS: usize = 100;

pub(super) struct Sqlite {
    slot: Arc<tokio::sync::Mutex<WriterSlot>>,
    readers: Readers,
    durability: Durability,
}

impl Sqlite {
    pub(super) async fn open(url: &str, durability: Durability) -> Result<Self> {
        let (uri, name) = (uri(url)?, url.to_owned());
        // The file may be on a slow disk, or locked by another process.
        let opened = tokio::task::spawn_blocking(move || {
            permissions::protect(&uri);
            // The writer is opened first, because it creates the file.
            let (writer, log) = (connect(&uri, durability, OPENING)?, connect(&uri, durability, OPENING)?);
            writer.busy_timeout(Duration::ZERO)?;
            let slot = Arc::new_cyclic(|slot| {
                let checkpoints = Checkpoints::start(log, slot.clone());
                tokio::sync::Mutex::new(WriterSlot::new(writer, checkpoints))
            });
            Ok((slot, Readers::new(uri, durability)))
        });
        let (slot, readers) = opened.await.map_err(Error::internal)?.map_err(|error: rusqlite::Error| {
            Error::unavailable(format!("The database {name} cannot be opened: {error}."))
                .with_code("database_unavailable")
                .because(error)
        })?;
        Ok(Self { slot, readers, durability })
    }

    /// Readers do not wait for a process that writes. They do wait for a process that repairs the file after a crash
    /// or has locked it exclusively.
    pub(super) async fn all(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        let read = || self.readers.with(|connection| statement::rows(connection, sql, values));
        Deadline::default().retry(read).await?
    }

    pub(super) async fn begin(&self, bulk: bool) -> Result<SqliteTx> {
        SqliteTx::begin(self.slot.clone(), self.durability, bulk).await
    }

    /// Copies the log into the file, so that only one file remains.
    pub(super) async fn close(&self) {
        self.readers.close();
        SlotGuard::lock(&self.slot).await.close().await;
    }
}

/// The reading connections: as many as threads have read at the same time.
struct Readers {
    uri: String,
    durability: Durability,
    /// `None` once they are closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    fn new(uri: String, durability: Durability) -> Self {
        Self { uri, durability, idle: Mutex::new(Some(Vec::new())) }
    }

    /// The outer result says whether SQLite could be called, the inner one whether the database is still open.
    fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<Result<T>> {
        let Some(idle) = self.idle().as_mut().map(Vec::pop) else { return Ok(Err(closed())) };
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let found = read(&connection);
        if let Some(idle) = self.idle().as_mut() {
            idle.push(connection);
        }
        found.map(Ok)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = connect(&self.uri, self.durability, Duration::ZERO)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn idle(&self) -> parking_lot::MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock()
    }

    fn close(&self) {
        *self.idle() = None;
    }
}

/// The URI that SQLite itself uses: `sqlite:PATH` with percent escapes and `?mode=…` becomes `file:PATH`.
fn uri(url: &str) -> Result<String> {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.starts_with(":memory:") || path.contains("mode=memory") {
        return Err(Error::invalid(
            "database.url",
            "`database.url` must be `sqlite:PATH`, a file. Nothing is kept with `memory`.",
        ));
    }
    Ok(format!("file:{path}"))
}

/// Opens a connection. `wait` is how long it may block its thread while another process has locked the file.
fn connect(uri: &str, durability: Durability, wait: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags)?;
    connection.busy_timeout(wait)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Query plans must not depend on the bound values; otherwise SQLite would prepare the statement again for each
    // value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = match durability {
        Durability::Process => "normal",
        Durability::Full => "full",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // `checkpoint` copies the log into the file; a commit must not do it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}
