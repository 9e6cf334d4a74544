//! The branches of one conversation as a store holds them, and what every store says of them.

use std::collections::BTreeSet;

pub(super) use jan_core::conversation::BranchRow;
use jan_core::conversation::{Archived, Branch, Lineage, MAIN, PlacedItem, Segment};
use jan_core::{Error, ErrorKind, Result};

/// Every branch of a conversation, deleted ones included, since others may show their items.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) rows: Vec<BranchRow>,
    /// The number of the active one.
    pub(super) active: i64,
}

impl Tree {
    /// The branch of this name, the active one when there is none.
    pub(super) fn named(&self, name: Option<&str>) -> Result<&BranchRow> {
        let wanted = |row: &&BranchRow| match name {
            Some(name) => row.name == name && !row.deleted,
            None => row.number == self.active,
        };
        self.rows.iter().find(wanted).ok_or_else(|| no_branch(name.unwrap_or_default()))
    }

    /// The number that the next branch gets.
    pub(super) fn next_number(&self) -> i64 {
        self.rows.iter().map(|row| row.number).max().unwrap_or(0) + 1
    }

    /// What a branch shows.
    pub(super) fn segments(&self, number: i64) -> Vec<Segment> {
        let mut lineage = Lineage::default();
        for row in &self.rows {
            lineage.add(row.number, row.root);
        }
        lineage.segments(number)
    }

    /// The branches as callers see them; `places` are the items there are, as (branch, place).
    pub(super) fn shown(&self, places: &[(i64, i64)]) -> Vec<Branch> {
        let shown = |row: &BranchRow| {
            let segments = self.segments(row.number);
            let held =
                places.iter().filter(|(branch, place)| segments.iter().any(|s| s.holds(*branch, *place)));
            let parent = row.root.and_then(|root| self.rows.iter().find(|other| other.number == root.parent));
            Branch {
                name: row.name.clone(),
                description: row.description.clone(),
                parent_branch: parent.map(|parent| parent.name.clone()),
                forked_at: row.root.map(|_| row.created_at),
                forked_from_item_id: row.fork_item.clone(),
                item_count: held.count() as u64,
                created_at: row.created_at,
                updated_at: row.updated_at,
                is_active: row.number == self.active,
            }
        };
        self.rows.iter().filter(|row| !row.deleted).map(shown).collect()
    }

    /// The branch of this name, if it may be deleted.
    pub(super) fn deletable(&self, name: &str) -> Result<&BranchRow> {
        let branch = self.named(Some(name))?;
        if name == MAIN || branch.number == self.active {
            let message = "The active branch and MAIN cannot be deleted.";
            return Err(Error::invalid("name", message).with_code("branch_in_use"));
        }
        Ok(branch)
    }
}

/// What an archive must be so that it can be kept: every branch once and from an older one, every item once at a place of a
/// branch. Items added while the archive was written may stand after what was then the last place: it is moved.
pub(super) fn fitting(mut archived: Archived, items: &[PlacedItem]) -> Result<Archived> {
    let numbers: BTreeSet<_> = archived.branches.iter().map(|branch| branch.number).collect();
    let names = archived.branches.iter().filter(|branch| !branch.deleted).map(|branch| &branch.name);
    let names: BTreeSet<_> = names.collect();
    let alive = archived.branches.iter().filter(|branch| !branch.deleted).count();
    let rooted = |branch: &BranchRow| {
        branch.root.is_none_or(|root| root.parent < branch.number && numbers.contains(&root.parent))
    };
    let active = archived.branches.iter().any(|branch| branch.number == archived.active && !branch.deleted);
    if !active || numbers.len() != archived.branches.len() || names.len() != alive {
        return Err(Error::invalid("branches", "The branches of the conversation do not fit together."));
    }
    if !archived.branches.iter().all(rooted) {
        return Err(Error::invalid("branches", "A branch comes from one that is not there."));
    }
    let places: BTreeSet<_> = items.iter().map(|item| (item.branch, item.place)).collect();
    let ids: BTreeSet<_> = items.iter().map(|item| &item.id).collect();
    let placed = |item: &PlacedItem| item.place > 0 && numbers.contains(&item.branch);
    if places.len() != items.len() || ids.len() != items.len() || !items.iter().all(placed) {
        return Err(Error::invalid("items", "The items of the conversation do not fit its branches."));
    }
    for branch in &mut archived.branches {
        let last =
            places.iter().filter(|(number, _)| *number == branch.number).map(|(_, place)| *place).max();
        branch.last = branch.last.max(last.unwrap_or(0));
    }
    Ok(archived)
}

pub(super) fn taken(id: &str) -> Error {
    let message = format!("The conversation `{id}`, or an item of it, is there already.");
    Error::new(ErrorKind::Conflict, message).with_code("conversation_exists")
}

pub(super) fn no_conversation(id: &str) -> Error {
    Error::not_found(format!("There is no conversation `{id}`.")).with_code("conversation_not_found")
}

pub(super) fn no_branch(name: &str) -> Error {
    Error::not_found(format!("There is no branch `{name}`.")).with_code("branch_not_found")
}

pub(super) fn no_item(id: &str) -> Error {
    Error::not_found(format!("There is no item `{id}` in this conversation.")).with_code("item_not_found")
}

pub(super) fn name_taken(name: &str) -> Error {
    let message = format!("There is a branch `{name}` already.");
    Error::new(ErrorKind::Conflict, message).with_code("branch_exists").with_param("name")
}
