//! All that somebody has here, taken along, given back, or taken away: every conversation with its items and branches,
//! every record (projects, shares, settings, usage and whatever else is kept as one), and what the public sees of their
//! shares.
//!
//! An export is lines of JSON. The first says whose it is, the last that nothing is missing; between them stand records,
//! media, each picture or file followed by its bytes, and conversations, each followed by its items. It is written while others write: what is made or changed
//! meanwhile may or may not be in it.

mod export;
mod import;
mod line;
mod media;

use std::sync::Arc;

use jan_core::media::MediaArchive;
use jan_core::page::{Order, PageRequest};
use jan_core::{Error, Result, UserId};

pub use import::{Import, Imported};

use self::media::Media;
use crate::shares;
use crate::store::Store;

/// Public shares may be large: few are read at a time.
const FEW: u32 = 4;

/// What people may do with all that is theirs. Cheap to clone.
#[derive(Clone)]
pub struct Account {
    store: Store,
    media: Media,
}

impl Account {
    /// The accounts in `store`. What becomes of their media says [`Account::media`] or [`Account::without_media`]: else the
    /// export of somebody who has any fails.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), media: Media::Unknown }
    }

    /// Takes pictures and files along, with their bytes and ids.
    #[must_use]
    pub fn media(mut self, archive: Arc<dyn MediaArchive>) -> Self {
        self.media = Media::Along(archive);
        self
    }

    /// Leaves pictures and files where they are.
    #[must_use]
    pub fn without_media(mut self) -> Self {
        self.media = Media::Left;
        self
    }

    /// Everything of an owner as lines of JSON, read page by page.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when the house itself is meant; the stream's last item when a store fails.
    pub fn export(&self, owner: &UserId) -> Result<jan_core::BoxStream<Result<String>>> {
        a_persons(owner)?;
        Ok(export::lines(&self.store, &self.media, owner))
    }

    /// Begins to give back what was exported; `owner` gets it, whoever had it.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when the house itself is meant.
    pub fn import(&self, owner: &UserId) -> Result<Import> {
        a_persons(owner)?;
        Ok(Import::new(self.store.clone(), self.media.clone(), owner.clone()))
    }

    /// Takes everything of an owner away for good, links to their shares included. When it fails half way, it can be
    /// called again.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when the house itself is meant; the store's.
    pub async fn delete(&self, owner: &UserId) -> Result<()> {
        a_persons(owner)?;
        // First what could be shared: a share that is made at the same time finds nothing and takes itself back.
        self.store.archive.delete_owner(owner).await?;
        let (house, few) = (shares::house(), few());
        loop {
            let public = self.store.records.list(&house, shares::PUBLIC, Some(owner.as_str()), &few).await?;
            for share in &public.items {
                self.store.records.delete(&house, shares::PUBLIC, &share.id).await?;
            }
            if !public.has_more {
                break;
            }
        }
        self.store.records.delete_owner(owner).await.map(drop)
    }
}

/// What the house keeps for itself is no account.
fn a_persons(owner: &UserId) -> Result<()> {
    if owner.is_system() || owner.as_str().is_empty() {
        return Err(Error::invalid("user", format!("`{owner}` is no user.")));
    }
    Ok(())
}

fn few() -> PageRequest {
    PageRequest { limit: FEW, after: None, order: Order::Asc }
}

#[cfg(test)]
mod tests;
