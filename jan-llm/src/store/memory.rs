//! Conversations in memory: for the first run, for tests, for apps that keep nothing. The same tree as in a database, in
//! vectors.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jan_core::conversation::{
    Append, Archived, Branch, Change, Conversation, ConversationStore, Filter, Fork, ForkPoint, Item,
    ItemRef, MAIN, Naming, PlacedItem, Root, Selection,
};
use jan_core::page::{Page, PageRequest};
use jan_core::record::Millis;
use jan_core::{JsonObject, Result, UserId};

use super::tree::{BranchRow, Tree, fitting, name_taken, no_conversation, no_item, taken};

/// Keeps conversations until it is dropped.
#[derive(Debug, Default)]
pub struct MemoryConversations {
    owners: Mutex<Owners>,
}

type Owners = HashMap<UserId, Vec<Talk>>;

/// A conversation with all that belongs to it.
#[derive(Debug)]
struct Talk {
    conversation: Conversation,
    deleted_at: Option<Millis>,
    tree: Tree,
    items: Vec<Placed>,
}

#[derive(Debug)]
struct Placed {
    item: Item,
    branch: i64,
    deleted_at: Option<Millis>,
}

impl MemoryConversations {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Owners> {
        // Nobody panics while holding the lock, so a poisoned one holds good data.
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with a conversation that is there.
    fn on<T>(&self, owner: &UserId, id: &str, act: impl FnOnce(&mut Talk) -> Result<T>) -> Result<T> {
        let mut owners = self.lock();
        let talks = owners.get_mut(owner).into_iter().flatten();
        let mut there = talks.filter(|talk| talk.deleted_at.is_none());
        act(there.find(|talk| talk.conversation.id == id).ok_or_else(|| no_conversation(id))?)
    }
}

impl Talk {
    fn new(conversation: Conversation) -> Self {
        let at = conversation.created_at;
        let tree = Tree { rows: vec![row(1, MAIN, None, at)], active: 1 };
        Self { conversation, deleted_at: None, tree, items: Vec::new() }
    }

    fn touch(&mut self, at: Millis) {
        self.conversation.updated_at = self.conversation.updated_at.max(at);
    }

    fn add(&mut self, number: i64, items: Vec<Item>, at: Millis) -> Vec<Item> {
        let Some(branch) = self.tree.rows.iter_mut().find(|row| row.number == number) else {
            return Vec::new();
        };
        branch.updated_at = at;
        let mut kept = Vec::with_capacity(items.len());
        for mut item in items {
            match self.items.iter().find(|placed| placed.item.id == item.id) {
                Some(placed) => item = Item { branch: branch.name.clone(), ..placed.item.clone() },
                None => {
                    branch.last += 1;
                    (item.branch, item.sequence_number) = (branch.name.clone(), branch.last);
                    self.items.push(Placed { item: item.clone(), branch: number, deleted_at: None });
                }
            }
            kept.push(item);
        }
        kept
    }

    /// The branch (by number), deleted or not, and the place of an item that a branch shows.
    fn place_on(&self, number: i64, item: &str) -> Option<i64> {
        let segments = self.tree.segments(number);
        let placed = self.items.iter().find(|placed| placed.item.id == item)?;
        let place = placed.item.sequence_number;
        segments.iter().any(|segment| segment.holds(placed.branch, place)).then_some(place)
    }

    /// What a branch shows, in order.
    fn shown(&self, number: i64) -> Vec<&Item> {
        let segments = self.tree.segments(number);
        let mut shown: Vec<_> = self
            .items
            .iter()
            .filter(|placed| placed.deleted_at.is_none())
            .filter(|placed| segments.iter().any(|s| s.holds(placed.branch, placed.item.sequence_number)))
            .map(|placed| &placed.item)
            .collect();
        shown.sort_by_key(|item| item.sequence_number);
        shown
    }

    /// The last item that a branch shows.
    fn last_item(&self, number: i64) -> Option<&str> {
        self.shown(number).last().map(|item| item.id.as_str())
    }

    /// What a branch is called now.
    fn name_of(&self, number: i64) -> String {
        let row = self.tree.rows.iter().find(|row| row.number == number);
        row.map(|row| row.name.clone()).unwrap_or_default()
    }

