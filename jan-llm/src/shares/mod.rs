//! Shares: what somebody shows of a conversation to whoever has the link. A share is frozen when it is made; what is said
//! later is not in it.
//!
//! Two records make one: the owner's `share`, which says what was shared, and a `public_share` that belongs to the house
//! ([`UserId::system`]) and holds the frozen [`Snapshot`] under the link's slug. The public one is written first and
//! taken back first, so that an owner never sees a link that does not lead anywhere, nor one that still leads somewhere
//! after it was taken back.

mod new;
mod shape;
mod snapshot;
mod views;

use std::sync::Arc;

use jan_core::conversation::Conversation;
use jan_core::page::{MAX_LIMIT, Order, Page, PageRequest};
use jan_core::record::{Millis, Records, TypedRecord};
use jan_core::{Clock, Error, ErrorKind, Result, UserId, id};
use serde::{Deserialize, Serialize};

pub use new::{NewItemShare, NewShare, Scope};
pub use shape::{PublicShareShape, ShareShape};
pub use snapshot::{MAX_SNAPSHOT, SharedItem, Snapshot};

use crate::conversations::Conversations;
use crate::store::Store;
use snapshot::Collected;
use views::Views;

/// The kind of the records that the public sees.
pub(crate) const PUBLIC: &str = "public_share";
/// How long a slug is: 131 bits, which nobody guesses.
const SLUG: usize = 22;
const MAX_TITLE: usize = 256;

/// Whose the public records are.
pub(crate) fn system_owner() -> UserId {
    UserId::system("public-shares")
}

/// Makes shares, shows them, takes them back. Cheap to clone; clones count views together.
#[derive(Clone)]
pub struct Shares {
    shares: Records<Share>,
    public: Records<Public>,
    conversations: Conversations,
    views: Arc<Views>,
    clock: Arc<dyn Clock>,
}

/// A share as its owner has it. Its group is the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// What stands in the link.
    pub slug: String,
    /// What it is called.
    pub title: String,
    /// The one item that is shared; the whole conversation when there is none.
    pub item_id: Option<String>,
    /// What is in it besides.
    pub options: ShareOptions,
    /// When it was taken back, if it was.
    pub revoked_at: Option<Millis>,
    /// How often it was looked at; counted in batches, so the last few views may be missing.
    #[serde(default)]
    pub view_count: u64,
    /// When it was last looked at.
    #[serde(default)]
    pub last_viewed_at: Option<Millis>,
    /// When it was last changed.
    pub updated_at: Millis,
}

/// What a share holds besides words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShareOptions {
    /// Pictures too.
    pub include_images: bool,
    /// With a single answer also what was said before it.
    pub include_context_messages: bool,
}

/// What the public sees of it. Its id is the share's, its key the slug, its group the owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Public {
    /// None once it was taken back.
    snapshot: Option<Snapshot>,
}

