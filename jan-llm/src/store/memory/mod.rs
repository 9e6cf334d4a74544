//! Conversations in memory: for the first run, for tests, for apps that keep nothing. The same tree as in a database, in
//! vectors.

mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jan_core::conversation::{
    Append, Archived, Branch, BranchStore, Change, Conversation, ConversationArchive, ConversationStore,
    Filter, Fork, Item, ItemRef, PlacedItem, Recent, RecentItem, Selection,
};
use jan_core::database::{Memory, Part};
use jan_core::page::{Page, PageRequest};
use jan_core::record::Millis;
use jan_core::{JsonObject, Result, Transaction, Transactional, UserId};

use self::stored::{StoredConversation, StoredItem, archived, fits, restored};
use super::tree::{Tree, fitting, no_conversation, taken};

/// Keeps conversations in a part of a database in memory.
#[derive(Debug)]
pub(super) struct MemoryConversations(Part<Owners>);

/// Cheap to clone, because a transaction works on a copy.
#[derive(Clone, Default)]
struct Owners(BTreeMap<UserId, Arc<Vec<Arc<StoredConversation>>>>);

impl MemoryConversations {
    pub(super) fn on(memory: &Memory) -> Self {
        Self(memory.part())
    }

    /// Reads a conversation that is there.
    fn read<T>(
        &self,
        owner: &UserId,
        id: &str,
        look: impl FnOnce(&StoredConversation) -> Result<T>,
    ) -> Result<T> {
        self.0.read(|owners| {
            let found = owners.alive(owner).find(|stored| stored.conversation.id == id);
            look(found.ok_or_else(|| no_conversation(id))?)
        })
    }

    /// Changes a conversation that is there.
    async fn write<T>(
        &self,
        owner: &UserId,
        id: &str,
        change: impl FnOnce(&mut StoredConversation) -> Result<T> + Send,
    ) -> Result<T> {
        self.0.write(|owners| change(owners.get_mut(owner, id)?)).await
    }
}

impl Owners {
    /// All that an owner has, deleted or not.
    fn of(&self, owner: &UserId) -> &[Arc<StoredConversation>] {
        self.0.get(owner).map_or(&[], |mine| mine.as_slice())
    }

    fn alive(&self, owner: &UserId) -> impl Iterator<Item = &StoredConversation> {
        self.of(owner).iter().map(|stored| &**stored).filter(|stored| stored.deleted_at.is_none())
    }

    /// Those that are there and meant, to be changed. Others are not copied.
    fn alive_mut<'a>(
        &'a mut self,
        owner: &UserId,
        is_meant: impl Fn(&Conversation) -> bool + 'a,
    ) -> impl Iterator<Item = &'a mut StoredConversation> {
        let mine = self.0.get_mut(owner).map(Arc::make_mut).into_iter().flatten();
        mine.filter(move |stored| stored.deleted_at.is_none() && is_meant(&stored.conversation))
            .map(Arc::make_mut)
    }

    fn get_mut<'a>(&'a mut self, owner: &UserId, id: &'a str) -> Result<&'a mut StoredConversation> {
        self.alive_mut(owner, move |known| known.id == id).next().ok_or_else(|| no_conversation(id))
    }

    fn add(&mut self, owner: &UserId, new: StoredConversation) {
        Arc::make_mut(self.0.entry(owner.clone()).or_default()).push(Arc::new(new));
    }
}

#[async_trait]
impl Transactional for MemoryConversations {
    async fn begin(&self) -> Result<Transaction> {
        Ok(self.0.begin().await)
    }
}

