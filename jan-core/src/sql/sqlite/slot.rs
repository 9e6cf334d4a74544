//! The writer slot: holds the one connection that writes, behind an asynchronous lock that one task at a time has.
//!
//! What makes it hard is that futures are dropped: a task may end at any `.await`, with its savepoint open or while its
//! statement runs on a thread for blocking work. Three rules keep the connection whole:
//!
//! 1. Between two `.await`s the connection is in the slot. Work that may take long moves it to a blocking thread
//!    ([`WriterSlot::run_blocking`]) and leaves the thread's handle in the slot, never in the caller's future. So a caller
//!    that is dropped then loses nothing: the next one finds the handle, waits for it ([`WriterSlot::reclaim`]), and
//!    has the connection again.
//! 2. Whoever is dropped releases the slot ([`WriterSlot::release`], by dropping its [`SlotGuard`]): an open savepoint is
//!    rolled back there. If the connection is on a blocking thread at that moment, nothing can be done; then the next one
//!    that begins rolls back first ([`Writer::begin`]).
//! 3. Where commits are shared, a transaction stays open after its writers left the slot, and they come back to commit it.
//!    SQLite's write lock is held as long, against other processes too. So if all of them are dropped, the last one to go
//!    commits ([`WriterSlot::release`]): their writes were whole, and keeping what nobody waits for is allowed.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use super::checkpoint::Checkpoints;
use super::deadline::Deadline;
use super::statement::{self, closed, fault};
use crate::{Error, Result};

/// What the writers of one commit wait for: empty until it happened, then whether it succeeded. Each of them, and the
/// writer itself while the transaction is open, has a clone of the [`Arc`] around it; so its count says whether anybody
/// waits.
pub(super) type GroupCommit = OnceLock<bool>;

pub(super) struct WriterSlot {
    /// `None` while it is on a blocking thread, and for good once the database is closed.
    writer: Option<Writer>,
    /// The blocking thread that has the writer. Still set when the guard is taken: whoever started it was dropped before it
    /// ended.
    blocking: Option<JoinHandle<Writer>>,
    checkpoints: Option<Checkpoints>,
}

pub(super) struct Writer {
    pub(super) connection: Connection,
    /// The commit that is to come, if a transaction is open.
    pub(super) group: Option<Arc<GroupCommit>>,
    /// A savepoint is open: somebody's writes that are not yet part of the group's.
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

    /// Opens a savepoint: after this, what is written can be undone without what others wrote.
    ///
    /// While another process holds the file, whoever has the slot tries again and again and keeps the slot meanwhile: those
    /// who queue for it would only find the same. Each has a deadline of its own, running since it came, so the queue
    /// empties in its order, at the deadlines or when the file is free.
    pub(super) async fn begin(&mut self, deadline: &mut Deadline) -> Result<()> {
        if self.blocking.is_some() {
            // Rule 1: a caller was dropped before its work on a blocking thread was done.
            deadline.wait(self.reclaim()).await?;
        }
        let writer = self.writer()?;
        deadline.retry(|| writer.begin()).await
    }

    /// Commits for the whole group.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.writer()?.commit()?;
        self.committed();
        Ok(())
    }

    /// As [`WriterSlot::commit`], where it may wait for the disk.
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

    /// Runs work on one of the runtime's threads for blocking work. The work goes on to its end even if this future is
    /// dropped.
    pub(super) async fn run_blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.reclaim().await;
        let mut writer = self.writer.take().ok_or_else(closed)?;
        let (sender, receiver) = oneshot::channel();
        // No `.await` between taking the writer and storing the handle that gives it back (rule 1).
        self.blocking = Some(spawn_blocking(move || {
            let _ = sender.send(work(&mut writer));
            writer
        }));
        self.reclaim().await;
        receiver.await.map_err(Error::internal)?
    }

    /// Waits until the writer is back from a blocking thread. Dropping this future loses nothing: the handle is taken out
    /// of the slot only after it has ended. A thread that panicked has lost the writer; then the database is closed.
    pub(super) async fn reclaim(&mut self) {
        if let Some(blocking) = &mut self.blocking {
            self.writer = blocking.await.ok();
            self.blocking = None;
        }
    }

    /// Leaves the slot to the next one (rules 2 and 3): a savepoint that is still open belongs to a caller that was dropped,
    /// or failed, and is undone; a group of which only the writer itself has a clone has nobody left to commit it.
    fn release(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        writer.undo();
        if writer.group.as_ref().is_some_and(|group| Arc::strong_count(group) == 1) {
            let _ = self.commit();
        }
    }
}

impl Writer {
    /// Finding the file held by another process leaves nothing behind: no transaction is open then, and none of the group
    /// is ours.
    fn begin(&mut self) -> rusqlite::Result<()> {
        // Rule 2: of one who was dropped while the writer was on a blocking thread.
        self.undo();
        if self.group.is_none() {
            self.run("BEGIN IMMEDIATE")?;
            self.group = Some(Arc::default());
        }
        self.savepoint = true;
        self.run("SAVEPOINT mine")
    }

    /// Makes what was written part of the group's commit.
    pub(super) fn release_savepoint(&mut self) -> Result<()> {
        self.run("RELEASE mine").map_err(fault)?;
        self.savepoint = false;
        Ok(())
    }

    /// Commits, if a transaction is open, and says so to all who wait for it.
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

    /// Undoes the writes of the open savepoint, if there is one.
    fn undo(&mut self) {
        if self.savepoint {
            // It fails when the savepoint is gone with its transaction: then nothing is to be undone.
            let _ = self.run("ROLLBACK TO mine");
            let _ = self.run("RELEASE mine");
            self.savepoint = false;
        }
    }

    fn run(&self, sql: &'static str) -> rusqlite::Result<()> {
        statement::execute(&self.connection, sql, &[]).map(drop)
    }
}

/// The writer slot, had by one task. Dropping this releases it.
pub(super) struct SlotGuard(OwnedMutexGuard<WriterSlot>);

impl SlotGuard {
    pub(super) async fn lock(slot: &Arc<Mutex<WriterSlot>>) -> Self {
        Self(slot.clone().lock_owned().await)
    }

    /// As [`SlotGuard::lock`], for no longer than the deadline allows. A free slot needs no timer, nor a runtime that has
    /// one.
    pub(super) async fn lock_before(deadline: &mut Deadline, slot: &Arc<Mutex<WriterSlot>>) -> Result<Self> {
        match Self::try_lock(slot) {
            Some(guard) => Ok(guard),
            None => deadline.wait(Self::lock(slot)).await,
        }
    }

    /// As [`SlotGuard::lock`], on a thread that may be held up.
    pub(super) fn lock_blocking(slot: &Arc<Mutex<WriterSlot>>) -> Self {
        Self(slot.clone().blocking_lock_owned())
    }

    pub(super) fn try_lock(slot: &Arc<Mutex<WriterSlot>>) -> Option<Self> {
        slot.clone().try_lock_owned().ok().map(Self)
    }

    /// Ends all writing: commits what is open, ends the checkpoint thread and closes the connection, on a thread for
    /// blocking work.
    pub(super) async fn close(mut self) {
        self.reclaim().await;
        let _ = self.commit();
        let (checkpoints, writer) = (self.checkpoints.take(), self.writer.take());
        // The checkpoint thread may be waiting for this slot, and is waited for below. Nobody can write any more.
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
