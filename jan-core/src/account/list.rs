//! The parts that keep something of an owner, and what is done with all of them together.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};

use super::import::Import;
use super::{Entry, OwnedData};
use crate::media::MediaUse;
use crate::{BoxStream, Error, Result, UserId};

/// The kind of the first line.
pub(super) const FIRST: &str = "account";
/// The kind of the last line.
pub(super) const LAST: &str = "end";
/// The form of exports that are written now.
pub(super) const FORMAT: u32 = 2;

/// The first line.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) format: u32,
    user: String,
}

/// The last line.
#[derive(Serialize, Deserialize)]
struct End {}

/// What people may do with all that is theirs. Cheap to clone.
#[derive(Clone, Default)]
pub struct Account {
    parts: Vec<Arc<dyn OwnedData>>,
    left_out: &'static [&'static str],
}

impl Account {
    /// Nothing is kept yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part. Exports and deletions go through the parts in the order in which they were added.
    #[must_use]
    pub fn part(mut self, part: Arc<dyn OwnedData>) -> Self {
        self.parts.push(part);
        self
    }

    /// Passes over entries of these kinds in imports, whose part is not on the list.
    #[must_use]
    pub fn leave_out(mut self, kinds: &'static [&'static str]) -> Self {
        self.left_out = kinds;
        self
    }

    /// The parts, in their order.
    pub fn parts(&self) -> &[Arc<dyn OwnedData>] {
        &self.parts
    }

    /// Everything of an owner as lines of JSON, read page by page.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when `owner` is no person; the stream's last item when a store fails.
    pub fn export(&self, owner: &UserId) -> Result<BoxStream<Result<String>>> {
        check_person(owner)?;
        let head = Entry::new(FIRST, &Head { format: FORMAT, user: owner.as_str().to_owned() })?;
        let end = Entry::new(LAST, &End {})?;
        let parts: Vec<_> = self.parts.iter().map(|part| part.export(owner)).collect();
        let entries = one(head).chain(stream::iter(parts).flatten()).chain(one(end));
        Ok(entries.map(|entry| entry.map(|entry| entry.to_line())).boxed())
    }

    /// Begins to give back what was exported; `owner` gets it, whoever had it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when `owner` is no person.
    pub fn import(&self, owner: &UserId) -> Result<Import> {
        check_person(owner)?;
        let parts = self.parts.iter().map(|part| (part.kinds(), part.import(owner))).collect();
        Ok(Import::new(parts, self.left_out))
    }

    /// Takes everything of an owner away for good. When it fails half way, it can be called again.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when `owner` is no person; the store's.
    pub async fn erase(&self, owner: &UserId) -> Result<()> {
        check_person(owner)?;
        for part in &self.parts {
            part.erase(owner).await?;
        }
        Ok(())
    }
}

/// Media is in use when any part shows it.
#[async_trait]
impl MediaUse for Account {
    async fn in_use(&self, owner: &UserId, ids: &[String]) -> Result<HashSet<String>> {
        let (mut shown, mut open) = (HashSet::new(), ids.to_vec());
        for part in &self.parts {
            if open.is_empty() {
                break;
            }
            shown.extend(part.shows(owner, &open).await?);
            open.retain(|id| !shown.contains(id));
        }
        Ok(shown)
    }
}

fn one(entry: Entry) -> BoxStream<Result<Entry>> {
    stream::once(std::future::ready(Ok(entry))).boxed()
}

/// What the server keeps for itself is no account.
fn check_person(owner: &UserId) -> Result<()> {
    if owner.is_system() || owner.as_str().is_empty() {
        return Err(Error::invalid("user", format!("`{owner}` is no user.")));
    }
    Ok(())
}
