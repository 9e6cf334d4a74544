//! The stores of conversations: three small traits, so that what only reads and writes a conversation need not know of
//! branches, nor either of exports and of sweeping. One type usually implements all three.
//!
//! Promises of all: everything is the owner's; somebody else's conversation is *not found*, by whatever way it is reached.
//! Each write is kept whole or not at all when its future is ready; a dropped future leaves open which. What is written in
//! a [`Transaction`] is kept with all else that is written in it, or not at all. The items of one [`Append`] stand side by
//! side on their branch whoever else writes. What is deleted is found no more, and kept until it is swept; it still works
//! as a list's cursor. Ids, times and rules are the business of the callers.

use async_trait::async_trait;

use super::{
    Append, Archived, Branch, Change, Conversation, Filter, Fork, Item, ItemRef, PlacedItem, Recent,
    Selection,
};
use crate::json::JsonObject;
use crate::page::{MAX_LIMIT, Order, Page, PageRequest};
use crate::record::Millis;
use crate::{Result, Transaction, Transactional, UserId};

/// Keeps conversations and their items; the promises are those of all [`crate::conversation`] stores.
///
/// ```
/// use jan_core::conversation::{ConversationStore, Filter};
/// use jan_core::page::PageRequest;
/// use jan_core::{Result, UserId};
///
/// /// What somebody talked about of late.
/// async fn titles(store: &dyn ConversationStore, owner: &UserId) -> Result<Vec<String>> {
///     let newest = store.list(owner, &Filter::default(), &PageRequest::default()).await?;
///     Ok(newest.items.into_iter().filter_map(|conversation| conversation.title).collect())
/// }
/// ```
#[async_trait]
pub trait ConversationStore: Transactional {
    /// Keeps a new conversation with its first items on [`super::MAIN`], as part of a transaction.
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

    /// The conversation of this id.
    async fn get(&self, owner: &UserId, id: &str) -> Result<Conversation>;

    /// A page of the owner's conversations by their last change.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `after` when the cursor is no conversation of the owner's.
    async fn list(&self, owner: &UserId, filter: &Filter, page: &PageRequest) -> Result<Page<Conversation>>;

    /// How many conversations [`ConversationStore::list`] lists on all pages.
    async fn count(&self, owner: &UserId, filter: &Filter) -> Result<u64>;

    /// Changes a conversation and gives it changed.
    async fn update(&self, owner: &UserId, id: &str, change: Change) -> Result<Conversation>;

    /// Takes all conversations of a project out of it, and says how many.
    async fn leave_project(&self, owner: &UserId, project_id: &str) -> Result<u64>;

    /// Deletes conversations and says which.
    async fn delete(&self, owner: &UserId, which: &Selection, at: Millis) -> Result<Vec<String>>;

    /// Adds items at the end of a branch, and a title if one was made, in one piece, as part of a transaction; gives the
    /// items with their places.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] with the code [`super::BRANCH_MOVED`] when the branch does not end with the
    /// [`super::Tip`]; then nothing is written. Of two writers at the same time with the same tip, one writes.
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

    /// A page of a branch's items (the active one's when none is named), by their place.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming `after` when the cursor is no item of the branch.
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

    /// One item, whichever branch it stands on.
    async fn item(&self, owner: &UserId, id: &str, which: ItemRef<'_>) -> Result<Item>;

    /// Sets members of an item's body and gives it changed.
    async fn merge_item(
        &self,
        owner: &UserId,
        id: &str,
        which: ItemRef<'_>,
        members: JsonObject,
        at: Millis,
    ) -> Result<Item>;

    /// Deletes one item; those before and after it stay, on every branch.
    async fn delete_item(&self, owner: &UserId, id: &str, item: &str, at: Millis) -> Result<()>;
}

/// Keeps the branches of conversations; the promises are those of all [`crate::conversation`] stores.
#[async_trait]
pub trait BranchStore: Transactional {
    /// The branches, in the order in which they were made.
    async fn branches(&self, owner: &UserId, id: &str) -> Result<Vec<Branch>>;

    /// Makes a branch with its first items, in one piece, as part of a transaction, and gives both.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when the name is taken, or with the code [`super::BRANCH_MOVED`] when the parent does
    /// not end with the [`super::Tip`]; [`crate::ErrorKind::NotFound`] when the fork's item is not on the parent.
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

    /// Deletes a branch; what others share with it stays.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when it is the active one or [`super::MAIN`].
    async fn delete_branch(&self, owner: &UserId, id: &str, branch: &str, at: Millis) -> Result<()>;
}

/// Whole conversations and whole accounts: exports and imports, the end of an account, the end of what was deleted. The
/// promises are those of all [`crate::conversation`] stores.
#[async_trait]
pub trait ConversationArchive: Send + Sync + 'static {
    /// The conversation as it is kept, with every branch.
    async fn archived(&self, owner: &UserId, id: &str) -> Result<Archived>;

    /// At most `limit` items of all branches, by their branch's number and their place on it, after such a place.
    async fn placed(
        &self,
        owner: &UserId,
        id: &str,
        after: (i64, i64),
        limit: u32,
    ) -> Result<Vec<PlacedItem>>;

    /// Keeps a conversation that was archived, with all its items.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when its id or an item's is taken, whoever took it; [`crate::ErrorKind::Invalid`]
    /// when branches and items do not fit together.
    async fn restore(&self, owner: &UserId, archived: Archived, items: Vec<PlacedItem>) -> Result<()>;

    /// Takes everything of an owner away for good and says how many conversations it were.
    async fn delete_owner(&self, owner: &UserId) -> Result<u64>;

    /// Takes away for good what was deleted before `before`, whoever owned it: at most `limit` conversations and as many
    /// items. Says how many rows it were.
    async fn sweep(&self, before: Millis, limit: u32) -> Result<u64>;
}
