//! Folds the write-ahead log into the file, on a thread of its own: it waits for the disk, and nobody waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::Mutex;

use super::desk::{Desk, Seat};

/// Rows that may change before the log is folded in: some 40 MB of log.
const CHANGES: u64 = 4000;
/// Pages of a log that is too long: 256 MB.
const TOO_LONG: i64 = 65_536;

/// The thread; dropping this lets it end.
pub(super) struct Checkpoints {
    due: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
    changes: u64,
}

impl Checkpoints {
    pub(super) fn start(connection: Connection, desk: Weak<Mutex<Desk>>) -> Self {
        let (due, asked) = sync_channel(1);
        let thread = std::thread::Builder::new().name("sqlite-log".to_owned());
        // Without a thread the log grows until the database is closed, and nothing else is wrong.
        let thread = thread.spawn(move || fold_always(&connection, &asked, &desk)).ok();
        Self { due, thread, changes: 0 }
    }

    /// Told after a commit how many rows were changed since the start.
    pub(super) fn written(&mut self, changes: u64) {
        if changes.saturating_sub(self.changes) >= CHANGES {
            self.changes = changes;
            // Full: one is due already.
            let _ = self.due.try_send(());
        }
    }

    /// Waits for the end of the thread.
    pub(super) fn stop(self) {
        drop(self.due);
        if let Some(thread) = self.thread {
            let _ = thread.join();
        }
    }
}

/// Until the database is closed, whatever happens in between.
fn fold_always(connection: &Connection, asked: &Receiver<()>, desk: &Weak<Mutex<Desk>>) {
    while catch_unwind(AssertUnwindSafe(|| fold(connection, asked, desk))).is_err() {
        tracing::error!("The thread that folds the database's log panicked; it goes on.");
    }
}

fn fold(connection: &Connection, asked: &Receiver<()>, desk: &Weak<Mutex<Desk>>) {
    while asked.recv().is_ok() {
        if let Err(error) = checkpoint(connection, desk) {
            tracing::warn!(%error, "The database's log could not be folded into its file.");
        }
    }
}

/// Nobody waits while the bulk is copied. The log begins anew only when all of it was copied, which those who go on
/// writing can put off for ever: so they wait for the rest of it once it is too long.
fn checkpoint(connection: &Connection, desk: &Weak<Mutex<Desk>>) -> rusqlite::Result<()> {
    let pages = passive(connection)?;
    if let Some(desk) = desk.upgrade().filter(|_| pages > TOO_LONG) {
        let _seat = Seat::wait(&desk);
        passive(connection)?;
    }
    Ok(())
}

/// How many pages the log holds.
fn passive(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
}
