//! Postgres through a pool of connections. The server itself lets simultaneous commits share one wait for the disk.
//! sqlx's pool opens and closes connections in its own tasks on tokio.

use std::future::Future;
use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Executor as _, Transaction};

use super::value::Found;
use super::{Durability, Row, Value};
use crate::{Error, ErrorKind, Result};

/// The largest number of open connections, if the server allows as many.
const CONNECTIONS: u32 = 20;
/// How long a request waits for a connection.
const WAIT: Duration = Duration::from_secs(5);
/// The pause before a request tries again to get a connection that others have returned, see [`patiently`].
const ATTEMPT: Duration = Duration::from_millis(2500);
/// How long a statement waits for a lock of another process. Without a limit, a few waiting statements would use up
/// all connections.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '5s'";
/// Postgres' error code for a lock wait that was too long: `lock_not_available`.
const LOCKED: &str = "55P03";
/// The `Retry-After` of a request that got no connection.
const COME_BACK: Duration = Duration::from_secs(1);
/// Selects the number of connections that this role may open to this database. A limit that does not exist is NULL,
/// which LEAST ignores; the limits of role and database do not apply to superusers. A setting that this server version
/// does not have counts as 0.
const ALLOWED: &str = "SELECT LEAST(
    CASE WHEN NOT r.rolsuper AND r.rolconnlimit >= 0 THEN r.rolconnlimit END,
    CASE WHEN NOT r.rolsuper AND d.datconnlimit >= 0 THEN d.datconnlimit END,
    current_setting('max_connections')::int
        - CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int
            + COALESCE(current_setting('reserved_connections', true), '0')::int END
)::int8 AS allowed FROM pg_roles r, pg_database d WHERE r.rolname = session_user AND d.datname = current_database()";
/// Postgres' error code for a character that it cannot store: `character_not_in_repertoire`.
const UNKEEPABLE_TEXT: &str = "22021";

pub(super) struct Postgres {
    pool: PgPool,
}

impl Postgres {
    pub(super) async fn open(url: &str, durability: Durability) -> Result<Self> {
        // The library's error message may contain the password.
        let invalid =
            |_| Error::invalid("database.url", "`database.url` must be `postgres://USER@HOST/NAME`.");
        let mut options = PgConnectOptions::from_str(url).map_err(invalid)?.application_name("jan-server");
        if durability == Durability::Full {
            // Set explicitly, because the server's default may differ.
            options = options.options([("synchronous_commit", "on")]);
        }
        let host = options.get_host().to_owned();
        let pool = |most| {
            let options = PgPoolOptions::new().max_connections(most).acquire_timeout(WAIT);
            // Sent as a statement after connecting and not as a connection parameter, because connection poolers
            // refuse such parameters.
            options.after_connect(|connection, _| {
                Box::pin(async move { sqlx::Executor::execute(connection, LOCK_TIMEOUT).await.map(drop) })
            })
        };
        let first = pool(1).connect_with(options.clone()).await.map_err(|error| {
            Error::unavailable(format!("The database at {host} cannot be reached: {error}."))
                .with_code("database_unavailable")
                .because(error)
        })?;
        let most = allowed(&first).await;
        first.close().await;
        Ok(Self { pool: pool(most).connect_lazy_with(options) })
    }

    pub(super) async fn all(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        let mut connection = patiently(&self.pool, || self.pool.acquire()).await?;
        rows(&mut *connection, sql, values).await.map_err(fault)
    }

