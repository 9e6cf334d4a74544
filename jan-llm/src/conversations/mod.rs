//! The conversation service. It checks limits and assigns ids and times; the store saves what it receives, unchecked.

mod check;
mod history;
mod item;
mod messages;
mod new;
mod order;
mod original;
mod replay;
mod resent;
mod same;
#[cfg(feature = "openapi")]
mod schema;
mod shape;
mod tool_turn;

use std::sync::Arc;

use jan_core::conversation::{
    Append, Branch, Change, Conversation, Filter, Fork, ForkPoint, Item, ItemRef, MAIN, Naming, Selection,
    Tip,
};
use jan_core::page::{Page, PageRequest};
use jan_core::{Clock, Error, JsonObject, Result, UserId, id};

pub(crate) use check::{metadata as check_metadata, referrer_text as check_referrer};
pub(crate) use history::{AsMessage, HistoryMessage, to_json};
pub use messages::{from_message, reasoning};
pub use new::{CallReport, ConversationPatch, NewBranch, NewConversation, NewItem, NewItems};
pub(crate) use order::in_order;
pub(crate) use original::original_block;
pub use original::{original_outcome, original_shape};
pub use replay::to_messages;
pub(crate) use replay::{add_members, replay};
pub(crate) use resent::compare;
#[cfg(feature = "openapi")]
pub use schema::{EditItem, Regenerate};
pub use shape::{BranchShape, ConversationShape, item_shape};

use crate::store::Store;
use crate::titles::DEFAULT_TITLE;

/// The conversation service. Cheap to clone.
#[derive(Clone)]
pub struct Conversations {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Conversations {
    /// The conversations in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        Self { store: store.clone(), clock }
    }

    /// The stores that this service uses.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Creates a conversation with its first items.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the member that breaks a limit.
    pub async fn create(&self, owner: &UserId, new: NewConversation) -> Result<(Conversation, Vec<Item>)> {
        let now = self.clock.millis();
        let title = check::title(new.title)?.filter(|title| title != DEFAULT_TITLE);
        check::metadata(&new.metadata)?;
        let conversation = Conversation {
            id: id::short("conv_"),
            title_locked: title.is_some(),
            title,
            metadata: new.metadata,
            referrer: check::referrer(new.referrer)?,
            project_id: check::project_id(new.project_id)?,
            created_at: now,
            updated_at: now,
        };
        let items = item::checked(new.items, 0, now)?;
        let items = self.store.conversations.create(owner, conversation.clone(), items).await?;
        Ok((conversation, items))
    }

    /// The conversation with this id.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`], also for a malformed `id`.
    pub async fn get(&self, owner: &UserId, id: &str) -> Result<Conversation> {
        self.store.conversations.get(owner, id).await
    }

    /// A page of the owner's conversations, by the time of their last change.
    ///
    /// # Errors
    /// As [`jan_core::ConversationStore::list`].
    pub async fn list(
        &self,
        owner: &UserId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page<Conversation>> {
        self.store.conversations.list(owner, filter, page).await
    }

    /// How many conversations [`Conversations::list`] lists on all pages.
    ///
    /// # Errors
    /// The store's.
    pub async fn count(&self, owner: &UserId, filter: &Filter) -> Result<u64> {
        self.store.conversations.count(owner, filter).await
    }

    /// Changes the members that the patch contains. A title set by the owner is final: no title is generated for this
    /// conversation any more.
    ///
    /// # Errors
    /// As [`Conversations::create`], [`jan_core::ErrorKind::NotFound`].
    pub async fn update(&self, owner: &UserId, id: &str, patch: ConversationPatch) -> Result<Conversation> {
        patch.metadata.as_ref().map_or(Ok(()), check::metadata)?;
        let change = Change {
            title: check::title(patch.title)?.map(|title| (Some(title), true)),
            metadata: patch.metadata,
            referrer: patch.referrer.map(check::referrer).transpose()?,
            project_id: patch.project_id.map(check::project_id).transpose()?,
            at: self.clock.millis(),
        };
        self.store.conversations.update(owner, id, change).await
    }

    /// Deletes conversations and returns the ids of those that were deleted.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete(&self, owner: &UserId, which: &Selection) -> Result<Vec<String>> {
        self.store.conversations.delete(owner, which, self.clock.millis()).await
    }

    /// Deletes one conversation.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`].
    pub async fn delete_one(&self, owner: &UserId, id: &str) -> Result<()> {
        let deleted = self.delete(owner, &Selection::Ids(vec![id.to_owned()])).await?;
        if deleted.is_empty() {
            return Err(Error::not_found(format!("There is no conversation `{id}`."))
                .with_code("conversation_not_found"));
        }
        Ok(())
    }

    /// Appends 1 to 20 items to a branch; to the active branch when none is named.
    ///
    /// # Errors
    /// As [`Conversations::create`], [`jan_core::ErrorKind::NotFound`].
    pub async fn add_items(
        &self,
        owner: &UserId,
        id: &str,
        branch: Option<String>,
        items: Vec<NewItem>,
    ) -> Result<Vec<Item>> {
        let at = self.clock.millis();
        let items = item::checked(items, 1, at)?;
        self.store.conversations.append(owner, id, Append { branch, items, at, ..Append::default() }).await
    }

