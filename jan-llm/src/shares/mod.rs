//! Shares: public read-only copies of a conversation, for anyone with the link. A share is a snapshot: later messages
//! are not in it.
//!
//! A share is two records: the owner's `share`, which describes what was shared, and a `public_share`, which belongs to
//! a system user ([`UserId::system`]) and holds the [`Snapshot`] under the slug of the link. Both creation and
//! revocation write the public record first. So an owner never sees a share whose link does not work yet, and never a
//! revoked share whose link still works.

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

/// The kind of the public records.
pub(crate) const PUBLIC: &str = "public_share";
/// The length of a slug in characters; 22 of 62 possible ones are 131 bits, which cannot be guessed.
const SLUG: usize = 22;
const MAX_TITLE: usize = 256;

/// The system user that owns the public records.
pub(crate) fn system_owner() -> UserId {
    UserId::system("public-shares")
}

/// The share service. Cheap to clone; clones share the counts of views.
#[derive(Clone)]
pub struct Shares {
    shares: Records<Share>,
    public: Records<Public>,
    conversations: Conversations,
    views: Arc<Views>,
    clock: Arc<dyn Clock>,
}

/// The owner's record of a share. The record's group is the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The random part of the link.
    pub slug: String,
    /// The title of the share.
    pub title: String,
    /// The shared item; `None` when the whole conversation is shared.
    pub item_id: Option<String>,
    /// The options of the share.
    pub options: ShareOptions,
    /// When it was revoked; `None` while it is public.
    pub revoked_at: Option<Millis>,
    /// The number of views. Views are written in batches, so the latest may be missing.
    #[serde(default)]
    pub view_count: u64,
    /// The time of the last view.
    #[serde(default)]
    pub last_viewed_at: Option<Millis>,
    /// The time of the last change.
    pub updated_at: Millis,
}

/// What a share contains in addition to the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShareOptions {
    /// Whether images are included.
    pub include_images: bool,
    /// For a single answer: whether the messages before it are included.
    pub include_context_messages: bool,
}

