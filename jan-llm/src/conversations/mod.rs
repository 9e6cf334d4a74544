//! Conversations as their owners use them: what may be said of them is checked here, ids and times are made here, and
//! the store behind keeps what it is given.

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

/// Keeps and gives conversations. Cheap to clone.
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

    /// The stores behind.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes a conversation, and keeps its first items.
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

    /// The conversation of this id.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`], whatever `id` looks like.
    pub async fn get(&self, owner: &UserId, id: &str) -> Result<Conversation> {
        self.store.conversations.get(owner, id).await
    }

    /// A page of the owner's conversations, by their last change.
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

    /// Changes what the patch names. A title that the owner sets stays: it is not made anew from what is said.
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

    /// Deletes conversations and says which they were.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`] when one conversation was meant and is not there.
    pub async fn delete(&self, owner: &UserId, which: &Selection) -> Result<Vec<String>> {
        self.store.conversations.delete(owner, which, self.clock.millis()).await
    }

    /// Deletes one conversation.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`].
    pub async fn delete_one(&self, owner: &UserId, id: &str) -> Result<()> {
        let gone = self.delete(owner, &Selection::Ids(vec![id.to_owned()])).await?;
        if gone.is_empty() {
            return Err(Error::not_found(format!("There is no conversation `{id}`."))
                .with_code("conversation_not_found"));
        }
        Ok(())
    }

    /// Adds 1 to 20 items at the end of a branch; of the active one, when none is named.
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

    /// A page of a branch's items.
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

    /// How many items a branch shows; the active one when none is named.
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

    /// Says how a call went.
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

    /// Deletes one item and keeps the rest.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`].
    pub async fn delete_item(&self, owner: &UserId, id: &str, item: &str) -> Result<Conversation> {
        self.store.conversations.delete_item(owner, id, item, self.clock.millis()).await?;
        self.store.conversations.get(owner, id).await
    }

    /// The branches, and which is active.
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

    /// Makes a branch.
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
    /// [`jan_core::ErrorKind::Invalid`] for the active one and MAIN, [`jan_core::ErrorKind::NotFound`].
    pub async fn delete_branch(&self, owner: &UserId, id: &str, name: &str) -> Result<()> {
        self.store.branches.delete_branch(owner, id, canonical(name), self.clock.millis()).await
    }

    /// What an edit or another answer makes of the active branch: a branch that takes its name and shows what it showed
    /// up to `point`, while the old one is kept under a name of its own.
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

    /// The item that an edit puts in the place of `item`: the same message with the `content` of the body.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when it is no user's message, or the content breaks a limit.
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

/// `main` is how some clients write [`MAIN`].
fn canonical(branch: &str) -> &str {
    if branch.eq_ignore_ascii_case(MAIN) { MAIN } else { branch }
}
