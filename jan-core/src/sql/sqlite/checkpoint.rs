//! Moves the write-ahead log into the database's file (a checkpoint). It waits for the disk, so each open database starts
//! one thread for it, named `sqlite-log`, which ends when the database is closed or its last clone is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::Mutex;

use super::slot::{SlotGuard, WriterSlot};

/// Rows that may change before a checkpoint: some 40 MB of log.
const CHANGES: u64 = 4000;
/// Pages of a log that is too long: 256 MB.
const TOO_LONG: i64 = 65_536;

/// The thread; dropping this lets it end by itself.
pub(super) struct Checkpoints {
    requests: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
    changes: u64,
}

impl Checkpoints {
    pub(super) fn start(connection: Connection, slot: Weak<Mutex<WriterSlot>>) -> Self {
        let (requests, received) = sync_channel(1);
        let thread = std::thread::Builder::new().name("sqlite-log".to_owned());
        // Without a thread the log grows until the database is closed, and nothing else is wrong.
        let thread = thread.spawn(move || serve(&connection, &received, &slot)).ok();
        Self { requests, thread, changes: 0 }
    }

    /// Called after a commit with the number of rows changed since the start; asks for a checkpoint if one is due.
    pub(super) fn changed(&mut self, changes: u64) {
        if changes.saturating_sub(self.changes) >= CHANGES {
            self.changes = changes;
            // Full: one is asked for already.
            let _ = self.requests.try_send(());
        }
    }

    /// Waits for the end of the thread.
    pub(super) fn stop(self) {
        drop(self.requests);
        if let Some(thread) = self.thread {
            let _ = thread.join();
        }
    }
}

/// Until the database is closed, whatever happens in between.
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

/// Nobody waits while the bulk is copied. The log begins anew only when all of it was copied, which those who go on
/// writing can put off for ever: so they wait for the rest of it once it is too long.
fn checkpoint(connection: &Connection, slot: &Weak<Mutex<WriterSlot>>) -> rusqlite::Result<()> {
    let pages = passive(connection)?;
    if let Some(slot) = slot.upgrade().filter(|_| pages > TOO_LONG) {
        let _guard = SlotGuard::lock_blocking(&slot);
        passive(connection)?;
    }
    Ok(())
}

/// How many pages the log holds.
fn passive(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
}
