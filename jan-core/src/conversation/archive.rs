//! A complete conversation as a store holds it. Exports write it, and imports restore it with the same ids.

use serde::{Deserialize, Serialize};

use super::{Conversation, Root};
use crate::JsonObject;
use crate::record::Millis;

/// A conversation with all its branches, without its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// The conversation itself.
    pub conversation: Conversation,
    /// The number of the active branch.
    pub active: i64,
    /// All branches, deleted ones included, because other branches may include their items.
    pub branches: Vec<BranchRow>,
}

/// A branch as stores hold it. Its number never changes; a name may pass to another branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRow {
    /// Its number, from 1.
    pub number: i64,
    /// Its name. A deleted branch's name may belong to another branch now.
    pub name: String,
    /// A description of its purpose.
    pub description: Option<String>,
    /// The fork from its parent; `None` for the first branch.
    pub root: Option<Root>,
    /// The id of the last item that it shares with its parent.
    pub fork_item: Option<String>,
    /// The position of its last item; the position of the fork while it has no items of its own.
    pub last: i64,
    /// When it was created.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// An item, with the branch that it was added to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlacedItem {
    /// Its id.
    pub id: String,
    /// The number of its branch.
    pub branch: i64,
    /// Its position on that branch.
    pub place: i64,
    /// When it was stored.
    pub created_at: Millis,
    /// All other members, unchanged.
    pub body: JsonObject,
}