#[async_trait]
impl ConversationStore for MemoryConversations {
    async fn create_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        conversation: Conversation,
        items: Vec<Item>,
    ) -> Result<Vec<Item>> {
        let at = conversation.created_at;
        let mut new = StoredConversation::new(conversation);
        let items = new.add(1, items, at);
        self.0.of(tx)?.add(owner, new);
        Ok(items)
    }

    async fn get(&self, owner: &UserId, id: &str) -> Result<Conversation> {
        self.read(owner, id, |stored| Ok(stored.conversation.clone()))
    }

    async fn list(&self, owner: &UserId, filter: &Filter, page: &PageRequest) -> Result<Page<Conversation>> {
        self.0.read(|owners| {
            let place = |c: &Conversation| (c.updated_at, c.id.clone());
            let after = match &page.after {
                None => None,
                Some(id) => {
                    let cursor = owners.of(owner).iter().find(|stored| stored.conversation.id == *id);
                    Some(place(&cursor.ok_or_else(|| page.unknown_cursor())?.conversation))
                }
            };
            let there = owners.alive(owner).map(|stored| &stored.conversation);
            let mut found: Vec<_> = there.filter(|conversation| fits(conversation, filter)).collect();
            found.sort_by_key(|conversation| place(conversation));
            Ok(page.cut(found.into_iter(), after, place))
        })
    }

    async fn count(&self, owner: &UserId, filter: &Filter) -> Result<u64> {
        let count = |owners: &Owners| {
            owners.alive(owner).filter(|stored| fits(&stored.conversation, filter)).count() as u64
        };
        Ok(self.0.read(count))
    }

    async fn update(&self, owner: &UserId, id: &str, change: Change) -> Result<Conversation> {
        let update = |stored: &mut StoredConversation| {
            stored.conversation.apply(change);
            Ok(stored.conversation.clone())
        };
        self.write(owner, id, update).await
    }

    async fn leave_project(&self, owner: &UserId, project_id: &str) -> Result<u64> {
        let leave = |owners: &mut Owners| {
            let is_in = |known: &Conversation| known.project_id.as_deref() == Some(project_id);
            let mut left = 0;
            for stored in owners.alive_mut(owner, is_in) {
                stored.conversation.project_id = None;
                left += 1;
            }
            Ok(left)
        };
        self.0.write(leave).await
    }

    async fn delete(&self, owner: &UserId, which: &Selection, at: Millis) -> Result<Vec<String>> {
        let delete = |owners: &mut Owners| {
            let is_meant = |known: &Conversation| match which {
                Selection::All => true,
                Selection::Ids(ids) => ids.contains(&known.id),
                Selection::Project(id) => known.project_id.as_ref() == Some(id),
            };
            let mut gone = Vec::new();
            for stored in owners.alive_mut(owner, is_meant) {
                stored.deleted_at = Some(at);
                gone.push(stored.conversation.id.clone());
            }
            Ok(gone)
        };
        self.0.write(delete).await
    }

    async fn append_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        id: &str,
        append: Append,
    ) -> Result<Vec<Item>> {
        self.0.of(tx)?.get_mut(owner, id)?.append(append)
    }

    async fn items(
        &self,
        owner: &UserId,
        id: &str,
        branch: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Item>> {
        self.read(owner, id, |stored| {
            let branch = stored.tree.named(branch)?;
            let cursor = |item| stored.place_on(branch.number, item).ok_or_else(|| page.unknown_cursor());
            let after = page.after.as_deref().map(cursor).transpose()?;
            let shown = stored.shown(branch.number);
            let page = page.cut(shown.into_iter(), after, |item| item.sequence_number);
            Ok(page.map(|item| Item { branch: branch.name.clone(), ..item }))
        })
    }

    async fn recent(&self, owner: &UserId, id: &str, limit: usize) -> Result<Recent> {
        self.read(owner, id, |stored| {
            let shown = stored.shown(stored.tree.active);
            let newest = shown.iter().skip(shown.len().saturating_sub(limit));
            let items = newest.map(|item| RecentItem::from(*item)).collect();
            Ok(Recent { conversation: stored.conversation.clone(), items, whole: shown.len() <= limit })
        })
    }

    async fn item(&self, owner: &UserId, id: &str, which: ItemRef<'_>) -> Result<Item> {
        self.read(owner, id, |stored| Ok(stored.as_shown(stored.item(&which)?)))
    }

    async fn merge_item(
        &self,
        owner: &UserId,
        id: &str,
        which: ItemRef<'_>,
        members: JsonObject,
        at: Millis,
    ) -> Result<Item> {
        let merge = |stored: &mut StoredConversation| {
            let found = stored.item_mut(&which)?;
            found.item.body.merge(&members);
            let merged = found.clone();
            stored.touch(at);
            Ok(stored.as_shown(&merged))
        };
        self.write(owner, id, merge).await
    }

    async fn delete_item(&self, owner: &UserId, id: &str, item: &str, at: Millis) -> Result<()> {
        let delete = |stored: &mut StoredConversation| {
            stored.item_mut(&ItemRef::Id(item))?.deleted_at = Some(at);
            stored.touch(at);
            Ok(())
        };
        self.write(owner, id, delete).await
    }
}

