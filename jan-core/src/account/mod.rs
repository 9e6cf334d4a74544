//! All the data of one user: export, import, deletion, and the question which media it still refers to. Each part of a
//! server stores data of its own (conversations, media, …) and implements the same few operations ([`OwnedData`]).
//! [`Account`] is the list of the parts and the only code that goes through all of them, so every part on the list is
//! in every export and every deletion.
//!
//! An export consists of lines of JSON. Each line is an object with one member, whose name is the kind of the entry.
//! The first line names the user; the last line shows that nothing is missing. The export does not stop other writers:
//! changes that happen meanwhile may or may not be in it.

mod import;
mod list;
mod pages;

use std::borrow::Cow;
use std::collections::HashSet;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

pub use import::{Import, Imported};
pub use list::Account;
pub use pages::pages;

use crate::media::MediaUse;
use crate::record::Millis;
use crate::{BoxStream, Error, Result, UserId};

/// One part of a server that stores data of users.
#[async_trait]
pub trait OwnedData: Send + Sync + 'static {
    /// The kinds of entries that its exports contain and its imports accept. No two parts share a kind. The first kind
    /// names the part.
    fn kinds(&self) -> &'static [&'static str];

    /// All data of an owner, read page by page. Dropping the stream stops reading.
    fn export(&self, owner: &UserId) -> BoxStream<Result<Entry>>;

    /// Starts an import of exported data. `owner` becomes its owner, whoever exported it.
    fn import(&self, owner: &UserId) -> Box<dyn ImportData>;

    /// Deletes all data of an owner for good. If it fails, it can be called again.
    ///
    /// # Errors
    /// The store's errors.
    async fn erase(&self, owner: &UserId) -> Result<()>;

    /// Which of these media ids the owner's data refers to.
    ///
    /// # Errors
    /// The store's errors.
    async fn media_in_use(&self, owner: &UserId, media: &[String]) -> Result<HashSet<String>>;

    /// Removes for good, for all owners, what was deleted long ago and what has expired: about [`Sweep::limit`] rows.
    /// Returns the number of removed rows; 0 means that nothing remains to be removed.
    ///
    /// # Errors
    /// The store's errors; what was removed before the error stays removed.
    async fn sweep(&self, sweep: &Sweep<'_>) -> Result<u64>;
}

/// What a sweep may remove.
#[derive(Clone, Copy)]
pub struct Sweep<'a> {
    /// The current time. Data that expired before it is removed.
    pub now: Millis,
    /// Data that was deleted before this time is removed.
    pub deleted_before: Millis,
    /// The largest number of rows to remove at once. It limits how long other writers wait.
    pub limit: u32,
    /// Answers which media is still in use. That media stays although it has expired.
    pub media: &'a dyn MediaUse,
}

/// The import of one part's entries. Dropping it keeps what was imported so far.
#[async_trait]
pub trait ImportData: Send {
    /// Imports the next entry, and counts in `done` what was imported with it. Data that exists already stays
    /// unchanged and is recorded as skipped.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `line` for an entry that is invalid or in the wrong place; the store's
    /// errors.
    async fn entry(&mut self, entry: Entry, done: &mut Imported) -> Result<()>;

    /// Ends a run of entries: the next entry belongs to another part, or the import ends.
    ///
    /// # Errors
    /// As [`ImportData::entry`].
    async fn end_run(&mut self, done: &mut Imported) -> Result<()>;
}

/// One line of an export.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The kind of the data: `conversation`, `record`, …
    pub kind: Cow<'static, str>,
    /// The data as JSON.
    pub body: Box<RawValue>,
}

impl Entry {
    /// An entry of this kind with this body.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the body cannot be written as JSON.
    pub fn new(kind: &'static str, body: &(impl Serialize + ?Sized)) -> Result<Self> {
        Ok(Self { kind: kind.into(), body: to_raw_value(body).map_err(Error::internal)? })
    }

    /// The body parsed as `T`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `line` when the body is not a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let wrong = |error| Error::invalid("line", "It is no line of an export.").because(error);
        serde_json::from_str(self.body.get()).map_err(wrong)
    }

    /// The line, without a line break.
    fn to_line(&self) -> String {
        let line = format!(r#"{{"{}":{}}}"#, self.kind, self.body.get());
        // Raw JSON may contain line breaks between its tokens; inside of strings they are always escaped.
        if line.contains('\n') { line.replace('\n', " ") } else { line }
    }
}
