//! A conversation as a store holds it: what an export writes, and what an import gives back with the same ids.

use serde::{Deserialize, Serialize};

use super::{Conversation, Root};
use crate::JsonObject;
use crate::record::Millis;

/// A conversation with every branch, without its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// The conversation itself.
    pub conversation: Conversation,
    /// The number of the active branch.
    pub active: i64,
    /// Every branch, deleted ones included, since others may show their items.
    pub branches: Vec<BranchRow>,
}

/// A branch as stores hold it. Numbers stay, names may change hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRow {
    /// Its number, from 1.
    pub number: i64,
    /// Its name; of a deleted branch it may be another's by now.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where it comes from; the first branch comes from nowhere.
    pub root: Option<Root>,
    /// The last item that it shares with its parent.
    pub fork_item: Option<String>,
    /// The place of its last item; where it forked while it has none.
    pub last: i64,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last written to.
    pub updated_at: Millis,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// An item on the branch that it was added to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlacedItem {
    /// Its id.
    pub id: String,
    /// The number of its branch.
    pub branch: i64,
    /// Its place there.
    pub place: i64,
    /// When it was kept.
    pub created_at: Millis,
    /// Everything else, as it came.
    pub body: JsonObject,
}
