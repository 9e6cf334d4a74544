//! A transaction: sole holder of the connection that writes.
//!
//! Where a commit waits for the disk, writers share commits. Each writes inside a savepoint of one open transaction, leaves
//! the desk to the next in line and queues again to commit; whoever gets there first commits for all who wrote in
//! between. Alone, a writer commits at once; in a crowd, one wait for the disk serves everybody.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::deadline::Deadline;
use super::desk::{Batch, Desk, Seat, Writer};
use super::statement::{execute, fault, rows};
use crate::sql::{Durability, Row, Value};
use crate::{Error, Result};

pub(in crate::sql) struct Writing {
    all: Arc<Mutex<Desk>>,
    seat: Seat,
    durability: Durability,
    bulk: bool,
}

impl Writing {
    pub(super) async fn begin(all: Arc<Mutex<Desk>>, durability: Durability, bulk: bool) -> Result<Self> {
        let mut deadline = Deadline::default();
        let mut seat = Seat::take_before(&mut deadline, &all).await?;
        seat.begin(&mut deadline).await?;
        Ok(Self { all, seat, durability, bulk })
    }

    pub(in crate::sql) async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        self.run(sql, values, execute).await
    }

    pub(in crate::sql) async fn all(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        self.run(sql, values, rows).await
    }

    pub(in crate::sql) async fn script(&mut self, sql: &'static str) -> Result<()> {
        let work = move |writer: &mut Writer| writer.connection.execute_batch(sql).map_err(fault);
        self.seat.elsewhere(work).await
    }

    async fn run<T: Send + 'static>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        statement: fn(&rusqlite::Connection, &str, &[Value]) -> rusqlite::Result<T>,
    ) -> Result<T> {
        if !self.bulk {
            return statement(&self.seat.writer()?.connection, sql, values).map_err(fault);
        }
        let values = values.to_vec();
        self.seat.elsewhere(move |writer| statement(&writer.connection, sql, &values).map_err(fault)).await
    }

    pub(in crate::sql) async fn commit(self) -> Result<()> {
        let Self { all, mut seat, durability, bulk } = self;
        let writer = seat.writer()?;
        writer.release()?;
        if durability == Durability::Process && !bulk {
            return seat.commit();
        }
        let batch = writer.batch.clone().ok_or_else(|| Error::internal("no open transaction"))?;
        drop(seat);
        Waiting { all, batch: Some(batch) }.until_kept().await
    }
}

/// Somebody who wrote, and waits until it is kept.
struct Waiting {
    all: Arc<Mutex<Desk>>,
    batch: Option<Arc<Batch>>,
}

impl Waiting {
    /// Whoever queued before us writes now; then it is our turn again, unless one of them committed for us. This has no
    /// deadline, because we could not say whether what we wrote is kept; nor does it wait for another process: while a
    /// batch is open, its transaction holds the file.
    async fn until_kept(mut self) -> Result<()> {
        let mut seat = Seat::take(&self.all).await;
        seat.settle().await;
        let Some(batch) = self.batch.take() else { return Ok(()) };
        if batch.get().is_none() {
            seat.commit_elsewhere().await?;
        }
        match batch.get() {
            Some(true) => Ok(()),
            _ => Err(Error::internal("the commit that this write waited for failed")),
        }
    }
}

impl Drop for Waiting {
    /// One who leaves the queue: if nobody is left to commit, it is done now.
    fn drop(&mut self) {
        if self.batch.take().is_some() {
            drop(Seat::if_free(&self.all));
        }
    }
}
