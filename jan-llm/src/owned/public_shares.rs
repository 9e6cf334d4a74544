//! Public shares: what anyone with the link can read. Their records belong to a system user ([`crate::shares`]); the
//! group of each record is the share's owner.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{StreamExt, TryStreamExt};
use jan_core::account::{Entry, ImportData, Imported, OwnedData, Sweep, pages};
use jan_core::page::{Order, PageRequest};
use jan_core::record::{Record, RecordStore};
use jan_core::{BoxStream, Error, Result, UserId};

use super::{MediaSearch, records};
use crate::shares;
use crate::store::Store;

/// How many public shares are read at a time; they may be large.
const PAGE_SIZE: u32 = 4;

/// The public shares of all owners.
pub struct PublicShareData {
    store: Arc<dyn RecordStore>,
}

impl PublicShareData {
    /// The public shares in `store`.
    pub fn new(store: &Store) -> Self {
        Self { store: store.records.clone() }
    }

    fn all(&self, owner: &UserId) -> impl futures_util::Stream<Item = Result<Record>> + Send + use<> {
        let (store, owner) = (self.store.clone(), owner.clone());
        pages(first_page(), move |page| {
            let (store, owner) = (store.clone(), owner.clone());
            async move {
                let group = Some(owner.as_str());
                let found = store.list(&shares::system_owner(), shares::PUBLIC, group, &page).await?;
                let after = found.items.last().map(|last| last.id.clone()).filter(|_| found.has_more);
                let next = after.map(|after| PageRequest { after: Some(after), ..page });
                Ok((found.items, next))
            }
        })
    }
}

fn first_page() -> PageRequest {
    PageRequest { limit: PAGE_SIZE, after: None, order: Order::Asc }
}

#[async_trait]
impl OwnedData for PublicShareData {
    fn kinds(&self) -> &'static [&'static str] {
        &[shares::PUBLIC]
    }

    fn export(&self, owner: &UserId) -> BoxStream<Result<Entry>> {
        let entry = |record| std::future::ready(records::entry(shares::PUBLIC, record));
        self.all(owner).and_then(entry).boxed()
    }

    fn import(&self, owner: &UserId) -> Box<dyn ImportData> {
        Box::new(PublicShareImport { store: self.store.clone(), owner: owner.clone() })
    }

    async fn erase(&self, owner: &UserId) -> Result<()> {
        let (system, group) = (shares::system_owner(), Some(owner.as_str()));
        loop {
            let public = self.store.list(&system, shares::PUBLIC, group, &first_page()).await?;
            for share in &public.items {
                self.store.delete(&system, shares::PUBLIC, &share.id).await?;
            }
            if !public.has_more {
                return Ok(());
            }
        }
    }

    async fn media_in_use(&self, owner: &UserId, media: &[String]) -> Result<HashSet<String>> {
        let mut search = MediaSearch::new(media);
        let records = self.all(owner);
        let mut records = std::pin::pin!(records);
        while let Some(record) = records.try_next().await? {
            search.check(&record.body);
        }
        Ok(search.found)
    }

    /// Does nothing: [`super::RecordData`] sweeps all records, public shares included.
    async fn sweep(&self, _: &Sweep<'_>) -> Result<u64> {
        Ok(0)
    }
}

struct PublicShareImport {
    store: Arc<dyn RecordStore>,
    owner: UserId,
}

#[async_trait]
impl ImportData for PublicShareImport {
    async fn entry(&mut self, entry: Entry, done: &mut Imported) -> Result<()> {
        let record = records::record(&entry)?;
        if record.kind != shares::PUBLIC {
            return Err(Error::invalid("line", "It is no public share."));
        }
        let group = Some(self.owner.as_str().to_owned());
        records::insert(&*self.store, &shares::system_owner(), Record { group, ..record }, done).await
    }

    async fn end_run(&mut self, _: &mut Imported) -> Result<()> {
        Ok(())
    }
}
