//! Binds values to statements, reads rows, and converts SQLite's errors.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{Null, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, ffi};

use crate::sql::value::Found;
use crate::sql::{Row, Value};
use crate::{Error, ErrorKind, Result};

/// The `Retry-After` of a request that found the database locked. It has waited already.
const COME_BACK: Duration = Duration::from_secs(1);

/// A row, whose columns are read by name.
pub(in crate::sql) struct Cells {
    columns: Arc<[Box<str>]>,
    cells: Vec<Value>,
}

impl Cells {
    /// The column with this name.
    pub(in crate::sql) fn get(&self, column: &str) -> Result<&Value> {
        let at = self.columns.iter().position(|name| &**name == column);
        at.and_then(|at| self.cells.get(at)).ok_or_else(|| no_column(column))
    }

    /// The same, to be changed.
    pub(in crate::sql) fn get_mut(&mut self, column: &str) -> Result<&mut Value> {
        let at = self.columns.iter().position(|name| &**name == column);
        at.and_then(|at| self.cells.get_mut(at)).ok_or_else(|| no_column(column))
    }
}

fn no_column(name: &str) -> Error {
    Error::internal(format!("no column {name}"))
}

/// Executes a statement and returns the number of rows that it touched.
pub(super) fn execute(connection: &Connection, sql: &str, values: &[Value]) -> rusqlite::Result<u64> {
    let touched = prepare(connection, sql, values)?.raw_execute()?;
    Ok(u64::try_from(touched).unwrap_or(u64::MAX))
}

/// Every row that a statement finds or returns.
pub(super) fn rows(connection: &Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = prepare(connection, sql, values)?;
    let mut found = statement.raw_query();
    let mut columns: Option<Arc<[Box<str>]>> = None;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        // The columns are read at the first row, because a cached statement may have been prepared before its table
        // got another column.
        let columns = columns
            .get_or_insert_with(|| row.as_ref().column_names().into_iter().map(Into::into).collect())
            .clone();
        let cells =
            (0..columns.len()).map(|at| cell(at, row.get_ref(at)?)).collect::<rusqlite::Result<_>>()?;
        rows.push(Row(Found::Sqlite(Cells { columns, cells })));
    }
    Ok(rows)
}

fn cell(at: usize, value: ValueRef<'_>) -> rusqlite::Result<Value> {
    match value {
        ValueRef::Null => Ok(Value::Text(None)),
        ValueRef::Integer(number) => Ok(number.into()),
        ValueRef::Text(_) => Ok(value.as_str()?.into()),
        ValueRef::Real(_) | ValueRef::Blob(_) => {
            let kind = value.data_type();
            Err(rusqlite::Error::InvalidColumnType(at, "neither text nor a whole number".to_owned(), kind))
        }
    }
}

/// Binds the values. SQLite treats `$1` as a name and numbers names in the order of their first use; so each parameter
/// is bound by the number in its name.
fn prepare<'c>(
    connection: &'c Connection,
    sql: &str,
    values: &[Value],
) -> rusqlite::Result<CachedStatement<'c>> {
    let mut statement = connection.prepare_cached(sql)?;
    for at in 1..=statement.parameter_count() {
        let name = statement.parameter_name(at).and_then(|name| name.strip_prefix('$'));
        let value = name
            .and_then(|name| name.parse::<usize>().ok())
            .and_then(|number| values.get(number.checked_sub(1)?))
            .ok_or(rusqlite::Error::InvalidParameterCount(values.len(), at))?;
        match value {
            Value::Text(Some(text)) => statement.raw_bind_parameter(at, text)?,
            Value::Int(Some(number)) => statement.raw_bind_parameter(at, number)?,
            Value::Text(None) | Value::Int(None) => statement.raw_bind_parameter(at, Null)?,
        }
    }
    Ok(statement)
}

/// Converts an error: the caller gets no details of the database, the log gets all of them.
pub(super) fn fault(error: rusqlite::Error) -> Error {
    let unavailable = |message| Error::unavailable(message).with_code("database_unavailable");
    let extended = error.sqlite_error().map(|error| error.extended_code);
    match error.sqlite_error_code() {
        _ if matches!(extended, Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY)) => {
            Error::new(ErrorKind::Conflict, "It is there already.").because(error)
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => busy().because(error),
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::DiskFull) => {
            unavailable("The database cannot be reached.").because(error)
        }
        _ => Error::internal(error),
    }
}

/// The error when others have locked the database for longer than a request waits.
pub(super) fn busy() -> Error {
    let message = "The database is busy: others have been writing to it for too long.";
    Error::unavailable(message).with_code("database_unavailable").with_retry_after(COME_BACK)
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// The error of a request to a closed database.
pub(super) fn closed() -> Error {
    Error::unavailable("The database is closed.").with_code("database_unavailable")
}