#[async_trait]
impl BranchStore for MemoryConversations {
    async fn branches(&self, owner: &UserId, id: &str) -> Result<Vec<Branch>> {
        self.read(owner, id, |stored| Ok(stored.branches()))
    }

    async fn fork_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        id: &str,
        fork: Fork,
    ) -> Result<(Branch, Vec<Item>)> {
        self.0.of(tx)?.get_mut(owner, id)?.fork(fork)
    }

    async fn activate(&self, owner: &UserId, id: &str, branch: &str, at: Millis) -> Result<()> {
        let activate = |stored: &mut StoredConversation| {
            stored.tree.active = stored.tree.named(Some(branch))?.number;
            stored.touch(at);
            Ok(())
        };
        self.write(owner, id, activate).await
    }

    async fn delete_branch(&self, owner: &UserId, id: &str, branch: &str, at: Millis) -> Result<()> {
        let delete = |stored: &mut StoredConversation| {
            let number = stored.tree.deletable(branch)?.number;
            for row in stored.tree.rows.iter_mut().filter(|row| row.number == number) {
                row.deleted = true;
            }
            stored.touch(at);
            Ok(())
        };
        self.write(owner, id, delete).await
    }
}

#[async_trait]
impl ConversationArchive for MemoryConversations {
    async fn archived(&self, owner: &UserId, id: &str) -> Result<Archived> {
        self.read(owner, id, |stored| {
            let (conversation, branches) = (stored.conversation.clone(), stored.tree.rows.clone());
            Ok(Archived { conversation, active: stored.tree.active, branches })
        })
    }

    async fn placed(
        &self,
        owner: &UserId,
        id: &str,
        after: (i64, i64),
        limit: u32,
    ) -> Result<Vec<PlacedItem>> {
        self.read(owner, id, |stored| {
            let there = stored.items.iter().filter(|item| item.deleted_at.is_none());
            let there = there.map(|item| archived(item));
            let mut items: Vec<_> = there.filter(|item| (item.branch, item.place) > after).collect();
            items.sort_by_key(|item| (item.branch, item.place));
            items.truncate(limit as usize);
            Ok(items)
        })
    }

    async fn restore(&self, owner: &UserId, archived: Archived, items: Vec<PlacedItem>) -> Result<()> {
        let Archived { conversation, active, branches } = fitting(archived, &items)?;
        let restore = |owners: &mut Owners| {
            let known = |kept: &StoredItem| items.iter().any(|item| item.id == kept.item.id);
            let same = |stored: &StoredConversation| {
                stored.conversation.id == conversation.id || stored.items.iter().any(|kept| known(kept))
            };
            if owners.0.values().flat_map(|theirs| theirs.iter()).any(|stored| same(stored)) {
                return Err(taken(&conversation.id));
            }
            let items = items.into_iter().map(|item| Arc::new(restored(item, &branches))).collect();
            let tree = Tree { rows: branches, active };
            owners.add(owner, StoredConversation { conversation, deleted_at: None, tree, items });
            Ok(())
        };
        self.0.write(restore).await
    }

    async fn delete_owner(&self, owner: &UserId) -> Result<u64> {
        let gone = self.0.write(|owners| Ok(owners.0.remove(owner))).await?;
        Ok(gone.map_or(0, |conversations| conversations.len() as u64))
    }

    async fn sweep(&self, before: Millis, limit: u32) -> Result<u64> {
        let goes = |deleted_at: Option<Millis>, swept: &mut u64| {
            let goes = *swept < u64::from(limit) && deleted_at.is_some_and(|at| at < before);
            *swept += u64::from(goes);
            goes
        };
        let sweep = |owners: &mut Owners| {
            let (mut conversations, mut items) = (0, 0);
            for theirs in owners.0.values_mut().map(Arc::make_mut) {
                theirs.retain(|stored| !goes(stored.deleted_at, &mut conversations));
                for stored in theirs.iter_mut().map(Arc::make_mut) {
                    stored.items.retain(|item| !goes(item.deleted_at, &mut items));
                }
            }
            Ok(conversations + items)
        };
        self.0.write(sweep).await
    }
}