    fn item_mut(&mut self, which: &ItemRef<'_>) -> Result<&mut Placed> {
        let wanted = |placed: &&mut Placed| match which {
            ItemRef::Id(id) => placed.item.id == *id,
            ItemRef::Call(id) => {
                placed.item.text("call_id").as_deref() == Some(*id) && !placed.item.is_output()
            }
        };
        let (ItemRef::Id(name) | ItemRef::Call(name)) = which;
        let there = self.items.iter_mut().filter(|placed| placed.deleted_at.is_none()).filter(wanted);
        let newest =
            there.max_by_key(|placed| (placed.item.created_at, placed.branch, placed.item.sequence_number));
        newest.ok_or_else(|| no_item(name))
    }

    fn fork(&mut self, fork: Fork) -> Result<(Branch, Vec<Item>)> {
        let parent = self.tree.named(fork.parent.as_deref())?.clone();
        fork.tip.check(self.last_item(parent.number))?;
        let alive = |item: &str| self.items.iter().any(|p| p.item.id == item && p.deleted_at.is_none());
        let on_parent = |item: &str| {
            let place = self.place_on(parent.number, item).filter(|_| alive(item));
            place.ok_or_else(|| no_item(item))
        };
        let place = match &fork.point {
            ForkPoint::End => parent.last,
            ForkPoint::Before(item) => on_parent(item)? - 1,
            ForkPoint::After(item) => on_parent(item)?,
        };
        let (Naming::New(taken) | Naming::TakeOver { backup: taken }) = &fork.naming;
        if self.tree.named(Some(taken)).is_ok() {
            return Err(name_taken(taken));
        }
        let before = self.shown(parent.number).into_iter().rev().find(|item| item.sequence_number <= place);
        let fork_item = before.map(|item| item.id.clone());
        let number = self.tree.next_number();
        let name = match &fork.naming {
            Naming::New(name) => name.clone(),
            Naming::TakeOver { backup } => {
                for row in self.tree.rows.iter_mut().filter(|row| row.number == parent.number) {
                    row.name.clone_from(backup);
                }
                self.tree.active = number;
                parent.name
            }
        };
        let root = Some(Root { parent: parent.number, fork: place });
        self.tree.rows.push(BranchRow {
            description: fork.description,
            fork_item,
            last: place,
            ..row(number, &name, root, fork.at)
        });
        let items = self.add(number, fork.items, fork.at);
        self.touch(fork.at);
        let made = self.branches().into_iter().find(|branch| branch.name == name);
        made.map(|branch| (branch, items)).ok_or_else(|| super::tree::no_branch(&name))
    }

    fn branches(&self) -> Vec<Branch> {
        let there = self.items.iter().filter(|placed| placed.deleted_at.is_none());
        let places: Vec<_> = there.map(|placed| (placed.branch, placed.item.sequence_number)).collect();
        self.tree.shown(&places)
    }
}

fn archived(placed: &Placed) -> PlacedItem {
    let Item { id, sequence_number, created_at, body, .. } = placed.item.clone();
    PlacedItem { id, branch: placed.branch, place: sequence_number, created_at, body }
}

fn restored(item: PlacedItem, branches: &[BranchRow]) -> Placed {
    let PlacedItem { id, branch, place, created_at, body } = item;
    let name = branches.iter().find(|row| row.number == branch).map(|row| row.name.clone());
    let item = Item { id, branch: name.unwrap_or_default(), sequence_number: place, created_at, body };
    Placed { item, branch, deleted_at: None }
}

fn row(number: i64, name: &str, root: Option<Root>, at: Millis) -> BranchRow {
    BranchRow {
        number,
        name: name.to_owned(),
        description: None,
        root,
        fork_item: None,
        last: 0,
        created_at: at,
        updated_at: at,
        deleted: false,
    }
}

fn fits(conversation: &Conversation, filter: &Filter) -> bool {
    filter.project_id.as_ref().is_none_or(|id| conversation.project_id.as_ref() == Some(id))
        && filter.referrer.as_ref().is_none_or(|from| conversation.referrer.as_ref() == Some(from))
}

#[async_trait]
impl ConversationStore for MemoryConversations {
    async fn create(
        &self,
        owner: &UserId,
        conversation: Conversation,
        items: Vec<Item>,
    ) -> Result<Vec<Item>> {
        let at = conversation.created_at;
        let mut talk = Talk::new(conversation);
        let items = talk.add(1, items, at);
        self.lock().entry(owner.clone()).or_default().push(talk);
        Ok(items)
    }

