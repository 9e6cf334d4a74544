//! One conversation in memory: its branches, and every item on the branch that it was added to.

use std::sync::Arc;

use jan_core::Result;
use jan_core::conversation::{
    Append, Branch, Conversation, Filter, Fork, ForkPoint, Item, ItemRef, MAIN, Naming, PlacedItem, Root,
};
use jan_core::record::Millis;

use crate::store::tree::{BranchRow, Tree, name_taken, no_branch, no_item};

/// A conversation with all that belongs to it.
#[derive(Debug, Clone)]
pub(super) struct StoredConversation {
    pub(super) conversation: Conversation,
    pub(super) deleted_at: Option<Millis>,
    pub(super) tree: Tree,
    pub(super) items: Vec<Arc<StoredItem>>,
}

#[derive(Debug, Clone)]
pub(super) struct StoredItem {
    pub(super) item: Item,
    pub(super) branch: i64,
    pub(super) deleted_at: Option<Millis>,
}

impl StoredConversation {
    pub(super) fn new(conversation: Conversation) -> Self {
        let at = conversation.created_at;
        let tree = Tree { rows: vec![row(1, MAIN, None, at)], active: 1 };
        Self { conversation, deleted_at: None, tree, items: Vec::new() }
    }

    pub(super) fn touch(&mut self, at: Millis) {
        self.conversation.updated_at = self.conversation.updated_at.max(at);
    }

    pub(super) fn add(&mut self, number: i64, items: Vec<Item>, at: Millis) -> Vec<Item> {
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
                    let stored = StoredItem { item: item.clone(), branch: number, deleted_at: None };
                    self.items.push(Arc::new(stored));
                }
            }
            kept.push(item);
        }
        kept
    }

    pub(super) fn append(&mut self, append: Append) -> Result<Vec<Item>> {
        let number = self.tree.named(append.branch.as_deref())?.number;
        append.tip.check(self.last_item(number))?;
        self.touch(append.at);
        if append.title.is_some() && !self.conversation.title_locked {
            self.conversation.title = append.title;
        }
        Ok(self.add(number, append.items, append.at))
    }

    /// The branch (by number), deleted or not, and the place of an item that a branch shows.
    pub(super) fn place_on(&self, number: i64, item: &str) -> Option<i64> {
        let segments = self.tree.segments(number);
        let placed = self.items.iter().find(|placed| placed.item.id == item)?;
        let place = placed.item.sequence_number;
        segments.iter().any(|segment| segment.holds(placed.branch, place)).then_some(place)
    }

    /// What a branch shows, in order.
    pub(super) fn shown(&self, number: i64) -> Vec<&Item> {
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

    /// An item as callers see it.
    pub(super) fn as_shown(&self, stored: &StoredItem) -> Item {
        Item { branch: self.name_of(stored.branch), ..stored.item.clone() }
    }

    pub(super) fn item(&self, which: &ItemRef<'_>) -> Result<&StoredItem> {
        let there = self.items.iter().filter(|stored| stored.is_meant(which));
        let newest = there.max_by_key(|stored| stored.age());
        newest.map(|stored| &**stored).ok_or_else(|| no_item(name(which)))
    }

    pub(super) fn item_mut(&mut self, which: &ItemRef<'_>) -> Result<&mut StoredItem> {
        let there = self.items.iter_mut().filter(|stored| stored.is_meant(which));
        let newest = there.max_by_key(|stored| stored.age());
        newest.map(Arc::make_mut).ok_or_else(|| no_item(name(which)))
    }

    pub(super) fn fork(&mut self, fork: Fork) -> Result<(Branch, Vec<Item>)> {
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
        made.map(|branch| (branch, items)).ok_or_else(|| no_branch(&name))
    }

    pub(super) fn branches(&self) -> Vec<Branch> {
        let there = self.items.iter().filter(|placed| placed.deleted_at.is_none());
        let places: Vec<_> = there.map(|placed| (placed.branch, placed.item.sequence_number)).collect();
        self.tree.shown(&places)
    }
}

impl StoredItem {
    fn is_meant(&self, which: &ItemRef<'_>) -> bool {
        let is_meant = match which {
            ItemRef::Id(id) => self.item.id == *id,
            ItemRef::Call(id) => self.item.text("call_id").as_deref() == Some(*id) && !self.item.is_output(),
        };
        is_meant && self.deleted_at.is_none()
    }

    /// The newest is the one that is meant.
    fn age(&self) -> (Millis, i64, i64) {
        (self.item.created_at, self.branch, self.item.sequence_number)
    }
}

fn name<'a>(which: &ItemRef<'a>) -> &'a str {
    let (ItemRef::Id(name) | ItemRef::Call(name)) = which;
    name
}

pub(super) fn archived(placed: &StoredItem) -> PlacedItem {
    let Item { id, sequence_number, created_at, body, .. } = placed.item.clone();
    PlacedItem { id, branch: placed.branch, place: sequence_number, created_at, body }
}

pub(super) fn restored(item: PlacedItem, branches: &[BranchRow]) -> StoredItem {
    let PlacedItem { id, branch, place, created_at, body } = item;
    let name = branches.iter().find(|row| row.number == branch).map(|row| row.name.clone());
    let item = Item { id, branch: name.unwrap_or_default(), sequence_number: place, created_at, body };
    StoredItem { item, branch, deleted_at: None }
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

pub(super) fn fits(conversation: &Conversation, filter: &Filter) -> bool {
    filter.project_id.as_ref().is_none_or(|id| conversation.project_id.as_ref() == Some(id))
        && filter.referrer.as_ref().is_none_or(|from| conversation.referrer.as_ref() == Some(from))
}
