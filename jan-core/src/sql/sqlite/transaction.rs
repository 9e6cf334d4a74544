//! A transaction of SQLite. It holds the writer slot from its beginning to its end.
//!
//! Where a commit waits for the disk, several writers share one commit (group commit). Each writer works inside a
//! savepoint of one open transaction, then releases the slot to the next in the queue, and queues for the slot again
//! in order to commit. The first writer to get it back commits for all that wrote in between. So a single writer
//! commits at once, and many simultaneous writers need only one wait for the disk.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::deadline::Deadline;
use super::slot::{GroupCommit, SlotGuard, Writer, WriterSlot};
use super::statement::{execute, fault, rows};
use crate::sql::{Durability, Row, Value};
use crate::{Error, Result};

pub(in crate::sql) struct SqliteTx {
    slot: Arc<Mutex<WriterSlot>>,
    guard: SlotGuard,
    durability: Durability,
    bulk: bool,
}

impl SqliteTx {
    pub(super) async fn begin(
        slot: Arc<Mutex<WriterSlot>>,
        durability: Durability,
        bulk: bool,
    ) -> Result<Self> {
        let mut deadline = Deadline::default();
        let mut guard = SlotGuard::lock_before(&mut deadline, &slot).await?;
        guard.begin(&mut deadline).await?;
        Ok(Self { slot, guard, durability, bulk })
    }

    pub(in crate::sql) async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        self.run(sql, values, execute).await
    }

    pub(in crate::sql) async fn all(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        self.run(sql, values, rows).await
    }

    pub(in crate::sql) async fn script(&mut self, sql: &'static str) -> Result<()> {
        let work = move |writer: &mut Writer| writer.connection.execute_batch(sql).map_err(fault);
        self.guard.run_blocking(work).await
    }

    async fn run<T: Send + 'static>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        statement: fn(&rusqlite::Connection, &str, &[Value]) -> rusqlite::Result<T>,
    ) -> Result<T> {
        if !self.bulk {
            return statement(&self.guard.writer()?.connection, sql, values).map_err(fault);
        }
        let values = values.to_vec();
        self.guard
            .run_blocking(move |writer| statement(&writer.connection, sql, &values).map_err(fault))
            .await
    }

    pub(in crate::sql) async fn commit(self) -> Result<()> {
        let Self { slot, mut guard, durability, bulk } = self;
        let writer = guard.writer()?;
        writer.release_savepoint()?;
        if durability == Durability::Process && !bulk {
            return guard.commit();
        }
        let group = writer.group.clone().ok_or_else(|| Error::internal("no open transaction"))?;
        // The outcome is cloned before the slot is released, because a release commits a transaction whose outcome has
        // no clone.
        let pending = PendingCommit { slot, group: Some(group) };
        drop(guard);
        pending.wait().await
    }
}

/// A writer that released the slot and waits until its writes are committed.
struct PendingCommit {
    slot: Arc<Mutex<WriterSlot>>,
    /// `None` once the outcome is known, or this is dropped.
    group: Option<Arc<GroupCommit>>,
}

impl PendingCommit {
    /// Waits for the slot and then commits, unless another writer has committed for us meanwhile. This wait has no
    /// deadline, because after one we could not say whether our writes are committed. It does not wait for another
    /// process either: while the transaction is open, it holds the lock on the file.
    async fn wait(mut self) -> Result<()> {
        let mut guard = SlotGuard::lock(&self.slot).await;
        // Another writer's commit may still run on a blocking thread if that writer was dropped. Its outcome counts
        // for us too.
        guard.reclaim().await;
        let Some(group) = self.group.take() else { return Ok(()) };
        if group.get().is_none() {
            guard.commit_blocking().await?;
        }
        match group.get() {
            Some(true) => Ok(()),
            _ => Err(Error::internal("the commit that this write waited for failed")),
        }
    }
}

impl Drop for PendingCommit {
    /// Dropped while it waits. If no other writer of the transaction remains, releasing the slot commits it. If a task
    /// holds the slot now, that task's release does so, because it finds that this clone is gone.
    fn drop(&mut self) {
        if self.group.take().is_some() {
            drop(SlotGuard::try_lock(&self.slot));
        }
    }
}
