//! The writer slot: it contains the only connection that writes, behind an asynchronous lock that one task at a time
//! holds.
//!
//! The difficulty is that futures can be dropped: a task may end at any `.await`, with its savepoint open, or while
//! its statement runs on a thread for blocking work. Three rules keep the connection consistent:
//!
//! 1. At every `.await`, the connection is in the slot or on a blocking thread whose handle is in the slot. Work that
//!    may take long moves the connection to a blocking thread ([`WriterSlot::run_blocking`]) and stores the thread's
//!    handle in the slot, never in the caller's future. If that caller is then dropped, the next one finds the handle,
//!    waits for it ([`WriterSlot::reclaim`]), and has the connection again.
//! 2. A dropped caller releases the slot ([`WriterSlot::release`], when its [`SlotGuard`] is dropped), and an open
//!    savepoint is rolled back there. If the connection is on a blocking thread at that moment, a rollback is
//!    impossible; then the next caller that begins rolls back first ([`Writer::begin`]).
//! 3. With shared commits, a transaction stays open after its writers released the slot, and they take the slot again
//!    to commit. SQLite's write lock is held for that time, against other processes too. If all these writers are
//!    dropped, the last release commits ([`WriterSlot::release`]). That is allowed: their writes were complete, and a
//!    write whose caller no longer waits may be committed.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use super::checkpoint::Checkpoints;
use super::deadline::Deadline;
use super::statement::{self, closed, fault};
use crate::{Error, Result};

/// The outcome of one shared commit: empty until the commit has happened, then whether it succeeded. Each waiting
/// writer has a clone of the [`Arc`] around it, and so has the connection while the transaction is open. The clone
/// count therefore shows whether any writer still waits.
pub(super) type GroupCommit = OnceLock<bool>;

pub(super) struct WriterSlot {
    /// The connection. `None` while it is on a blocking thread, and permanently once the database is closed.
    writer: Option<Writer>,
    /// The handle of the blocking thread that has the connection. If it is set when a task takes the slot, the caller
    /// that started the thread was dropped before the work ended.
    blocking: Option<JoinHandle<Writer>>,
    checkpoints: Option<Checkpoints>,
}

pub(super) struct Writer {
    pub(super) connection: Connection,
    /// The outcome of the open transaction's future commit; `None` if no transaction is open.
    pub(super) group: Option<Arc<GroupCommit>>,
    /// Whether a savepoint is open: writes of one caller that are not yet part of the shared transaction.
    savepoint: bool,
}

impl WriterSlot {
    pub(super) fn new(connection: Connection, checkpoints: Checkpoints) -> Self {
        let writer = Writer { connection, group: None, savepoint: false };
        Self { writer: Some(writer), blocking: None, checkpoints: Some(checkpoints) }
    }

    pub(super) fn writer(&mut self) -> Result<&mut Writer> {
        self.writer.as_mut().ok_or_else(closed)
    }

    /// Opens a savepoint, so that this caller's writes can be rolled back without those of other callers.
    ///
    /// While another process has locked the file, the caller repeats its attempts and keeps the slot: queued callers
    /// would only find the same lock. Each caller has its own deadline, which started when it began to wait, so the
    /// queue empties in order, at the deadlines or when the file becomes free.
    pub(super) async fn begin(&mut self, deadline: &mut Deadline) -> Result<()> {
        if self.blocking.is_some() {
            // Rule 1: an earlier caller was dropped before its work on a blocking thread ended.
            deadline.wait(self.reclaim()).await?;
        }
        let writer = self.writer()?;
        deadline.retry(|| writer.begin()).await
    }

    /// Commits for all writers of the open transaction.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.writer()?.commit()?;
        self.committed();
        Ok(())
    }

    /// As [`WriterSlot::commit`], for a commit that may wait for the disk.
    pub(super) async fn commit_blocking(&mut self) -> Result<()> {
        self.run_blocking(Writer::commit).await?;
        self.committed();
        Ok(())
    }

    fn committed(&mut self) {
        if let (Some(writer), Some(checkpoints)) = (&self.writer, &mut self.checkpoints) {
            checkpoints.changed(writer.connection.total_changes());
        }
    }

    /// Runs work on one of the runtime's threads for blocking work. The work runs to its end even if this future is
    /// dropped.
    pub(super) async fn run_blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.reclaim().await;
        let mut writer = self.writer.take().ok_or_else(closed)?;
        let (sender, receiver) = oneshot::channel();
        // There must be no `.await` between taking the connection and storing the handle that returns it (rule 1).
        self.blocking = Some(spawn_blocking(move || {
            let _ = sender.send(work(&mut writer));
            writer
        }));
        self.reclaim().await;
        receiver.await.map_err(Error::internal)?
    }

    /// Waits until the connection is back from a blocking thread. Dropping this future is safe: the handle leaves the
    /// slot only after the thread's work has ended. If the work panicked, the connection is lost and the database
    /// counts as closed.
    pub(super) async fn reclaim(&mut self) {
        if let Some(blocking) = &mut self.blocking {
            self.writer = blocking.await.ok();
            self.blocking = None;
        }
    }

    /// Prepares the slot for the next caller (rules 2 and 3). A savepoint that is still open belongs to a caller that
    /// was dropped or failed, and is rolled back. A transaction whose outcome has no clone but the connection's own
    /// has no waiting writer, and is committed here.
    fn release(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        writer.undo();
        if writer.group.as_ref().is_some_and(|group| Arc::strong_count(group) == 1) {
            let _ = self.commit();
        }
    }
}

