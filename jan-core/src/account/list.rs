//! The list of all parts that store data of users, and the operations over all of them.

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
/// The version of the export format that is written now.
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

/// All the data of one user: export, import and deletion. Cheap to clone.
#[derive(Clone, Default)]
pub struct Account {
    parts: Vec<Arc<dyn OwnedData>>,
    skipped_kinds: &'static [&'static str],
}

impl Account {
    /// An empty list of parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part. Exports and deletions go through the parts in the order in which they were added.
    #[must_use]
    pub fn part(mut self, part: Arc<dyn OwnedData>) -> Self {
        self.parts.push(part);
        self
    }

    /// Makes imports skip entries of these kinds, whose part is not on the list.
    #[must_use]
    pub fn skip_kinds(mut self, kinds: &'static [&'static str]) -> Self {
        self.skipped_kinds = kinds;
        self
    }

    /// The parts, in their order.
    pub fn parts(&self) -> &[Arc<dyn OwnedData>] {
        &self.parts
    }

    /// All data of an owner as lines of JSON, read page by page.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when `owner` is not a user; an item of the stream when a store fails, which is
    /// then the last one.
    pub fn export(&self, owner: &UserId) -> Result<BoxStream<Result<String>>> {
        check_user(owner)?;
        let head = Entry::new(FIRST, &Head { format: FORMAT, user: owner.as_str().to_owned() })?;
        let end = Entry::new(LAST, &End {})?;
        let parts: Vec<_> = self.parts.iter().map(|part| part.export(owner)).collect();
        let entries = one(head).chain(stream::iter(parts).flatten()).chain(one(end));
        Ok(entries.map(|entry| entry.map(|entry| entry.to_line())).boxed())
    }

    /// Starts an import of exported data. `owner` becomes its owner, whoever exported it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when `owner` is not a user.
    pub fn import(&self, owner: &UserId) -> Result<Import> {
        check_user(owner)?;
        let parts = self.parts.iter().map(|part| (part.kinds(), part.import(owner))).collect();
        Ok(Import::new(parts, self.skipped_kinds))
    }

    /// Deletes all data of an owner for good. If it fails, it can be called again.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when `owner` is not a user; the store's errors.
    pub async fn erase(&self, owner: &UserId) -> Result<()> {
        check_user(owner)?;
        for part in &self.parts {
            part.erase(owner).await?;
        }
        Ok(())
    }
}

/// Media is in use when the data of any part refers to it.
#[async_trait]
impl MediaUse for Account {
    async fn in_use(&self, owner: &UserId, ids: &[String]) -> Result<HashSet<String>> {
        let (mut used, mut unused) = (HashSet::new(), ids.to_vec());
        for part in &self.parts {
            if unused.is_empty() {
                break;
            }
            used.extend(part.media_in_use(owner, &unused).await?);
            unused.retain(|id| !used.contains(id));
        }
        Ok(used)
    }
}

fn one(entry: Entry) -> BoxStream<Result<Entry>> {
    stream::once(std::future::ready(Ok(entry))).boxed()
}

/// The server's own data does not belong to a user's account.
fn check_user(owner: &UserId) -> Result<()> {
    if owner.is_system() || owner.as_str().is_empty() {
        return Err(Error::invalid("user", format!("`{owner}` is no user.")));
    }
    Ok(())
}
