//! Postgres: a pool of connections; the server itself makes commits of the same moment share a wait for the disk.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Executor as _, Transaction};

use super::value::Found;
use super::{Durability, Row, Value};
use crate::{Error, ErrorKind, Result};

/// Connections open at once.
const CONNECTIONS: u32 = 20;
/// How long a request waits for one of them.
const WAIT: Duration = Duration::from_secs(5);
/// How Postgres says that it cannot keep a character: `character_not_in_repertoire`.
const UNKEEPABLE_TEXT: &str = "22021";

pub(super) struct Postgres {
    pool: PgPool,
}

impl Postgres {
    pub(super) async fn open(url: &str, durability: Durability) -> Result<Self> {
        // The library's words may hold the password.
        let invalid =
            |_| Error::invalid("database.url", "`database.url` must be `postgres://USER@HOST/NAME`.");
        let mut options = PgConnectOptions::from_str(url).map_err(invalid)?.application_name("jan-server");
        if durability == Durability::Full {
            // Whatever the server's own default is.
            options = options.options([("synchronous_commit", "on")]);
        }
        let host = options.get_host().to_owned();
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(WAIT);
        let pool = pool.connect_with(options).await.map_err(|error| {
            Error::unavailable(format!("The database at {host} cannot be reached: {error}."))
                .code("database_unavailable")
                .because(error)
        })?;
        Ok(Self { pool })
    }

    pub(super) async fn all(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        rows(&self.pool, sql, values).await
    }

    pub(super) async fn begin(&self) -> Result<Writing> {
        Ok(Writing(self.pool.begin().await.map_err(fault)?))
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction on a connection of its own.
pub(super) struct Writing(Transaction<'static, sqlx::Postgres>);

impl Writing {
    pub(super) async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        if finds_nothing(sql, values) {
            return Ok(0);
        }
        let query = sqlx::query_with(sql, arguments(values));
        Ok(query.execute(&mut *self.0).await.map_err(fault)?.rows_affected())
    }

    pub(super) async fn all(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        rows(&mut *self.0, sql, values).await
    }

    pub(super) async fn script(&mut self, sql: &'static str) -> Result<()> {
        self.0.execute(sqlx::raw_sql(sql)).await.map(drop).map_err(fault)
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.0.commit().await.map_err(fault)
    }
}

/// Postgres keeps no text with a NUL character and refuses a statement with one. What is looked for by such a text is not
/// there; only what adds a row with one is a fault.
fn finds_nothing(sql: &str, values: &[Value]) -> bool {
    let has_nul = |value: &Value| matches!(value, Value::Text(Some(text)) if text.contains('\0'));
    values.iter().any(has_nul) && !sql.trim_start().starts_with("INSERT")
}

async fn rows<'c, E>(executor: E, sql: &'static str, values: &[Value]) -> Result<Vec<Row>>
where
    E: sqlx::Executor<'c, Database = sqlx::Postgres>,
{
    if finds_nothing(sql, values) {
        return Ok(Vec::new());
    }
    let found = sqlx::query_with(sql, arguments(values)).fetch_all(executor).await.map_err(fault)?;
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

/// The caller learns nothing of the database, the log gets all of it.
fn fault(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
            Error::unavailable("The database cannot be reached.").code("database_unavailable").because(error)
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
