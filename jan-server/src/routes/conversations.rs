//! `/v1/conversations`: the conversations themselves. Their items and branches stand in files of their own.

use jan_core::conversation::{Filter, Selection};
use jan_core::page::{Order, Page};
use jan_core::{Error, JsonObject, Result};
use jan_llm::conversations::{ConversationPatch, ConversationShape, NewConversation};
use serde::Serialize;

use super::call::Call;
use crate::http::reply::{Deleted, Listing, Reply, bare, enveloped};

/// Makes one, with up to 20 items.
pub(crate) async fn create(mut call: Call) -> Reply {
    let new: NewConversation = call.read_with_ids().await?;
    known_project(&call, new.project_id.as_deref()).await?;
    let (conversation, _) = call.rooms.conversations.create(call.owner(), new).await?;
    bare(&ConversationShape::from(conversation))
}

/// The caller's, newest change first.
pub(crate) async fn all(call: Call) -> Reply {
    let filter = Filter { project_id: call.query("project_id"), referrer: call.query("referrer") };
    page_of(&call, &filter).await
}

/// Those of a project.
pub(crate) async fn of_project(call: Call) -> Reply {
    let project = call.rooms.projects.get(call.owner(), &call.path("id")?).await?;
    let filter = Filter { project_id: Some(project.id), referrer: call.query("referrer") };
    page_of(&call, &filter).await
}

async fn page_of(call: &Call, filter: &Filter) -> Reply {
    let page = call.rooms.conversations.list(call.owner(), filter, &call.page(Order::Desc)?).await?;
    let page: Page<ConversationShape> = page.map(Into::into);
    let all = call.rooms.conversations.count(call.owner(), filter);
    Listing::counted(call, &page, all).await?.reply(call, ConversationShape::id)
}

/// One of them.
pub(crate) async fn get(call: Call) -> Reply {
    let conversation = call.rooms.conversations.get(call.owner(), &call.path("id")?).await?;
    bare(&ConversationShape::from(conversation))
}

/// Changes title, metadata, referrer or project.
pub(crate) async fn update(mut call: Call) -> Reply {
    let (id, patch) = (call.path("id")?, call.read::<ConversationPatch>().await?);
    known_project(&call, patch.project_id.as_ref().and_then(|id| id.as_deref())).await?;
    let conversation = call.rooms.conversations.update(call.owner(), &id, patch).await?;
    bare(&ConversationShape::from(conversation))
}

/// Deletes one, and takes back what was shared of it.
pub(crate) async fn delete(call: Call) -> Reply {
    let id = call.path("id")?;
    let deleted = call.rooms.conversations.delete_one(call.owner(), &id).await;
    // Also when it was deleted before: a repeated call finishes what a broken one left undone.
    call.rooms.shares.revoke_conversation(call.owner(), &id).await?;
    deleted?;
    bare(&Deleted::one(&id, "conversation.deleted"))
}

/// Deletes all that the caller has.
pub(crate) async fn delete_all(call: Call) -> Reply {
    let gone = call.rooms.conversations.delete(call.owner(), &Selection::All).await?.len();
    call.rooms.shares.revoke_all(call.owner()).await?;
    bare(&Deleted::many(gone, "conversations.deleted"))
}

/// Deletes those that the body names; ids that are not the caller's are passed over.
pub(crate) async fn bulk_delete(mut call: Call) -> Reply {
    let BulkDeleteConversations { conversation_ids: ids } = call.read().await?;
    let gone = call.rooms.conversations.delete(call.owner(), &Selection::Ids(ids.clone())).await?.len();
    for id in &ids {
        call.rooms.shares.revoke_conversation(call.owner(), id).await?;
    }
    enveloped(&call, &DeletedCount { deleted_count: gone })
}

/// Conversations to delete.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BulkDeleteConversations {
    /// 1 to 100.
    conversation_ids: Vec<String>,
}

impl TryFrom<&JsonObject> for BulkDeleteConversations {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        let ids: Option<Vec<String>> = body.get("conversation_ids")?;
        let conversation_ids = ids.filter(|ids| (1..=100).contains(&ids.len())).ok_or_else(|| {
            Error::invalid("conversation_ids", "`conversation_ids` must hold 1 to 100 conversations' ids.")
        })?;
        Ok(Self { conversation_ids })
    }
}

/// How many were deleted.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct DeletedCount {
    deleted_count: usize,
}

/// A conversation can only be put into a project of the caller's.
async fn known_project(call: &Call, id: Option<&str>) -> Result<()> {
    match id.filter(|id| !id.is_empty()) {
        None => Ok(()),
        Some(id) => {
            call.rooms.projects.get(call.owner(), id).await.map(drop).map_err(|e| e.with_param("project_id"))
        }
    }
}
