//! What is said, kept: conversations, their items, and branches of them. The types and the traits of their stores; what may be asked of
//! them by whom is the business of the rooms.
//!
//! A conversation is a tree. Every item stands on one branch at one place (its sequence number). A branch that forks from
//! another sees its parent's items up to the fork and then its own ([`Lineage`]); nothing is ever copied or cut off, so
//! an edit costs one row and loses nothing.

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

/// The branch that every conversation begins with.
pub const MAIN: &str = "MAIN";

/// Up to 16 pairs that the owner attaches.
pub type Metadata = BTreeMap<String, String>;

/// A conversation, without its items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// `conv_` and 16 characters.
    pub id: String,
    /// What it is about.
    pub title: Option<String>,
    /// The owner chose the title: it is not made anew.
    pub title_locked: bool,
    /// The owner's own pairs.
    pub metadata: Metadata,
    /// Which app or page it came from.
    pub referrer: Option<String>,
    /// The project it belongs to.
    pub project_id: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last written to.
    pub updated_at: Millis,
}

/// One thing in a conversation: a message, a call of a tool and its output, reasoning, …
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// `msg_` and 16 characters (or another prefix that tells its type).
    pub id: String,
    /// The branch that it was read on; stores fill it in.
    pub branch: String,
    /// Its place on the branch, from 1; stores fill it in.
    pub sequence_number: i64,
    /// When it was kept.
    pub created_at: Millis,
    /// Everything else, as it came: `type`, `role`, `content`, `status`, `call_id`, and fields that we do not know.
    pub body: JsonObject,
}

impl Item {
    /// A new item with this body.
    pub fn new(id: impl Into<String>, created_at: Millis, body: JsonObject) -> Self {
        Self { id: id.into(), branch: String::new(), sequence_number: 0, created_at, body }
    }

    /// A member of the body that is text; `None` when it is absent or something else.
    pub fn text(&self, member: &str) -> Option<String> {
        self.body.get(member).ok().flatten()
    }

    /// Whether it is what a call gave back (`function_call_output` and its like).
    pub fn is_output(&self) -> bool {
        self.text("type").is_some_and(|kind| kind.ends_with("_output"))
    }
}

/// A line of items through the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name, unique in the conversation.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The branch that it forked from.
    pub parent_branch: Option<String>,
    /// When it forked.
    pub forked_at: Option<Millis>,
    /// The last item that it shares with its parent.
    pub forked_from_item_id: Option<String>,
    /// How many items it shows, its parents' included.
    pub item_count: u64,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last written to.
    pub updated_at: Millis,
    /// New items go to the active branch.
    pub is_active: bool,
}

/// Which conversations a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of a project.
    pub project_id: Option<String>,
    /// Those of an app or page.
    pub referrer: Option<String>,
}

/// What is changed of a conversation; `None` leaves it as it is, `Some(None)` takes it away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The title, and whether the owner chose it.
    pub title: Option<(Option<String>, bool)>,
    /// All pairs anew.
    pub metadata: Option<Metadata>,
    /// Where it came from.
    pub referrer: Option<Option<String>>,
    /// The project it belongs to.
    pub project_id: Option<Option<String>>,
    /// When the change was made.
    pub at: Millis,
}

/// Which conversations are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These; ids of others are passed over.
    Ids(Vec<String>),
    /// All of a project.
    Project(String),
    /// All that the owner has.
    All,
}

/// What a branch must still end with for a write to happen: a writer that decided by what it read makes sure that nobody
/// else wrote since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tip {
    /// Whatever it ends with.
    #[default]
    Any,
    /// It shows nothing.
    Empty,
    /// The last item that it shows is the one of this id.
    Item(String),
}

/// The code of the conflict when a branch does not end with the [`Tip`] that a write was made for.
pub const BRANCH_MOVED: &str = "branch_moved";

impl Tip {
    /// The tip of a branch whose last item is this one.
    pub fn of(last: Option<&Item>) -> Self {
        last.map_or(Self::Empty, |item| Self::Item(item.id.clone()))
    }

    /// Whether a branch whose last item has this id ends as it must.
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
    /// The branch; the active one when none is named.
    pub branch: Option<String>,
    /// The items in order. One whose id is there already is passed over, so that an append can be repeated.
    pub items: Vec<Item>,
    /// A title made of what is said; one that the owner chose stays.
    pub title: Option<String>,
    /// What the branch must still end with.
    pub tip: Tip,
    /// When.
    pub at: Millis,
}

/// Where a branch leaves its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkPoint {
    /// After its last item.
    End,
    /// Before this item: the first that is not shared.
    Before(String),
    /// After this item: the last that is shared.
    After(String),
}

/// A branch to be made.
#[derive(Debug, Clone)]
pub struct Fork {
    /// The parent; the active branch when none is named.
    pub parent: Option<String>,
    /// Where it leaves the parent.
    pub point: ForkPoint,
    /// What it is called.
    pub naming: Naming,
    /// What it is for.
    pub description: Option<String>,
    /// The first items of its own.
    pub items: Vec<Item>,
    /// What the parent must still end with.
    pub tip: Tip,
    /// When.
    pub at: Millis,
}

/// What a new branch is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// A name of its own; the active branch stays active.
    New(String),
    /// It takes its parent's name and is active; the parent is kept under this name.
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
    /// The newest item that makes this call (its `call_id`), outputs left aside.
    Call(&'a str),
}

impl Conversation {
    /// Changes what `change` names.
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
