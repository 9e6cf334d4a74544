//! Routing: which handler answers which request.

mod find;
mod row;
mod table;

pub(crate) use find::{Lookup, find};
pub(crate) use row::{Handler, Repeat};
#[cfg(feature = "openapi")]
pub(crate) use {row::Row, table::TABLE};