impl Writer {
    /// An attempt that finds the file locked by another process has no effect: no transaction is open then, and this
    /// caller has written nothing.
    fn begin(&mut self) -> rusqlite::Result<()> {
        // Rule 2: a savepoint of a caller that was dropped while the connection was on a blocking thread.
        self.undo();
        if self.group.is_none() {
            self.run("BEGIN IMMEDIATE")?;
            self.group = Some(Arc::default());
        }
        self.savepoint = true;
        self.run("SAVEPOINT mine")
    }

    /// Releases the savepoint, so that its writes become part of the shared transaction.
    pub(super) fn release_savepoint(&mut self) -> Result<()> {
        self.run("RELEASE mine").map_err(fault)?;
        self.savepoint = false;
        Ok(())
    }

    /// Commits the open transaction, if there is one, and stores the outcome for all who wait for it.
    fn commit(&mut self) -> Result<()> {
        self.undo();
        let Some(group) = self.group.take() else { return Ok(()) };
        let kept = self.run("COMMIT");
        if kept.is_err() {
            let _ = self.run("ROLLBACK");
        }
        let _ = group.set(kept.is_ok());
        kept.map_err(fault)
    }

    /// Rolls back the open savepoint, if there is one.
    fn undo(&mut self) {
        if self.savepoint {
            // This fails when the savepoint ended together with its transaction; then there is nothing to roll back.
            let _ = self.run("ROLLBACK TO mine");
            let _ = self.run("RELEASE mine");
            self.savepoint = false;
        }
    }

    fn run(&self, sql: &'static str) -> rusqlite::Result<()> {
        statement::execute(&self.connection, sql, &[]).map(drop)
    }
}

/// The writer slot while one task holds it. Dropping this releases the slot.
pub(super) struct SlotGuard(OwnedMutexGuard<WriterSlot>);

impl SlotGuard {
    pub(super) async fn lock(slot: &Arc<Mutex<WriterSlot>>) -> Self {
        Self(slot.clone().lock_owned().await)
    }

    /// As [`SlotGuard::lock`], but waits only until the deadline. If the slot is free, no timer is needed, and no
    /// runtime that has one.
    pub(super) async fn lock_before(deadline: &mut Deadline, slot: &Arc<Mutex<WriterSlot>>) -> Result<Self> {
        match Self::try_lock(slot) {
            Some(guard) => Ok(guard),
            None => deadline.wait(Self::lock(slot)).await,
        }
    }

    /// As [`SlotGuard::lock`], on a thread that may block.
    pub(super) fn lock_blocking(slot: &Arc<Mutex<WriterSlot>>) -> Self {
        Self(slot.clone().blocking_lock_owned())
    }

    pub(super) fn try_lock(slot: &Arc<Mutex<WriterSlot>>) -> Option<Self> {
        slot.clone().try_lock_owned().ok().map(Self)
    }

    /// Ends all writing: commits the open transaction, ends the checkpoint thread and closes the connection, on a
    /// thread for blocking work.
    pub(super) async fn close(mut self) {
        self.reclaim().await;
        let _ = self.commit();
        let (checkpoints, writer) = (self.checkpoints.take(), self.writer.take());
        // The checkpoint thread may be waiting for this slot, and the code below waits for that thread. So the slot is
        // released first; nobody can write any more.
        drop(self);
        let closed = spawn_blocking(move || {
            if let Some(checkpoints) = checkpoints {
                checkpoints.stop();
            }
            if let Some(Writer { connection, .. }) = writer {
                let _ = connection.execute_batch("PRAGMA optimize");
                let _ = connection.close();
            }
        });
        let _ = closed.await;
    }
}

impl Deref for SlotGuard {
    type Target = WriterSlot;

    fn deref(&self) -> &WriterSlot {
        &self.0
    }
}

impl DerefMut for SlotGuard {
    fn deref_mut(&mut self) -> &mut WriterSlot {
        &mut self.0
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        self.release();
    }
}