    /// A page of the items of a branch; of the active branch when none is named.
    ///
    /// # Errors
    /// As [`jan_core::ConversationStore::items`].
    pub async fn items(
        &self,
        owner: &UserId,
        id: &str,
        branch: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Item>> {
        self.store.conversations.items(owner, id, branch.map(canonical), page).await
    }

    /// The number of items that are visible on a branch; on the active branch when none is named.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`].
    pub async fn count_items(&self, owner: &UserId, id: &str, branch: Option<&str>) -> Result<u64> {
        let branches = self.store.branches.branches(owner, id).await?;
        let wanted = |one: &&Branch| branch.map_or(one.is_active, |name| one.name == canonical(name));
        Ok(branches.iter().find(wanted).map_or(0, |branch| branch.item_count))
    }

    /// One item.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`].
    pub async fn item(&self, owner: &UserId, id: &str, which: ItemRef<'_>) -> Result<Item> {
        self.store.conversations.item(owner, id, which).await
    }

    /// Records the outcome of a tool call on the item of the call.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when `status` is unknown, [`jan_core::ErrorKind::NotFound`].
    pub async fn report_call(
        &self,
        owner: &UserId,
        id: &str,
        call: &str,
        report: &CallReport,
    ) -> Result<Item> {
        let members = item::call_report(report)?;
        self.store
            .conversations
            .merge_item(owner, id, ItemRef::Call(call), members, self.clock.millis())
            .await
    }

    /// Deletes one item and returns the conversation.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`].
    pub async fn delete_item(&self, owner: &UserId, id: &str, item: &str) -> Result<Conversation> {
        self.store.conversations.delete_item(owner, id, item, self.clock.millis()).await?;
        self.store.conversations.get(owner, id).await
    }

    /// All branches; [`Branch::is_active`] marks the active one.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`].
    pub async fn branches(&self, owner: &UserId, id: &str) -> Result<Vec<Branch>> {
        self.store.branches.branches(owner, id).await
    }

    /// One branch.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`].
    pub async fn branch(&self, owner: &UserId, id: &str, name: &str) -> Result<Branch> {
        let name = canonical(name);
        let found = self.branches(owner, id).await?.into_iter().find(|branch| branch.name == name);
        found.ok_or_else(|| {
            Error::not_found(format!("There is no branch `{name}`.")).with_code("branch_not_found")
        })
    }

    /// Creates a branch.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`], [`jan_core::ErrorKind::NotFound`], [`jan_core::ErrorKind::Conflict`].
    pub async fn create_branch(&self, owner: &UserId, id: &str, new: NewBranch) -> Result<Branch> {
        check::branch_name(&new.name)?;
        new.description.as_deref().map_or(Ok(()), check::description)?;
        let fork = Fork {
            parent: new.parent_branch.map(|name| canonical(&name).to_owned()),
            point: new.fork_from_item_id.map_or(ForkPoint::End, ForkPoint::After),
            naming: Naming::New(new.name),
            description: new.description,
            items: Vec::new(),
            tip: Tip::Any,
            at: self.clock.millis(),
        };
        Ok(self.store.branches.fork(owner, id, fork).await?.0)
    }

    /// Makes a branch the active one.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`].
    pub async fn activate(&self, owner: &UserId, id: &str, name: &str) -> Result<()> {
        self.store.branches.activate(owner, id, canonical(name), self.clock.millis()).await
    }

    /// Deletes a branch.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] for the active branch and for MAIN, [`jan_core::ErrorKind::NotFound`].
    pub async fn delete_branch(&self, owner: &UserId, id: &str, name: &str) -> Result<()> {
        self.store.branches.delete_branch(owner, id, canonical(name), self.clock.millis()).await
    }

    /// The fork for an edited message or a regenerated answer: a new branch takes the name of the active branch and
    /// shows its items up to `point`; the old branch is kept under a generated backup name.
    pub(crate) fn take_over(&self, point: ForkPoint, description: &str) -> Fork {
        Fork {
            parent: None,
            point,
            naming: Naming::TakeOver { backup: id::random(&format!("{MAIN}_"), 10) },
            description: Some(description.to_owned()),
            items: Vec::new(),
            tip: Tip::Any,
            at: self.clock.millis(),
        }
    }

    /// The edited copy of `item` with the `content` of the body, and the fork to which it is to be appended.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when `item` is not a user's message, or the content breaks a limit.
    pub async fn edited(
        &self,
        owner: &UserId,
        id: &str,
        item: &str,
        body: &JsonObject,
    ) -> Result<(Item, Fork)> {
        let old = self.item(owner, id, ItemRef::Id(item)).await?;
        if old.text("role").as_deref() != Some("user") {
            let message = "Only a user's message can be edited.";
            return Err(Error::invalid("item_id", message).with_code("not_a_user_message"));
        }
        let new = item::with_content(&old, body, self.clock.millis())?;
        Ok((new, self.take_over(ForkPoint::Before(item.to_owned()), "Kept when a message was edited.")))
    }
}

/// Some clients write [`MAIN`] in lower case.
fn canonical(branch: &str) -> &str {
    if branch.eq_ignore_ascii_case(MAIN) { MAIN } else { branch }
}