    async fn get(&self, owner: &UserId, id: &str) -> Result<Conversation> {
        self.on(owner, id, |talk| Ok(talk.conversation.clone()))
    }

    async fn list(&self, owner: &UserId, filter: &Filter, page: &PageRequest) -> Result<Page<Conversation>> {
        let owners = self.lock();
        let mut mine: Vec<_> = owners.get(owner).into_iter().flatten().collect();
        let place = |c: &Conversation| (c.updated_at, c.id.clone());
        let after = match &page.after {
            None => None,
            Some(id) => {
                let cursor = mine.iter().find(|talk| talk.conversation.id == *id);
                Some(place(&cursor.ok_or_else(|| page.unknown_cursor())?.conversation))
            }
        };
        mine.sort_by_key(|talk| place(&talk.conversation));
        let there = mine.into_iter().filter(|talk| talk.deleted_at.is_none()).map(|talk| &talk.conversation);
        Ok(page.cut(there.filter(|conversation| fits(conversation, filter)), after, place))
    }

    async fn count(&self, owner: &UserId, filter: &Filter) -> Result<u64> {
        let owners = self.lock();
        let there = owners.get(owner).into_iter().flatten().filter(|talk| talk.deleted_at.is_none());
        Ok(there.filter(|talk| fits(&talk.conversation, filter)).count() as u64)
    }

    async fn update(&self, owner: &UserId, id: &str, change: Change) -> Result<Conversation> {
        self.on(owner, id, |talk| {
            talk.conversation.apply(change);
            Ok(talk.conversation.clone())
        })
    }

    async fn leave_project(&self, owner: &UserId, project_id: &str) -> Result<u64> {
        let mut owners = self.lock();
        let talks = owners.get_mut(owner).into_iter().flatten().filter(|talk| talk.deleted_at.is_none());
        let mut left = 0;
        for talk in talks.filter(|talk| talk.conversation.project_id.as_deref() == Some(project_id)) {
            talk.conversation.project_id = None;
            left += 1;
        }
        Ok(left)
    }

    async fn delete(&self, owner: &UserId, which: &Selection, at: Millis) -> Result<Vec<String>> {
        let mut owners = self.lock();
        let mut gone = Vec::new();
        for talk in owners.get_mut(owner).into_iter().flatten().filter(|talk| talk.deleted_at.is_none()) {
            let meant = match which {
                Selection::All => true,
                Selection::Ids(ids) => ids.contains(&talk.conversation.id),
                Selection::Project(id) => talk.conversation.project_id.as_ref() == Some(id),
            };
            if meant {
                talk.deleted_at = Some(at);
                gone.push(talk.conversation.id.clone());
            }
        }
        Ok(gone)
    }

    async fn append(&self, owner: &UserId, id: &str, append: Append) -> Result<Vec<Item>> {
        self.on(owner, id, |talk| {
            let number = talk.tree.named(append.branch.as_deref())?.number;
            append.tip.check(talk.last_item(number))?;
            talk.touch(append.at);
            if append.title.is_some() && !talk.conversation.title_locked {
                talk.conversation.title = append.title;
            }
            Ok(talk.add(number, append.items, append.at))
        })
    }

