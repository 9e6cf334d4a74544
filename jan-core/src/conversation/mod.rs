//! Stored conversations, their items and branches: the types, and the traits of their stores. The services that use
//! the stores check permissions and rules.
//!
//! A conversation is a tree. Every item is on one branch, at one position (its sequence number). A branch that forks
//! from another one consists of its parent's items up to the fork, followed by its own ([`Lineage`]). Items are never
//! copied or cut off, so an edit costs one row and loses nothing.

mod archive;
mod lineage;
mod recent;
#[cfg(feature = "openapi")]
mod schema;
mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use archive::{Archived, BranchRow, PlacedItem};
pub use lineage::{Lineage, Root, Segment};
pub use recent::{Recent, RecentItem};
pub use store::{BranchStore, ConversationArchive, ConversationStore};

use crate::json::JsonObject;
use crate::record::Millis;
use crate::{Error, ErrorKind, Result};

/// The name of the branch that every conversation begins with.
pub const MAIN: &str = "MAIN";

/// Up to 16 pairs of texts that the owner attaches.
pub type Metadata = BTreeMap<String, String>;

/// A conversation, without its items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its id: `conv_` and 16 characters.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// Whether the owner chose the title, so that it is not generated again.
    pub title_locked: bool,
    /// The pairs that the owner attached.
    pub metadata: Metadata,
    /// The app or page that it was started from.
    pub referrer: Option<String>,
    /// The id of the project that it belongs to.
    pub project_id: Option<String>,
    /// When it was created.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
}

/// One item of a conversation: a message, a tool call or its output, reasoning, …
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its id: `msg_` and 16 characters (or another prefix for another type).
    pub id: String,
    /// The name of the branch that it was read from; set by stores.
    pub branch: String,
    /// Its position on the branch, from 1; set by stores.
    pub sequence_number: i64,
    /// When it was stored.
    pub created_at: Millis,
    /// All other members, unchanged: `type`, `role`, `content`, `status`, `call_id`, and unknown ones.
    pub body: JsonObject,
}

impl Item {
    /// A new item with this body.
    pub fn new(id: impl Into<String>, created_at: Millis, body: JsonObject) -> Self {
        Self { id: id.into(), branch: String::new(), sequence_number: 0, created_at, body }
    }

    /// A text member of the body; `None` when it is absent or not a text.
    pub fn text(&self, member: &str) -> Option<String> {
        self.body.get(member).ok().flatten()
    }

    /// Whether it is the output of a call (`function_call_output` and similar types).
    pub fn is_output(&self) -> bool {
        self.text("type").is_some_and(|kind| kind.ends_with("_output"))
    }
}

/// A branch: one path of items through the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name, unique in the conversation.
    pub name: String,
    /// A description of its purpose.
    pub description: Option<String>,
    /// The name of the branch that it forked from.
    pub parent_branch: Option<String>,
    /// When it forked.
    pub forked_at: Option<Millis>,
    /// The id of the last item that it shares with its parent.
    pub forked_from_item_id: Option<String>,
    /// The number of its items, including those shared with its parents.
    pub item_count: u64,
    /// When it was created.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// Whether it is the active branch, to which new items are added by default.
    pub is_active: bool,
}

/// Restricts a list of conversations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this project.
    pub project_id: Option<String>,
    /// Only those from this app or page.
    pub referrer: Option<String>,
}

/// Changes to a conversation. `None` leaves a field unchanged, `Some(None)` removes its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The title, and whether the owner chose it.
    pub title: Option<(Option<String>, bool)>,
    /// The pairs that replace all earlier ones.
    pub metadata: Option<Metadata>,
    /// The app or page that it was started from.
    pub referrer: Option<Option<String>>,
    /// The id of the project that it belongs to.
    pub project_id: Option<Option<String>>,
    /// The time of the change.
    pub at: Millis,
}

/// Selects conversations of an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those with these ids; other owners' ids are ignored.
    Ids(Vec<String>),
    /// All of a project.
    Project(String),
    /// All that the owner has.
    All,
}

/// A condition on the end of a branch under which a write happens. A writer that read the branch uses it to make sure
/// that nobody has written since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tip {
    /// No condition.
    #[default]
    Any,
    /// The branch has no items.
    Empty,
    /// The last item of the branch has this id.
    Item(String),
}

/// The code of the conflict when a branch does not meet the [`Tip`] of a write.
pub const BRANCH_MOVED: &str = "branch_moved";

impl Tip {
    /// The condition that `last` is still the last item of the branch (`None`: that it has no items).
    pub fn of(last: Option<&Item>) -> Self {
        last.map_or(Self::Empty, |item| Self::Item(item.id.clone()))
    }

    /// Checks the condition for a branch whose last item has this id.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] with the code [`BRANCH_MOVED`] when it does not.
    pub fn check(&self, last: Option<&str>) -> Result<()> {
        let holds = match self {
            Self::Any => true,
            Self::Empty => last.is_none(),
            Self::Item(id) => last == Some(id.as_str()),
        };
        let moved = || {
            let message = "The branch has changed since it was read.";
            Error::new(ErrorKind::Conflict, message).with_code(BRANCH_MOVED)
        };
        holds.then_some(()).ok_or_else(moved)
    }
}

/// Items to be added at the end of a branch.
#[derive(Debug, Clone, Default)]
pub struct Append {
    /// The name of the branch; `None` for the active one.
    pub branch: Option<String>,
    /// The items in order. An item whose id exists already is skipped, so that an append can be repeated.
    pub items: Vec<Item>,
    /// A title generated from the messages. A title that the owner chose is not replaced.
    pub title: Option<String>,
    /// The condition on the end of the branch.
    pub tip: Tip,
    /// The time of the write.
    pub at: Millis,
}

/// The point at which a branch forks from its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkPoint {
    /// After its last item.
    End,
    /// Before the item with this id, which is the first that is not shared.
    Before(String),
    /// After the item with this id, which is the last that is shared.
    After(String),
}

/// A branch to be created.
#[derive(Debug, Clone)]
pub struct Fork {
    /// The name of the parent; `None` for the active branch.
    pub parent: Option<String>,
    /// The point of the fork.
    pub point: ForkPoint,
    /// The name of the new branch.
    pub naming: Naming,
    /// A description of its purpose.
    pub description: Option<String>,
    /// The first items of its own.
    pub items: Vec<Item>,
    /// The condition on the end of the parent.
    pub tip: Tip,
    /// The time of the write.
    pub at: Millis,
}

/// How a new branch is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// It gets this name, and the active branch stays active.
    New(String),
    /// It gets its parent's name and becomes active; the parent is renamed.
    TakeOver {
        /// The parent's new name.
        backup: String,
    },
}

/// One item, by its id or by the call that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemRef<'a> {
    /// By its own id.
    Id(&'a str),
    /// The newest item with this `call_id` that is not an output.
    Call(&'a str),
}

impl Conversation {
    /// Applies `change` to the conversation.
    pub fn apply(&mut self, change: Change) {
        if let Some((title, locked)) = change.title {
            (self.title, self.title_locked) = (title, locked);
        }
        if let Some(metadata) = change.metadata {
            self.metadata = metadata;
        }
        if let Some(referrer) = change.referrer {
            self.referrer = referrer;
        }
        if let Some(project_id) = change.project_id {
            self.project_id = project_id;
        }
        self.updated_at = self.updated_at.max(change.at);
    }
}