    pub(super) async fn begin(&self) -> Result<PostgresTx> {
        Ok(PostgresTx(patiently(&self.pool, || self.pool.begin()).await?))
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction on a connection of its own.
pub(super) struct PostgresTx(Transaction<'static, sqlx::Postgres>);

impl PostgresTx {
    pub(super) async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        if finds_nothing(sql, values) {
            return Ok(0);
        }
        let query = sqlx::query_with(sql, arguments(values));
        Ok(query.execute(&mut *self.0).await.map_err(fault)?.rows_affected())
    }

    pub(super) async fn all(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        rows(&mut *self.0, sql, values).await.map_err(fault)
    }

    pub(super) async fn script(&mut self, sql: &'static str) -> Result<()> {
        self.0.execute(sqlx::raw_sql(sql)).await.map(drop).map_err(fault)
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.0.commit().await.map_err(fault)
    }
}

/// The number of connections that the pool may open. It must not exceed what the server allows: a task whose new
/// connection is refused keeps trying, and does not get connections that others return meanwhile. A server that only
/// resembles PostgreSQL may not support the query; then the number is [`CONNECTIONS`].
async fn allowed(pool: &PgPool) -> u32 {
    let asked: sqlx::Result<Option<i64>> = sqlx::query_scalar(ALLOWED).fetch_one(pool).await;
    if let Err(error) = &asked {
        tracing::debug!(%error, "the database does not say how many connections it allows");
    }
    let allowed = asked.ok().flatten().and_then(|allowed| u32::try_from(allowed).ok());
    let most = allowed.map_or(CONNECTIONS, |allowed| allowed.clamp(1, CONNECTIONS));
    if most < CONNECTIONS {
        tracing::info!(connections = most, "The database allows few connections; requests wait for them.");
    }
    most
}

/// Waits for a connection until [`WAIT`] is over. While the pool is full, a waiting task keeps its position in the
/// pool's queue. While the pool is not full, sqlx may try to open a connection that the server refuses, because other
/// programs use up its limit; a task that waits for that does not get a returned connection. So the wait is then
/// restarted from time to time.
async fn patiently<T, F>(pool: &PgPool, ask: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = sqlx::Result<T>>,
{
    let begun = Instant::now();
    loop {
        let is_full = pool.size() >= pool.options().get_max_connections();
        let asked = if is_full { ask().await } else { in_time(ask()).await };
        match asked {
            Err(sqlx::Error::PoolTimedOut) if begun.elapsed() < WAIT => {}
            asked => return asked.map_err(fault),
        }
    }
}

async fn in_time<T>(asked: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(ATTEMPT, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Postgres cannot store text with a NUL character and refuses any statement with one. A search for such a text finds
/// nothing; only a statement that would store one is an error.
fn finds_nothing(sql: &str, values: &[Value]) -> bool {
    let has_nul = |value: &Value| matches!(value, Value::Text(Some(text)) if text.contains('\0'));
    values.iter().any(has_nul) && !sql.trim_start().starts_with("INSERT")
}

async fn rows<'c, E>(executor: E, sql: &'static str, values: &[Value]) -> sqlx::Result<Vec<Row>>
where
    E: sqlx::Executor<'c, Database = sqlx::Postgres>,
{
    if finds_nothing(sql, values) {
        return Ok(Vec::new());
    }
    let found = sqlx::query_with(sql, arguments(values)).fetch_all(executor).await?;
    Ok(found.into_iter().map(|row| Row(Found::Postgres(row))).collect())
}

fn arguments(values: &[Value]) -> PgArguments {
    use sqlx::Arguments as _;
    let mut arguments = PgArguments::default();
    for value in values {
        // Text and numbers can always be bound.
        let _ = match value {
            Value::Text(text) => arguments.add(text.clone()),
            Value::Int(number) => arguments.add(*number),
        };
    }
    arguments
}

/// Converts an error: the caller gets no details of the database, the log gets all of them.
fn fault(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
            let unreachable = Error::unavailable("The database cannot be reached.");
            unreachable.with_code("database_unavailable").with_retry_after(COME_BACK).because(error)
        }
        sqlx::Error::Database(refused) if refused.code().as_deref() == Some(LOCKED) => {
            let busy = Error::unavailable("The database is busy: something else has been writing to it.");
            busy.with_code("database_busy").with_retry_after(COME_BACK).because(error)
        }
        sqlx::Error::Database(refused) if refused.is_unique_violation() => {
            Error::new(ErrorKind::Conflict, "It is there already.").because(error)
        }
        sqlx::Error::Database(refused) if refused.code().as_deref() == Some(UNKEEPABLE_TEXT) => {
            Error::new(ErrorKind::Invalid, "A text must not hold a NUL character.").because(error)
        }
        _ => Error::internal(error),
    }
}
