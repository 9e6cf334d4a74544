//! The newest part of a conversation, as a chat reads it: in one go, and not parsed. Most of it reaches the model as the
//! text that it is kept as.

use bytes::Bytes;

use super::{Conversation, Item, Tip};
use crate::json::JsonObject;
use crate::record::Millis;
use crate::{Error, Result};

/// A conversation and the newest items of its active branch.
#[derive(Debug, Clone)]
pub struct Recent {
    /// The conversation.
    pub conversation: Conversation,
    /// The items, the oldest first.
    pub items: Vec<RecentItem>,
    /// Whether these are all items of the branch.
    pub whole: bool,
}

/// An item as it is kept.
#[derive(Debug, Clone)]
pub struct RecentItem {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created_at: Millis,
    /// Its body: a JSON object.
    pub body: Bytes,
}

impl Recent {
    /// What the branch ends with.
    pub fn tip(&self) -> Tip {
        self.items.last().map_or(Tip::Empty, |last| Tip::Item(last.id.clone()))
    }
}

impl RecentItem {
    /// The item with its body read, without its branch and its place.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the body is no JSON object.
    pub fn read(&self) -> Result<Item> {
        let body = JsonObject::parse(self.body.clone()).map_err(Error::internal)?;
        Ok(Item::new(self.id.clone(), self.created_at, body))
    }
}

impl From<&Item> for RecentItem {
    fn from(item: &Item) -> Self {
        Self { id: item.id.clone(), created_at: item.created_at, body: item.body.to_bytes() }
    }
}
