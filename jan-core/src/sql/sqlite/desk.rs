//! The desk: where the one connection that writes lies, and where one writer at a time sits.
//!
//! A writer may leave at any moment (its future is dropped). What it wrote is undone as it stands up; only when the
//! connection is away on a thread for blocking work, whoever comes next waits for it and undoes it first.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use super::checkpoint::Checkpoints;
use super::deadline::Deadline;
use super::statement::{self, closed, fault};
use crate::{Error, Result};

/// Writers who wait for the same commit: empty until it happened, then whether it was kept.
pub(super) type Batch = OnceLock<bool>;

pub(super) struct Desk {
    /// Away while it works elsewhere, and for good once the database is closed.
    writer: Option<Writer>,
    /// The work elsewhere; if nobody sits here, they left before its end.
    away: Option<JoinHandle<Writer>>,
    checkpoints: Option<Checkpoints>,
}

pub(super) struct Writer {
    pub(super) connection: Connection,
    /// Those who wrote since the last commit, if a transaction is open.
    pub(super) batch: Option<Arc<Batch>>,
    /// Somebody's savepoint is open.
    dirty: bool,
}

impl Desk {
    pub(super) fn new(connection: Connection, checkpoints: Checkpoints) -> Self {
        let writer = Writer { connection, batch: None, dirty: false };
        Self { writer: Some(writer), away: None, checkpoints: Some(checkpoints) }
    }

    pub(super) fn writer(&mut self) -> Result<&mut Writer> {
        self.writer.as_mut().ok_or_else(closed)
    }

    /// Begins to write: after this, what is written can be undone without what others wrote.
    /// While another process holds the file, whoever sits here tries again and again, and those who came later stay in
    /// the queue behind: they would only find the same. Each has its own deadline, running since it came, so the queue
    /// empties at the deadline and in its order; if the file is free before, it is written to in that order as well.
    pub(super) async fn begin(&mut self, deadline: &mut Deadline) -> Result<()> {
        if self.away.is_some() {
            // Somebody left before their work elsewhere was done.
            deadline.wait(self.settle()).await?;
        }
        let writer = self.writer()?;
        deadline.retry(|| writer.begin()).await
    }

    /// Commits for all who wrote since the last time.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.writer()?.commit()?;
        self.committed();
        Ok(())
    }

    /// As [`Desk::commit`], where it may wait for the disk.
    pub(super) async fn commit_elsewhere(&mut self) -> Result<()> {
        self.elsewhere(Writer::commit).await?;
        self.committed();
        Ok(())
    }

    fn committed(&mut self) {
        if let (Some(writer), Some(checkpoints)) = (&self.writer, &mut self.checkpoints) {
            checkpoints.written(writer.connection.total_changes());
        }
    }

    /// Does work on a thread that may be held up. If the caller leaves, the work goes on to its end.
    pub(super) async fn elsewhere<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.settle().await;
        let mut writer = self.writer.take().ok_or_else(closed)?;
        let (tell, told) = oneshot::channel();
        self.away = Some(spawn_blocking(move || {
            let _ = tell.send(work(&mut writer));
            writer
        }));
        self.settle().await;
        told.await.map_err(Error::internal)?
    }

    /// Waits until the writer is back.
    pub(super) async fn settle(&mut self) {
        if let Some(away) = &mut self.away {
            self.writer = away.await.ok();
            self.away = None;
        }
    }

    /// Nobody sits here any more: what was not released is undone, and what nobody waits for is committed, so that no
    /// other process finds the file held.
    fn left(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        writer.undo();
        if writer.batch.as_ref().is_some_and(|batch| Arc::strong_count(batch) == 1) {
            let _ = self.commit();
        }
    }
}

impl Writer {
    /// Finding the file held leaves nothing behind: no transaction is open then, and none of the batch is ours.
    fn begin(&mut self) -> rusqlite::Result<()> {
        self.undo();
        if self.batch.is_none() {
            self.run("BEGIN IMMEDIATE")?;
            self.batch = Some(Arc::default());
        }
        self.dirty = true;
        self.run("SAVEPOINT mine")
    }

    /// What was written belongs to the batch from here on.
    pub(super) fn release(&mut self) -> Result<()> {
        self.run("RELEASE mine").map_err(fault)?;
        self.dirty = false;
        Ok(())
    }

    /// Commits, if a transaction is open, and tells all who wait for it.
    fn commit(&mut self) -> Result<()> {
        self.undo();
        let Some(batch) = self.batch.take() else { return Ok(()) };
        let kept = self.run("COMMIT");
        if kept.is_err() {
            let _ = self.run("ROLLBACK");
        }
        let _ = batch.set(kept.is_ok());
        kept.map_err(fault)
    }

    /// Undoes what somebody wrote who then left.
    fn undo(&mut self) {
        if self.dirty {
            // It fails when the savepoint is gone with its transaction: then nothing is to be undone.
            let _ = self.run("ROLLBACK TO mine");
            let _ = self.run("RELEASE mine");
            self.dirty = false;
        }
    }

    fn run(&self, sql: &'static str) -> rusqlite::Result<()> {
        statement::execute(&self.connection, sql, &[]).map(drop)
    }
}

/// The place at the desk. Leaving it (dropping this) puts the desk in order.
pub(super) struct Seat(OwnedMutexGuard<Desk>);

impl Seat {
    pub(super) async fn take(desk: &Arc<Mutex<Desk>>) -> Self {
        Self(desk.clone().lock_owned().await)
    }

    /// As [`Seat::take`], for no longer than the deadline allows.
    pub(super) async fn take_before(deadline: &mut Deadline, desk: &Arc<Mutex<Desk>>) -> Result<Self> {
        match Self::if_free(desk) {
            Some(seat) => Ok(seat),
            None => deadline.wait(Self::take(desk)).await,
        }
    }

    /// As [`Seat::take`], on a thread that may be held up.
    pub(super) fn wait(desk: &Arc<Mutex<Desk>>) -> Self {
        Self(desk.clone().blocking_lock_owned())
    }

    /// The place, if nobody sits there.
    pub(super) fn if_free(desk: &Arc<Mutex<Desk>>) -> Option<Self> {
        desk.clone().try_lock_owned().ok().map(Self)
    }

    /// Ends all writing.
    pub(super) async fn close(mut self) {
        self.settle().await;
        let _ = self.commit();
        let (checkpoints, writer) = (self.checkpoints.take(), self.writer.take());
        // The thread that folds the log may be waiting for this place, and is waited for below. Nobody can write any more.
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

impl Deref for Seat {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.0
    }
}

impl DerefMut for Seat {
    fn deref_mut(&mut self) -> &mut Desk {
        &mut self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.left();
    }
}
