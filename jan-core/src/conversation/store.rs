//! The stores of conversations, as three small traits: code that only reads and writes conversations does not depend
//! on branches, and neither depends on exports and sweeps. One type usually implements all three.
//!
//! All three promise: a conversation of another owner is *not found*, whichever way it is accessed. A write is atomic
//! and durable when its future has returned; after a dropped future it may or may not have happened. Writes in a
//! [`Transaction`] are committed together with everything else in it, or not at all. The items of one [`Append`] are
//! adjacent on their branch, even when others write at the same time. Deleted data is not found any more, but stays
//! stored until it is swept; until then it still works as a cursor of lists. Callers choose ids and times and check
//! all rules.

use async_trait::async_trait;

use super::{
    Append, Archived, Branch, Change, Conversation, Filter, Fork, Item, ItemRef, PlacedItem, Recent,
    Selection,
};
use crate::json::JsonObject;
use crate::page::{MAX_LIMIT, Order, Page, PageRequest};
use crate::record::Millis;
use crate::{Result, Transaction, Transactional, UserId};

/// Stores conversations and their items; see [`crate::conversation`] stores for the common promises.
///
/// ```
/// use jan_core::conversation::{ConversationStore, Filter};
/// use jan_core::page::PageRequest;
/// use jan_core::{Result, UserId};
///
/// /// The titles of the owner's latest conversations.
/// async fn titles(store: &dyn ConversationStore, owner: &UserId) -> Result<Vec<String>> {
///     let newest = store.list(owner, &Filter::default(), &PageRequest::default()).await?;
///     Ok(newest.items.into_iter().filter_map(|conversation| conversation.title).collect())
/// }
/// ```
#[async_trait]
pub trait ConversationStore: Transactional {
    /// Stores a new conversation with its first items on [`super::MAIN`], as part of a transaction.
    async fn create_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        conversation: Conversation,
        items: Vec<Item>,
    ) -> Result<Vec<Item>>;

    /// As [`ConversationStore::create_in`], in a transaction of its own.
    async fn create(
        &self,
        owner: &UserId,
        conversation: Conversation,
        items: Vec<Item>,
    ) -> Result<Vec<Item>> {
        let mut tx = self.begin().await?;
        let kept = self.create_in(&mut tx, owner, conversation, items).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// The conversation with this id.
    async fn get(&self, owner: &UserId, id: &str) -> Result<Conversation>;

    /// A page of the owner's conversations, ordered by their last change.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `after` when the cursor is not a conversation of the owner.
    async fn list(&self, owner: &UserId, filter: &Filter, page: &PageRequest) -> Result<Page<Conversation>>;

    /// The number of conversations on all pages of [`ConversationStore::list`].
    async fn count(&self, owner: &UserId, filter: &Filter) -> Result<u64>;

    /// Changes a conversation and returns the changed conversation.
    async fn update(&self, owner: &UserId, id: &str, change: Change) -> Result<Conversation>;

    /// Removes all conversations from a project, and returns how many there were.
    async fn leave_project(&self, owner: &UserId, project_id: &str) -> Result<u64>;

    /// Deletes conversations and returns the ids of those that were deleted.
    async fn delete(&self, owner: &UserId, which: &Selection, at: Millis) -> Result<Vec<String>>;

    /// Adds items at the end of a branch, and a generated title if there is one, as part of a transaction. Returns the
    /// items with their positions.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] with the code [`super::BRANCH_MOVED`] when the branch does not meet the
    /// [`super::Tip`]; then nothing is written. Of two simultaneous writers with the same tip, one succeeds.
    async fn append_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        id: &str,
        append: Append,
    ) -> Result<Vec<Item>>;

    /// As [`ConversationStore::append_in`], in a transaction of its own.
    ///
    /// # Errors
    /// As [`ConversationStore::append_in`].
    async fn append(&self, owner: &UserId, id: &str, append: Append) -> Result<Vec<Item>> {
        let mut tx = self.begin().await?;
        let kept = self.append_in(&mut tx, owner, id, append).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// A page of a branch's items, ordered by their position; `None` is the active branch.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `after` when the cursor is not an item of the branch.
    async fn items(
        &self,
        owner: &UserId,
        id: &str,
        branch: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Item>>;

    /// The conversation and the newest `limit` items of its active branch, for a chat. A store that reads both at once
    /// writes this itself.
    async fn recent(&self, owner: &UserId, id: &str, limit: usize) -> Result<Recent> {
        let conversation = self.get(owner, id).await?;
        let (mut items, mut whole) = (Vec::new(), false);
        let mut page = PageRequest { limit: MAX_LIMIT, after: None, order: Order::Desc };
        while items.len() < limit && !whole {
            let mut next = self.items(owner, id, None, &page).await?;
            whole = !next.has_more;
            page.after = next.items.last().map(|item| item.id.clone());
            items.append(&mut next.items);
        }
        whole &= items.len() <= limit;
        items.truncate(limit);
        Ok(Recent { conversation, items: items.iter().rev().map(Into::into).collect(), whole })
    }

    /// One item, on any branch.
    async fn item(&self, owner: &UserId, id: &str, which: ItemRef<'_>) -> Result<Item>;

    /// Sets members of an item's body and returns the changed item.
    async fn merge_item(
        &self,
        owner: &UserId,
        id: &str,
        which: ItemRef<'_>,
        members: JsonObject,
        at: Millis,
    ) -> Result<Item>;

    /// Deletes one item; the items before and after it stay on all branches.
    async fn delete_item(&self, owner: &UserId, id: &str, item: &str, at: Millis) -> Result<()>;
}

/// Stores the branches of conversations; see [`crate::conversation`] stores for the common promises.
#[async_trait]
pub trait BranchStore: Transactional {
    /// The branches, in the order in which they were created.
    async fn branches(&self, owner: &UserId, id: &str) -> Result<Vec<Branch>>;

    /// Creates a branch with its first items, as part of a transaction, and returns both.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when the name exists already, or with the code [`super::BRANCH_MOVED`] when the
    /// parent does not meet the [`super::Tip`]; [`crate::ErrorKind::NotFound`] when the item of the fork is not on the
    /// parent.
    async fn fork_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        id: &str,
        fork: Fork,
    ) -> Result<(Branch, Vec<Item>)>;

    /// As [`BranchStore::fork_in`], in a transaction of its own.
    ///
    /// # Errors
    /// As [`BranchStore::fork_in`].
    async fn fork(&self, owner: &UserId, id: &str, fork: Fork) -> Result<(Branch, Vec<Item>)> {
        let mut tx = self.begin().await?;
        let made = self.fork_in(&mut tx, owner, id, fork).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Makes a branch the active one.
    async fn activate(&self, owner: &UserId, id: &str, branch: &str, at: Millis) -> Result<()>;

    /// Deletes a branch; items that other branches share with it stay.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when it is the active one or [`super::MAIN`].
    async fn delete_branch(&self, owner: &UserId, id: &str, branch: &str, at: Millis) -> Result<()>;
}

/// Operations on whole conversations and whole accounts: export, import, erasure of an account, and the final removal
/// of deleted data. See [`crate::conversation`] stores for the common promises.
#[async_trait]
pub trait ConversationArchive: Send + Sync + 'static {
    /// The stored conversation, with all branches.
    async fn archived(&self, owner: &UserId, id: &str) -> Result<Archived>;

    /// At most `limit` items of all branches, ordered by branch number and position, starting after the given
    /// position.
    async fn placed(
        &self,
        owner: &UserId,
        id: &str,
        after: (i64, i64),
        limit: u32,
    ) -> Result<Vec<PlacedItem>>;

    /// Stores an archived conversation with all its items.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when its id or the id of an item exists already, for any owner;
    /// [`crate::ErrorKind::Invalid`] when branches and items are inconsistent.
    async fn restore(&self, owner: &UserId, archived: Archived, items: Vec<PlacedItem>) -> Result<()>;

    /// Removes all data of an owner for good and returns the number of conversations.
    async fn delete_owner(&self, owner: &UserId) -> Result<u64>;

    /// Removes for good, for all owners, data that was deleted before `before`: at most `limit` conversations and as
    /// many items. Returns the number of removed rows.
    async fn sweep(&self, before: Millis, limit: u32) -> Result<u64>;
}
