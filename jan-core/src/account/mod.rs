//! All that somebody has here: taken along, given back, taken away for good; and what of it still shows a picture or a
//! file. Each part of a server keeps something of its own (conversations, media, …) and says of it the same few things
//! ([`OwnedData`]); [`Account`] is the list of the parts, and the one place that goes through them. A part that is on the
//! list is in every export and every deletion.
//!
//! An export is lines of JSON, each an object with one member, which names what the line holds. The first line says whose
//! export it is, the last that nothing is missing. It is written while others write: what is made or changed meanwhile may
//! or may not be in it.

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

/// What one part of a server keeps of each owner.
#[async_trait]
pub trait OwnedData: Send + Sync + 'static {
    /// The kinds of entries that its exports hold and its imports take. No two parts share one. The first names the part.
    fn kinds(&self) -> &'static [&'static str];

    /// Everything of an owner, read page by page. Dropping the stream stops reading.
    fn export(&self, owner: &UserId) -> BoxStream<Result<Entry>>;

    /// Begins to give back what was exported; `owner` gets it, whoever had it.
    fn import(&self, owner: &UserId) -> Box<dyn ImportData>;

    /// Takes everything of an owner away for good. When it fails half way, it can be called again.
    ///
    /// # Errors
    /// The store's.
    async fn erase(&self, owner: &UserId) -> Result<()>;

    /// Which of these media ids something of the owner's shows.
    ///
    /// # Errors
    /// The store's.
    async fn shows(&self, owner: &UserId, media: &[String]) -> Result<HashSet<String>>;

    /// Takes away for good, of all owners, what was deleted long ago and what has expired: about [`Sweep::limit`] things.
    /// Says how many it were; 0 when nothing is left to do.
    ///
    /// # Errors
    /// The store's; what was taken away before is gone.
    async fn sweep(&self, sweep: &Sweep<'_>) -> Result<u64>;
}

/// What a sweep may take away.
#[derive(Clone, Copy)]
pub struct Sweep<'a> {
    /// What expired before this moment.
    pub now: Millis,
    /// What was deleted before this moment.
    pub deleted_before: Millis,
    /// How much at once, so that other writers wait no longer than for that.
    pub limit: u32,
    /// Which media is still shown, and stays although its time is over.
    pub media: &'a dyn MediaUse,
}

/// One import of one part's entries. Dropping it keeps what it has kept.
#[async_trait]
pub trait ImportData: Send {
    /// Takes the next entry, and counts in `done` what is kept with it. What is there already stays as it is and is named as
    /// skipped.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `line` for an entry that is wrong or stands in the wrong place; the store's.
    async fn entry(&mut self, entry: Entry, done: &mut Imported) -> Result<()>;

    /// Ends a run of entries: what follows is another part's, or nothing.
    ///
    /// # Errors
    /// As [`ImportData::entry`].
    async fn end_run(&mut self, done: &mut Imported) -> Result<()>;
}

/// One line of an export.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it holds: `conversation`, `record`, …
    pub kind: Cow<'static, str>,
    /// The thing itself.
    pub body: Box<RawValue>,
}

impl Entry {
    /// An entry that holds `body`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the body cannot be written as JSON.
    pub fn new(kind: &'static str, body: &(impl Serialize + ?Sized)) -> Result<Self> {
        Ok(Self { kind: kind.into(), body: to_raw_value(body).map_err(Error::internal)? })
    }

    /// The body as `T`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `line` when it is none.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let wrong = |error| Error::invalid("line", "It is no line of an export.").because(error);
        serde_json::from_str(self.body.get()).map_err(wrong)
    }

    /// The line, without a line break.
    fn to_line(&self) -> String {
        let line = format!(r#"{{"{}":{}}}"#, self.kind, self.body.get());
        // Raw JSON may hold line breaks between its tokens; inside of texts they are always escaped.
        if line.contains('\n') { line.replace('\n', " ") } else { line }
    }
}
