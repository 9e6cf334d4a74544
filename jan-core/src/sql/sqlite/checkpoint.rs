//! Checkpoints: copies the write-ahead log into the database's file. A checkpoint waits for the disk, so each open
//! database has one thread for it, named `sqlite-log`, which ends when the database is closed or its last clone is
//! dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::Mutex;

use super::slot::{SlotGuard, WriterSlot};

/// The number of changed rows after which a checkpoint is due: some 40 MB of log.
const CHANGES: u64 = 4000;
/// The number of pages from which a log is too long: 256 MB.
const TOO_LONG: i64 = 65_536;

/// The handle of the thread. When it is dropped, the thread ends by itself.
pub(super) struct Checkpoints {
    requests: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
    changes: u64,
}

impl Checkpoints {
    pub(super) fn start(connection: Connection, slot: Weak<Mutex<WriterSlot>>) -> Self {
        let (requests, received) = sync_channel(1);
        let thread = std::thread::Builder::new().name("sqlite-log".to_owned());
        // Without the thread, the log grows until the database is closed; everything else works.
        let thread = thread.spawn(move || serve(&connection, &received, &slot)).ok();
        Self { requests, thread, changes: 0 }
    }

    /// Called after a commit with the number of rows that were changed since the start. Requests a checkpoint if one
    /// is due.
    pub(super) fn changed(&mut self, changes: u64) {
        if changes.saturating_sub(self.changes) >= CHANGES {
            self.changes = changes;
            // The channel is full, so a checkpoint is requested already.
            let _ = self.requests.try_send(());
        }
    }

    /// Waits until the thread has ended.
    pub(super) fn stop(self) {
        drop(self.requests);
        if let Some(thread) = self.thread {
            let _ = thread.join();
        }
    }
}

/// The thread's loop. It runs until the database is closed, also after errors.
fn serve(connection: &Connection, requests: &Receiver<()>, slot: &Weak<Mutex<WriterSlot>>) {
    while catch_unwind(AssertUnwindSafe(|| receive(connection, requests, slot))).is_err() {
        tracing::error!("The thread that writes the database's log into its file panicked; it goes on.");
    }
}

fn receive(connection: &Connection, requests: &Receiver<()>, slot: &Weak<Mutex<WriterSlot>>) {
    while requests.recv().is_ok() {
        if let Err(error) = checkpoint(connection, slot) {
            tracing::warn!(%error, "The database's log could not be written into its file.");
        }
    }
}

/// Most of the log is copied without blocking writers. SQLite starts a new log only after all of the old one was
/// copied, and steady writing can delay that without end. So when the log is too long, writers are blocked while the
/// rest is copied.
fn checkpoint(connection: &Connection, slot: &Weak<Mutex<WriterSlot>>) -> rusqlite::Result<()> {
    let pages = passive(connection)?;
    if let Some(slot) = slot.upgrade().filter(|_| pages > TOO_LONG) {
        let _guard = SlotGuard::lock_blocking(&slot);
        passive(connection)?;
    }
    Ok(())
}

/// The number of pages in the log.
fn passive(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
}