/// The public record. Its id is that of the share, its key the slug, and its group the owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Public {
    /// `None` after the share was revoked.
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

    /// Shares a conversation, or one answer of it. An older share of the same conversation or answer is revoked.
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
        let shared = self.conversations.get(owner, conversation).await?;
        let now = self.next_time(owner, conversation).await?;
        check_shareable(&shared)?;
        let NewItemShare { title: given, include_images, include_context_messages, branch } = new;
        let options = ShareOptions { include_images, include_context_messages };
        let title = title(given.or(shared.title));
        let collected = match &item {
            None => {
                Collected::conversation(&self.conversations, owner, conversation, branch, options).await?
            }
            Some(item) => {
                Collected::answer(&self.conversations, owner, conversation, item, branch, options).await?
            }
        };
        let snapshot = collected.into_snapshot(title.clone(), now);

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
        self.revoke_older(owner, conversation, share).await
    }

    /// The creation time of a new share. It is later than that of every other share of the conversation, so that the
    /// newest is always well defined.
    async fn next_time(&self, owner: &UserId, conversation: &str) -> Result<Millis> {
        let newest = PageRequest { limit: 1, ..PageRequest::default() };
        let last = self.shares.list(owner, Some(conversation), &newest).await?;
        let last = last.items.first().map_or(0, |share| share.created_at + 1);
        Ok(self.clock.millis().max(last))
    }

    /// Runs after a share was created. Revokes all but the newest share of the same conversation or answer. If the
    /// conversation was deleted while the share was created, revokes the new share: the deletion revokes the shares
    /// that it finds, and may have run before this one was written.
    async fn revoke_older(
        &self,
        owner: &UserId,
        conversation: &str,
        new: TypedRecord<Share>,
    ) -> Result<TypedRecord<Share>> {
        if let Err(error) = self.conversations.get(owner, conversation).await {
            self.revoke_records(owner, &new.id).await?;
            return Err(error);
        }
        let mut same = self.shares.all(owner, Some(conversation)).await?;
        same.retain(|share| share.body.item_id == new.body.item_id && share.body.revoked_at.is_none());
        let newest = same.iter().map(|share| (share.created_at, share.id.clone())).max();
        for share in same.iter().filter(|share| Some((share.created_at, share.id.clone())) != newest) {
            self.revoke_records(owner, &share.id).await?;
        }
        // Read again: a concurrent request that shared the same may have revoked this share.
        self.shares.get(owner, &new.id).await?.ok_or_else(|| not_found(&new.id))
    }

    /// A page of the owner's shares, or of those of one conversation, newest first by default.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the owner has no such conversation; as [`Records::list`].
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

    /// Revokes a share permanently. With `conversation`, only if the share belongs to it. Revoking twice is not an
    /// error.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn revoke(&self, owner: &UserId, conversation: Option<&str>, id: &str) -> Result<()> {
        let share = self.shares.get(owner, id).await?;
        let share = share.filter(|share| conversation.is_none_or(|id| share.group.as_deref() == Some(id)));
        if share.is_none() {
            return Err(not_found(id));
        }
        self.revoke_records(owner, id).await
    }

    /// Revokes all shares of a deleted conversation. Call it after the deletion: a share that is created at the same
    /// time is then either found here, or its creation finds that the conversation is deleted.
    ///
    /// # Errors
    /// The store's; call it again.
    pub async fn revoke_conversation(&self, owner: &UserId, conversation: &str) -> Result<()> {
        self.revoke_group(owner, Some(conversation)).await
    }

    /// Revokes all shares of the owner.
    ///
    /// # Errors
    /// The store's; call it again.
    pub async fn revoke_all(&self, owner: &UserId) -> Result<()> {
        self.revoke_group(owner, None).await
    }

    async fn revoke_group(&self, owner: &UserId, conversation: Option<&str>) -> Result<()> {
        let shares = self.shares.all(owner, conversation).await?;
        for share in shares.iter().filter(|share| share.body.revoked_at.is_none()) {
            self.revoke_records(owner, &share.id).await?;
        }
        Ok(())
    }

    async fn revoke_records(&self, owner: &UserId, id: &str) -> Result<()> {
        let now = self.clock.millis();
        let empty = |public: &mut TypedRecord<Public>| {
            public.body.snapshot = None;
            Ok(())
        };
        ignore_not_found(self.public.update(&system_owner(), id, empty).await)?;
        let mark = |share: &mut TypedRecord<Share>| {
            share.body.revoked_at = share.body.revoked_at.or(Some(now));
            share.body.updated_at = now;
            Ok(())
        };
        ignore_not_found(self.shares.update(owner, id, mark).await)
    }

    /// The public content of a share. Counts a view.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for a malformed slug; [`ErrorKind::Gone`] when it was revoked.
    pub async fn public(&self, slug: &str) -> Result<PublicShareShape> {
        let (public, snapshot) = self.load_public(slug).await?;
        self.views.count(public.id, UserId::new(public.group.unwrap_or_default()), self.clock.millis());
        Ok(PublicShareShape::new(slug.to_owned(), public.created_at, snapshot))
    }

    /// Checks that a share exists and is not revoked. Counts no view.
    ///
    /// # Errors
    /// As [`Shares::public`].
    pub async fn is_public(&self, slug: &str) -> Result<()> {
        self.load_public(slug).await.map(drop)
    }

    async fn load_public(&self, slug: &str) -> Result<(TypedRecord<Public>, Snapshot)> {
        let public = self.public.find(&system_owner(), slug).await?;
        let mut public =
            public.ok_or_else(|| Error::not_found("There is no such share.").with_code("share_not_found"))?;
        let revoked = || Error::new(ErrorKind::Gone, "This share was revoked by its owner.");
        let snapshot = public.body.snapshot.take().ok_or_else(revoked)?;
        Ok((public, snapshot))
    }

    /// Writes the views counted since the last flush. Views that cannot be written are lost and logged.
    pub async fn flush(&self) {
        for (id, views) in self.views.take() {
            let add = |share: &mut TypedRecord<Share>| {
                share.body.view_count += views.count;
                share.body.last_viewed_at = share.body.last_viewed_at.max(Some(views.last));
                Ok(())
            };
            if let Err(error) = ignore_not_found(self.shares.update(&views.owner, &id, add).await) {
                tracing::warn!(%id, error = %jan_core::causes::Causes(&error), "views of a share were not counted");
            }
        }
    }
}

/// Refuses a conversation that its owner marked as private or temporary.
fn check_shareable(conversation: &Conversation) -> Result<()> {
    let marked = |key: &str| conversation.metadata.get(key).is_some_and(|value| value == "true");
    if marked("private") || marked("temporary") {
        let message = "A private or temporary conversation cannot be shared.";
        return Err(Error::invalid("conversation_id", message).with_code("not_shareable"));
    }
    Ok(())
}

/// The title of a share, cut to 256 characters; a default when it is blank.
fn title(given: Option<String>) -> String {
    let given = given.map(|title| title.trim().chars().filter(|c| *c != '\0').take(MAX_TITLE).collect());
    given.filter(|title: &String| !title.is_empty()).unwrap_or_else(|| "Shared conversation".to_owned())
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("There is no share `{id}`.")).with_code("share_not_found")
}

/// Ignores the error that a record does not exist: it was deleted meanwhile and needs no change.
fn ignore_not_found<T>(changed: Result<T>) -> Result<()> {
    match changed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The first page for reading a whole list in pages of the maximum size.
fn whole_list() -> PageRequest {
    PageRequest { limit: MAX_LIMIT, after: None, order: Order::Asc }
}

#[cfg(test)]
mod tests;