impl Shares {
    /// The shares in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            shares: Records::new("share", store.records.clone()),
            public: Records::new(PUBLIC, store.records.clone()),
            conversations: Conversations::new(store, clock.clone()),
            views: Arc::default(),
            clock,
        }
    }

    /// Shares a conversation, or one answer of it. An older share of the same is taken back.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] naming the member, or when there is too little to share; [`ErrorKind::NotFound`];
    /// [`ErrorKind::TooLarge`] over [`MAX_SNAPSHOT`] bytes.
    pub async fn create(
        &self,
        owner: &UserId,
        conversation: &str,
        new: NewShare,
    ) -> Result<TypedRecord<Share>> {
        let (item, new) = new.split()?;
        self.share(owner, conversation, item, new).await
    }

    /// Shares one answer, as [`Shares::create`] does.
    ///
    /// # Errors
    /// As [`Shares::create`].
    pub async fn create_of_item(
        &self,
        owner: &UserId,
        conversation: &str,
        item: String,
        new: NewItemShare,
    ) -> Result<TypedRecord<Share>> {
        self.share(owner, conversation, Some(item), new).await
    }

    async fn share(
        &self,
        owner: &UserId,
        conversation: &str,
        item: Option<String>,
        new: NewItemShare,
    ) -> Result<TypedRecord<Share>> {
        let talk = self.conversations.get(owner, conversation).await?;
        let now = self.next(owner, conversation).await?;
        may_be_shared(&talk)?;
        let NewItemShare { title: given, include_images, include_context_messages, branch } = new;
        let options = ShareOptions { include_images, include_context_messages };
        let title = title(given.or(talk.title));
        let collected = match &item {
            None => {
                Collected::conversation(&self.conversations, owner, conversation, branch, options).await?
            }
            Some(item) => {
                Collected::answer(&self.conversations, owner, conversation, item, branch, options).await?
            }
        };
        let snapshot = collected.frozen(title.clone(), now);

        let (id, slug) = (id::short("shr_"), id::base62(SLUG));
        let public = TypedRecord::new(&id, now, Public { snapshot: Some(snapshot) });
        let public = public.key(&slug).group(Some(owner.as_str().to_owned()));
        self.public.insert(&system_owner(), &public).await?;
        let share = Share {
            slug,
            title,
            item_id: item,
            options,
            revoked_at: None,
            view_count: 0,
            last_viewed_at: None,
            updated_at: now,
        };
        let share = TypedRecord::new(&id, now, share).group(Some(conversation.to_owned()));
        self.shares.insert(owner, &share).await?;
        self.settle(owner, conversation, share).await
    }

    /// The time of a new share: after all others of its conversation, so that which one is the newest is never open.
    async fn next(&self, owner: &UserId, conversation: &str) -> Result<Millis> {
        let newest = PageRequest { limit: 1, ..PageRequest::default() };
        let last = self.shares.list(owner, Some(conversation), &newest).await?;
        let last = last.items.first().map_or(0, |share| share.created_at + 1);
        Ok(self.clock.millis().max(last))
    }

    /// After a share was made: only the newest of what it shares stays, and none of a conversation that was deleted
    /// meanwhile.
    async fn settle(
        &self,
        owner: &UserId,
        conversation: &str,
        new: TypedRecord<Share>,
    ) -> Result<TypedRecord<Share>> {
        if let Err(gone) = self.conversations.get(owner, conversation).await {
            self.take_back(owner, &new.id).await?;
            return Err(gone);
        }
        let mut same = self.shares.all(owner, Some(conversation)).await?;
        same.retain(|share| share.body.item_id == new.body.item_id && share.body.revoked_at.is_none());
        let newest = same.iter().map(|share| (share.created_at, share.id.clone())).max();
        for share in same.iter().filter(|share| Some((share.created_at, share.id.clone())) != newest) {
            self.take_back(owner, &share.id).await?;
        }
        // As it is by now: somebody else may have shared the same in this very moment.
        self.shares.get(owner, &new.id).await?.ok_or_else(|| not_found(&new.id))
    }

    /// A page of the owner's shares, of one conversation if it is named, newest first unless told.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the conversation is none of theirs; as [`Records::list`].
    pub async fn list(
        &self,
        owner: &UserId,
        conversation: Option<&str>,
        include_revoked: bool,
        page: &PageRequest,
    ) -> Result<Page<TypedRecord<Share>>> {
        if let Some(id) = conversation {
            self.conversations.get(owner, id).await?;
        }
        let (mut found, mut next) = (Vec::new(), page.clone());
        loop {
            let part = self.shares.list(owner, conversation, &next).await?;
            next.after = part.items.last().map(|share| share.id.clone());
            found.extend(
                part.items.into_iter().filter(|share| include_revoked || share.body.revoked_at.is_none()),
            );
            if !part.has_more || found.len() > page.limit as usize {
                return Ok(page.of(found));
            }
        }
    }

    /// How many shares [`Shares::list`] lists on all pages.
    ///
    /// # Errors
    /// The store's.
    pub async fn count(
        &self,
        owner: &UserId,
        conversation: Option<&str>,
        include_revoked: bool,
    ) -> Result<u64> {
        let all = self.shares.all(owner, conversation).await?;
        Ok(all.iter().filter(|share| include_revoked || share.body.revoked_at.is_none()).count() as u64)
    }

    /// Takes a share back for good; of one conversation, if it is named. Taking back twice is no error.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn revoke(&self, owner: &UserId, conversation: Option<&str>, id: &str) -> Result<()> {
        let found = self.shares.get(owner, id).await?;
        let found = found.filter(|share| conversation.is_none_or(|of| share.group.as_deref() == Some(of)));
        if found.is_none() {
            return Err(not_found(id));
        }
        self.take_back(owner, id).await
    }

    /// Takes back what was shared of a conversation that is deleted. Call it after the deletion: a share that is made at
    /// the same time then finds that its conversation is gone.
    ///
    /// # Errors
    /// The store's; call it again.
    pub async fn revoke_conversation(&self, owner: &UserId, conversation: &str) -> Result<()> {
        self.revoke_group(owner, Some(conversation)).await
    }

    /// Takes back everything that the owner shared.
    ///
    /// # Errors
    /// The store's; call it again.
    pub async fn revoke_all(&self, owner: &UserId) -> Result<()> {
        self.revoke_group(owner, None).await
    }

    async fn revoke_group(&self, owner: &UserId, conversation: Option<&str>) -> Result<()> {
        let shares = self.shares.all(owner, conversation).await?;
        for share in shares.iter().filter(|share| share.body.revoked_at.is_none()) {
            self.take_back(owner, &share.id).await?;
        }
        Ok(())
    }

    async fn take_back(&self, owner: &UserId, id: &str) -> Result<()> {
        let now = self.clock.millis();
        let empty = |public: &mut TypedRecord<Public>| {
            public.body.snapshot = None;
            Ok(())
        };
        unless_gone(self.public.update(&system_owner(), id, empty).await)?;
        let mark = |share: &mut TypedRecord<Share>| {
            share.body.revoked_at = share.body.revoked_at.or(Some(now));
            share.body.updated_at = now;
            Ok(())
        };
        unless_gone(self.shares.update(owner, id, mark).await)
    }

    /// What the public sees under a slug. Counts the view.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], whatever the slug looks like; [`ErrorKind::Gone`] when it was taken back.
    pub async fn public(&self, slug: &str) -> Result<PublicShareShape> {
        let (found, snapshot) = self.found(slug).await?;
        self.views.count(found.id, UserId::new(found.group.unwrap_or_default()), self.clock.millis());
        Ok(PublicShareShape::new(slug.to_owned(), found.created_at, snapshot))
    }

    /// Whether there is something to see; that counts no view.
    ///
    /// # Errors
    /// As [`Shares::public`].
    pub async fn is_public(&self, slug: &str) -> Result<()> {
        self.found(slug).await.map(drop)
    }

    async fn found(&self, slug: &str) -> Result<(TypedRecord<Public>, Snapshot)> {
        let found = self.public.find(&system_owner(), slug).await?;
        let mut found =
            found.ok_or_else(|| Error::not_found("There is no such share.").with_code("share_not_found"))?;
        let gone = || Error::new(ErrorKind::Gone, "This share was revoked by its owner.");
        let snapshot = found.body.snapshot.take().ok_or_else(gone)?;
        Ok((found, snapshot))
    }

    /// Writes down the views counted since the last time. Best effort: what cannot be written is forgotten.
    pub async fn flush(&self) {
        for (id, seen) in self.views.take() {
            let add = |share: &mut TypedRecord<Share>| {
                share.body.view_count += seen.count;
                share.body.last_viewed_at = share.body.last_viewed_at.max(Some(seen.last));
                Ok(())
            };
            if let Err(error) = unless_gone(self.shares.update(&seen.owner, &id, add).await) {
                tracing::warn!(%id, error = %jan_core::causes::Causes(&error), "views of a share were not counted");
            }
        }
    }
}

/// A conversation that its owner marked as private or temporary is shown to nobody.
fn may_be_shared(talk: &Conversation) -> Result<()> {
    let marked = |key: &str| talk.metadata.get(key).is_some_and(|value| value == "true");
    if marked("private") || marked("temporary") {
        let message = "A private or temporary conversation cannot be shared.";
        return Err(Error::invalid("conversation_id", message).with_code("not_shareable"));
    }
    Ok(())
}

/// At most so many characters, none of them cut.
fn title(given: Option<String>) -> String {
    let given = given.map(|title| title.trim().chars().filter(|c| *c != '\0').take(MAX_TITLE).collect());
    given.filter(|title: &String| !title.is_empty()).unwrap_or_else(|| "Shared conversation".to_owned())
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("There is no share `{id}`.")).with_code("share_not_found")
}

/// What was deleted meanwhile needs no change.
fn unless_gone<T>(changed: Result<T>) -> Result<()> {
    match changed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// All that a list holds, page by page.
fn whole_list() -> PageRequest {
    PageRequest { limit: MAX_LIMIT, after: None, order: Order::Asc }
}

#[cfg(test)]
mod tests;
