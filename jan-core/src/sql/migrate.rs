//! Numbered steps that bring a database's tables up to date. Each room has its own row of numbers, so that rooms can
//! share one database and none knows of another.

use super::{Backend, Db};
use crate::{Error, Result};

/// One step: what it does to each of the databases.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// 1, 2, 3, …
    pub number: i64,
    /// The SQL for SQLite.
    pub sqlite: &'static str,
    /// The SQL for Postgres.
    pub postgres: &'static str,
}

/// Two servers that start at once do not both migrate: the second waits here, for as long as it takes (the number is ours and
/// means nothing).
const LOCK: &str = "SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(7233310042)";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    room TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (room, number)
)";

impl Db {
    /// Runs the steps of `room` that this database has not seen, all or none of them.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when a step fails, or the database was migrated by a later version than this.
    pub async fn migrate(&self, room: &str, steps: &[Migration]) -> Result<()> {
        let mut tx = self.begin().await?;
        if self.backend() == Backend::Postgres {
            tx.script(LOCK).await?;
        }
        tx.script(TABLE).await?;
        let row = tx
            .one(
                "SELECT COALESCE(MAX(number), 0) AS latest FROM schema_migration WHERE room = $1",
                &[room.into()],
            )
            .await?;
        let latest = row.map_or(Ok(0), |row| row.int("latest"))?;
        let known = steps.iter().map(|step| step.number).max().unwrap_or(0);
        if latest > known {
            let message = format!(
                "The database is at step {latest} of `{room}`, this version knows {known}. Start the newer version."
            );
            return Err(Error::unavailable(message).code("database_too_new"));
        }
        for step in steps.iter().filter(|step| step.number > latest) {
            tx.script(match self.backend() {
                Backend::Sqlite => step.sqlite,
                Backend::Postgres => step.postgres,
            })
            .await?;
            let done = [room.into(), step.number.into()];
            tx.execute("INSERT INTO schema_migration (room, number) VALUES ($1, $2)", &done).await?;
        }
        tx.commit().await
    }
}