    async fn items(
        &self,
        owner: &UserId,
        id: &str,
        branch: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Item>> {
        self.on(owner, id, |talk| {
            let branch = talk.tree.named(branch)?;
            let cursor = |item| talk.place_on(branch.number, item).ok_or_else(|| page.unknown_cursor());
            let after = page.after.as_deref().map(cursor).transpose()?;
            let shown = talk.shown(branch.number);
            let page = page.cut(shown.into_iter(), after, |item| item.sequence_number);
            Ok(page.map(|item| Item { branch: branch.name.clone(), ..item }))
        })
    }

    async fn item(&self, owner: &UserId, id: &str, which: ItemRef<'_>) -> Result<Item> {
        self.on(owner, id, |talk| {
            let placed = talk.item_mut(&which)?;
            let (number, item) = (placed.branch, placed.item.clone());
            Ok(Item { branch: talk.name_of(number), ..item })
        })
    }

    async fn merge_item(
        &self,
        owner: &UserId,
        id: &str,
        which: ItemRef<'_>,
        members: JsonObject,
        at: Millis,
    ) -> Result<Item> {
        self.on(owner, id, |talk| {
            let placed = talk.item_mut(&which)?;
            placed.item.body.merge(&members);
            let (number, item) = (placed.branch, placed.item.clone());
            talk.touch(at);
            Ok(Item { branch: talk.name_of(number), ..item })
        })
    }

    async fn delete_item(&self, owner: &UserId, id: &str, item: &str, at: Millis) -> Result<()> {
        self.on(owner, id, |talk| {
            talk.item_mut(&ItemRef::Id(item))?.deleted_at = Some(at);
            talk.touch(at);
            Ok(())
        })
    }

    async fn branches(&self, owner: &UserId, id: &str) -> Result<Vec<Branch>> {
        self.on(owner, id, |talk| Ok(talk.branches()))
    }

    async fn fork(&self, owner: &UserId, id: &str, fork: Fork) -> Result<(Branch, Vec<Item>)> {
        self.on(owner, id, |talk| talk.fork(fork))
    }

    async fn activate(&self, owner: &UserId, id: &str, branch: &str, at: Millis) -> Result<()> {
        self.on(owner, id, |talk| {
            talk.tree.active = talk.tree.named(Some(branch))?.number;
            talk.touch(at);
            Ok(())
        })
    }

    async fn delete_branch(&self, owner: &UserId, id: &str, branch: &str, at: Millis) -> Result<()> {
        self.on(owner, id, |talk| {
            let number = talk.tree.deletable(branch)?.number;
            for row in talk.tree.rows.iter_mut().filter(|row| row.number == number) {
                row.deleted = true;
            }
            talk.touch(at);
            Ok(())
        })
    }

    async fn archived(&self, owner: &UserId, id: &str) -> Result<Archived> {
        self.on(owner, id, |talk| {
            let (conversation, branches) = (talk.conversation.clone(), talk.tree.rows.clone());
            Ok(Archived { conversation, active: talk.tree.active, branches })
        })
    }

    async fn placed(
        &self,
        owner: &UserId,
        id: &str,
        after: (i64, i64),
        limit: u32,
    ) -> Result<Vec<PlacedItem>> {
        self.on(owner, id, |talk| {
            let there = talk.items.iter().filter(|placed| placed.deleted_at.is_none()).map(archived);
            let mut items: Vec<_> = there.filter(|item| (item.branch, item.place) > after).collect();
            items.sort_by_key(|item| (item.branch, item.place));
            items.truncate(limit as usize);
            Ok(items)
        })
    }

    async fn restore(&self, owner: &UserId, archived: Archived, items: Vec<PlacedItem>) -> Result<()> {
        let Archived { conversation, active, branches } = fitting(archived, &items)?;
        let mut owners = self.lock();
        let same = |talk: &Talk| {
            let known = |placed: &Placed| items.iter().any(|item| item.id == placed.item.id);
            talk.conversation.id == conversation.id || talk.items.iter().any(known)
        };
        if owners.values().flatten().any(same) {
            return Err(taken(&conversation.id));
        }
        let items = items.into_iter().map(|item| restored(item, &branches)).collect();
        let talk = Talk { conversation, deleted_at: None, tree: Tree { rows: branches, active }, items };
        owners.entry(owner.clone()).or_default().push(talk);
        Ok(())
    }

    async fn delete_owner(&self, owner: &UserId) -> Result<u64> {
        Ok(self.lock().remove(owner).map_or(0, |talks| talks.len() as u64))
    }

    async fn sweep(&self, before: Millis, limit: u32) -> Result<u64> {
        let goes = |deleted_at: Option<Millis>, swept: &mut u64| {
            let goes = *swept < u64::from(limit) && deleted_at.is_some_and(|at| at < before);
            *swept += u64::from(goes);
            goes
        };
        let (mut talks_swept, mut items_swept) = (0, 0);
        for talks in self.lock().values_mut() {
            talks.retain(|talk| !goes(talk.deleted_at, &mut talks_swept));
            for talk in talks {
                talk.items.retain(|placed| !goes(placed.deleted_at, &mut items_swept));
            }
        }
        Ok(talks_swept + items_swept)
    }
}
