//! A transaction: it has the writer slot from its beginning to its end.
//!
//! Where a commit waits for the disk, writers share commits (group commit). Each writes inside a savepoint of one open
//! transaction, leaves the slot to the next in line and queues for it again to commit; whoever gets there first commits for
//! all who wrote in between. Alone, a writer commits at once; in a crowd, one wait for the disk serves everybody.

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
        // The clone is made before the slot is released: the release commits a group that nobody waits for.
        let pending = PendingCommit { slot, group: Some(group) };
        drop(guard);
        pending.wait().await
    }
}

/// A writer that left the slot, and waits until what it wrote is committed.
struct PendingCommit {
    slot: Arc<Mutex<WriterSlot>>,
    /// `None` once the outcome is known, or this is dropped.
    group: Option<Arc<GroupCommit>>,
}

impl PendingCommit {
    /// Whoever queued before us writes now; then it is our turn again, unless one of them committed for us. This has no
    /// deadline, because we could not say whether what we wrote is kept; nor does it wait for another process: while a
    /// group is open, its transaction holds the file.
    async fn wait(mut self) -> Result<()> {
        let mut guard = SlotGuard::lock(&self.slot).await;
        // A commit that another began may still run on a blocking thread, if that one was dropped: its outcome counts.
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
    /// Dropped while it waits: if nobody else of the group is left, releasing the slot commits it. If somebody has the slot,
    /// that one releases it later, and finds this clone gone.
    fn drop(&mut self) {
        if self.group.take().is_some() {
            drop(SlotGuard::try_lock(&self.slot));
        }
    }
}
