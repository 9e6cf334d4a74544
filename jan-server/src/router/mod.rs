//! Which handler answers which request.

mod find;
mod row;
mod table;

pub(crate) use find::{Found, find};
pub(crate) use row::{Handler, Repeat, Row};
pub(crate) use table::TABLE;
