//! The values that statements take and return: text, whole numbers and NULL. Our tables contain nothing else.

use crate::{Error, Result, UserId};

/// A value to be bound in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, or NULL.
    Text(Option<String>),
    /// A whole number, or NULL.
    Int(Option<i64>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<&Option<String>> for Value {
    fn from(text: &Option<String>) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&UserId> for Value {
    fn from(user: &UserId) -> Self {
        Self::Text(Some(user.as_str().to_owned()))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Int(Some(i64::from(yes)))
    }
}

/// A row that a statement found.
pub struct Row(pub(super) Found);

pub(super) enum Found {
    #[cfg(feature = "sqlite")]
    Sqlite(super::sqlite::Cells),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgRow),
}

impl Row {
    /// A column of text.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when it is NULL, not text, or the row has no such column.
    pub fn text(&self, column: &str) -> Result<String> {
        self.opt_text(column)?.ok_or_else(|| unexpected(column, "NULL"))
    }

    /// A column of text that may be NULL.
    ///
    /// # Errors
    /// As [`Row::text`], but NULL is not an error.
    pub fn opt_text(&self, column: &str) -> Result<Option<String>> {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Found::Sqlite(row) => match row.get(column)? {
                Value::Text(text) => Ok(text.clone()),
                Value::Int(_) => Err(unexpected(column, "a number")),
            },
            #[cfg(feature = "postgres")]
            Found::Postgres(row) => sqlx::Row::try_get(row, column).map_err(Error::internal),
        }
    }

    /// A column of text, taken out of the row: it is not copied, and is NULL from here on.
    ///
    /// # Errors
    /// As [`Row::text`].
    pub fn take_text(&mut self, column: &str) -> Result<String> {
        match &mut self.0 {
            #[cfg(feature = "sqlite")]
            Found::Sqlite(row) => match row.get_mut(column)? {
                Value::Text(text) => text.take().ok_or_else(|| unexpected(column, "NULL")),
                Value::Int(_) => Err(unexpected(column, "a number")),
            },
            #[cfg(feature = "postgres")]
            Found::Postgres(row) => sqlx::Row::try_get(row, column).map_err(Error::internal),
        }
    }

    /// A column of whole numbers.
    ///
    /// # Errors
    /// As [`Row::text`].
    pub fn int(&self, column: &str) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| unexpected(column, "NULL"))
    }

    /// A column of whole numbers that may be NULL.
    ///
    /// # Errors
    /// As [`Row::opt_text`].
    pub fn opt_int(&self, column: &str) -> Result<Option<i64>> {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Found::Sqlite(row) => match row.get(column)? {
                Value::Int(number) => Ok(*number),
                Value::Text(None) => Ok(None),
                Value::Text(Some(_)) => Err(unexpected(column, "text")),
            },
            #[cfg(feature = "postgres")]
            Found::Postgres(row) => sqlx::Row::try_get(row, column).map_err(Error::internal),
        }
    }
}

fn unexpected(column: &str, found: &str) -> Error {
    Error::internal(format!("the column {column} holds {found}"))
}
