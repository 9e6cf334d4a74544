//! Migrations: numbered steps that bring a database's tables up to date. Every crate, and an app's own code, has its
//! own set of steps with its own numbers, so that they share one database and do not depend on each other.

use super::{Backend, Db};
use crate::{Error, Result};

/// One migration step, with its SQL for each kind of database.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The number of the step: 1, 2, 3, …
    pub number: i64,
    /// The SQL for SQLite.
    pub sqlite: &'static str,
    /// The SQL for Postgres.
    pub postgres: &'static str,
}

/// The names of sets that our own crates use or will use.
pub const RESERVED: [&str; 6] = ["llm", "mcp", "media", "record", "response", "server"];

/// A lock for Postgres: when two servers start at the same time, the second waits here until the first has migrated,
/// however long that takes. The number is arbitrary.
const LOCK: &str = "SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(7233310042)";
/// The column `room` contains the name of the set.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    room TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (room, number)
)";

impl Db {
    /// Runs the steps of `set` (a name of your choice) that this database has not run yet, all or none of them. Call
    /// this at every start. Never change a released step; add a new step with the next number instead. Our tables are
    /// `conversation`, `branch`, `item`, `record` and `schema_migration`; your tables need other names.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `set` when it is one of [`RESERVED`]; [`crate::ErrorKind::Internal`] when
    /// a step fails; [`crate::ErrorKind::Unavailable`] with the code `database_too_new` when a later version of the
    /// program has migrated the database.
    pub async fn migrate(&self, set: &str, steps: &[Migration]) -> Result<()> {
        if RESERVED.contains(&set) {
            let message =
                format!("`{set}` is the name of a set of migrations of Jan Server itself. Use another.");
            return Err(Error::invalid("set", message));
        }
        self.migrate_reserved(set, steps).await
    }

    /// As [`Db::migrate`], for the sets of our own crates.
    ///
    /// # Errors
    /// As [`Db::migrate`].
    pub async fn migrate_reserved(&self, set: &str, steps: &[Migration]) -> Result<()> {
        let mut tx = self.begin().await?;
        if self.backend() == Backend::Postgres {
            tx.script(LOCK).await?;
        }
        tx.script(TABLE).await?;
        let row = tx
            .one(
                "SELECT COALESCE(MAX(number), 0) AS latest FROM schema_migration WHERE room = $1",
                &[set.into()],
            )
            .await?;
        let latest = row.map_or(Ok(0), |row| row.int("latest"))?;
        let known = steps.iter().map(|step| step.number).max().unwrap_or(0);
        if latest > known {
            let message = format!(
                "The database is at step {latest} of `{set}`, this version knows {known}. Start the newer version."
            );
            return Err(Error::unavailable(message).with_code("database_too_new"));
        }
        for step in steps.iter().filter(|step| step.number > latest) {
            tx.script(match self.backend() {
                Backend::Sqlite => step.sqlite,
                Backend::Postgres => step.postgres,
            })
            .await?;
            let done = [set.into(), step.number.into()];
            tx.execute("INSERT INTO schema_migration (room, number) VALUES ($1, $2)", &done).await?;
        }
        tx.commit().await
    }
}
