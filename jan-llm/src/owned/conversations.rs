//! Export, import, deletion and sweep of conversations. In an export, each `conversation` entry is followed by its
//! `item` entries, of all branches.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use jan_core::account::{Entry, ImportData, Imported, OwnedData, Sweep, pages};
use jan_core::conversation::{Archived, ConversationArchive, ConversationStore, Filter, PlacedItem};
use jan_core::page::{MAX_LIMIT, Order, PageRequest};
use jan_core::{BoxStream, Error, ErrorKind, Result, UserId};

use super::MediaSearch;
use crate::store::Store;

const KINDS: &[&str] = &[CONVERSATION, ITEM];
const CONVERSATION: &str = "conversation";
const ITEM: &str = "item";

/// The conversations of all owners.
pub struct ConversationData {
    conversations: Arc<dyn ConversationStore>,
    archive: Arc<dyn ConversationArchive>,
}

impl ConversationData {
    /// The conversations in `store`.
    pub fn new(store: &Store) -> Self {
        Self { conversations: store.conversations.clone(), archive: store.archive.clone() }
    }
}

#[async_trait]
impl OwnedData for ConversationData {
    fn kinds(&self) -> &'static [&'static str] {
        KINDS
    }

    fn export(&self, owner: &UserId) -> BoxStream<Result<Entry>> {
        let (archive, user) = (self.archive.clone(), owner.clone());
        let one = move |id| conversation(archive.clone(), user.clone(), id);
        ids(self.conversations.clone(), owner.clone()).map_ok(one).try_flatten().boxed()
    }

    fn import(&self, owner: &UserId) -> Box<dyn ImportData> {
        Box::new(ConversationImport { archive: self.archive.clone(), owner: owner.clone(), pending: None })
    }

    async fn erase(&self, owner: &UserId) -> Result<()> {
        self.archive.delete_owner(owner).await.map(drop)
    }

    async fn media_in_use(&self, owner: &UserId, media: &[String]) -> Result<HashSet<String>> {
        let mut search = MediaSearch::new(media);
        let ids = ids(self.conversations.clone(), owner.clone());
        let mut ids = std::pin::pin!(ids);
        while let Some(id) = ids.try_next().await? {
            let items = items(self.archive.clone(), owner.clone(), id);
            let mut items = std::pin::pin!(items);
            while let Some(item) = items.try_next().await? {
                search.check(&String::from_utf8_lossy(&item.body.to_bytes()));
                if search.is_complete() {
                    return Ok(search.found);
                }
            }
        }
        Ok(search.found)
    }

    async fn sweep(&self, sweep: &Sweep<'_>) -> Result<u64> {
        self.archive.sweep(sweep.deleted_before, sweep.limit).await
    }
}

/// The ids of an owner's conversations.
fn ids(store: Arc<dyn ConversationStore>, owner: UserId) -> impl Stream<Item = Result<String>> + Send {
    let all = PageRequest { limit: MAX_LIMIT, after: None, order: Order::Asc };
    pages(all, move |page| {
        let (store, owner) = (store.clone(), owner.clone());
        async move {
            let found = store.list(&owner, &Filter::default(), &page).await?;
            let ids: Vec<_> = found.items.into_iter().map(|conversation| conversation.id).collect();
            let after = ids.last().cloned().filter(|_| found.has_more);
            Ok((ids, after.map(|after| PageRequest { after: Some(after), ..page })))
        }
    })
}

/// The items of a conversation, on all its branches. The stream is empty when the conversation was deleted after its id
/// was read.
fn items(
    archive: Arc<dyn ConversationArchive>,
    owner: UserId,
    id: String,
) -> impl Stream<Item = Result<PlacedItem>> + Send {
    pages((0, 0), move |after| {
        let (archive, owner, id) = (archive.clone(), owner.clone(), id.clone());
        async move {
            let page =
                unless_not_found(archive.placed(&owner, &id, after, MAX_LIMIT).await)?.unwrap_or_default();
            let next = page.last().map(|last| (last.branch, last.place));
            Ok((page, next))
        }
    })
}

/// A conversation and its items. The stream is empty when the conversation was deleted after its id was read.
fn conversation(
    archive: Arc<dyn ConversationArchive>,
    owner: UserId,
    id: String,
) -> impl Stream<Item = Result<Entry>> + Send {
    let whole = async move {
        let Some(archived) = unless_not_found(archive.archived(&owner, &id).await)? else {
            return Ok(stream::empty().boxed());
        };
        let known: Vec<i64> = archived.branches.iter().map(|branch| branch.number).collect();
        let head = Entry::new(CONVERSATION, &archived);
        let items = items(archive, owner, id).try_filter_map(move |item| {
            // A branch that was created after the conversation was read is not in its entry, so its items are left out.
            let entry = known.contains(&item.branch).then(|| Entry::new(ITEM, &item)).transpose();
            std::future::ready(entry)
        });
        Ok(stream::once(std::future::ready(head)).chain(items).boxed())
    };
    stream::once(whole).try_flatten()
}

fn unless_not_found<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// A conversation is imported completely or not at all, so it is held in memory until its last item was read.
struct ConversationImport {
    archive: Arc<dyn ConversationArchive>,
    owner: UserId,
    pending: Option<(Archived, Vec<PlacedItem>)>,
}

#[async_trait]
impl ImportData for ConversationImport {
    async fn entry(&mut self, entry: Entry, done: &mut Imported) -> Result<()> {
        if entry.kind == CONVERSATION {
            let next = entry.read()?;
            self.end_run(done).await?;
            self.pending = Some((next, Vec::new()));
            return Ok(());
        }
        match &mut self.pending {
            Some((_, items)) => {
                items.push(entry.read()?);
                Ok(())
            }
            None => Err(Error::invalid("line", "It is an item of no conversation.")),
        }
    }

    async fn end_run(&mut self, done: &mut Imported) -> Result<()> {
        let Some((archived, items)) = self.pending.take() else { return Ok(()) };
        let (id, count) = (archived.conversation.id.clone(), items.len() as u64);
        match self.archive.restore(&self.owner, archived, items).await {
            Ok(()) => {
                done.add(CONVERSATION, 1);
                done.add(ITEM, count);
                Ok(())
            }
            Err(error) => done.skip(error, format!("{CONVERSATION} {id}")),
        }
    }
}
