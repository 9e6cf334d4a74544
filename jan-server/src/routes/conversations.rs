//! `/v1/conversations`: the conversations themselves. Their items and branches have files of their own.

use jan_core::conversation::{Filter, Selection};
use jan_core::page::{Order, Page};
use jan_core::{Error, JsonObject, Result};
use jan_llm::conversations::{ConversationPatch, ConversationShape, NewConversation};
use serde::Serialize;

use super::call::Call;
use crate::http::reply::{Deleted, Listing, Reply, bare, enveloped};

/// Creates a conversation, with up to 20 items.
pub(crate) async fn create(mut call: Call) -> Reply {
    let new: NewConversation = call.read_with_ids().await?;
    check_project(&call, new.project_id.as_deref()).await?;
    let (conversation, _) = call.services.conversations.create(call.owner(), new).await?;
    bare(&ConversationShape::from(conversation))
}

/// Lists the caller's conversations, newest change first.
pub(crate) async fn all(call: Call) -> Reply {
    let filter = Filter { project_id: call.query("project_id"), referrer: call.query("referrer") };
    page_of(&call, &filter).await
}

/// Lists the conversations of a project.
pub(crate) async fn of_project(call: Call) -> Reply {
    let project = call.services.projects.get(call.owner(), &call.path("id")?).await?;
    let filter = Filter { project_id: Some(project.id), referrer: call.query("referrer") };
    page_of(&call, &filter).await
}

async fn page_of(call: &Call, filter: &Filter) -> Reply {
    let page = call.services.conversations.list(call.owner(), filter, &call.page(Order::Desc)?).await?;
    let page: Page<ConversationShape> = page.map(Into::into);
    let total = call.services.conversations.count(call.owner(), filter);
    Listing::counted(call, &page, total).await?.reply(call, ConversationShape::id)
}

/// Returns one conversation.
pub(crate) async fn get(call: Call) -> Reply {
    let conversation = call.services.conversations.get(call.owner(), &call.path("id")?).await?;
    bare(&ConversationShape::from(conversation))
}

/// Changes a conversation's title, metadata, referrer or project.
pub(crate) async fn update(mut call: Call) -> Reply {
    let (id, patch) = (call.path("id")?, call.read::<ConversationPatch>().await?);
    check_project(&call, patch.project_id.as_ref().and_then(|id| id.as_deref())).await?;
    let conversation = call.services.conversations.update(call.owner(), &id, patch).await?;
    bare(&ConversationShape::from(conversation))
}

/// Deletes a conversation and revokes its shares.
pub(crate) async fn delete(call: Call) -> Reply {
    let id = call.path("id")?;
    let deleted = call.services.conversations.delete_one(call.owner(), &id).await;
    // The shares are revoked even if the conversation does not exist any more: an earlier request may have deleted it
    // and failed before this step, and the client repeats it.
    call.services.shares.revoke_conversation(call.owner(), &id).await?;
    deleted?;
    bare(&Deleted::one(&id, "conversation.deleted"))
}

/// Deletes all conversations of the caller.
pub(crate) async fn delete_all(call: Call) -> Reply {
    let deleted = call.services.conversations.delete(call.owner(), &Selection::All).await?.len();
    call.services.shares.revoke_all(call.owner()).await?;
    bare(&Deleted::many(deleted, "conversations.deleted"))
}

/// Deletes the conversations that the body names; ids that are not the caller's are ignored.
pub(crate) async fn bulk_delete(mut call: Call) -> Reply {
    let BulkDeleteConversations { conversation_ids: ids } = call.read().await?;
    let deleted = call.services.conversations.delete(call.owner(), &Selection::Ids(ids.clone())).await?.len();
    for id in &ids {
        call.services.shares.revoke_conversation(call.owner(), id).await?;
    }
    enveloped(&call, &DeletedCount { deleted_count: deleted })
}

/// The conversations to delete.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BulkDeleteConversations {
    /// 1 to 100 ids.
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

/// The number of deleted conversations.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct DeletedCount {
    deleted_count: usize,
}

/// Checks that the project is the caller's: a conversation can only belong to such a project.
async fn check_project(call: &Call, id: Option<&str>) -> Result<()> {
    match id.filter(|id| !id.is_empty()) {
        None => Ok(()),
        Some(id) => call
            .services
            .projects
            .get(call.owner(), id)
            .await
            .map(drop)
            .map_err(|e| e.with_param("project_id")),
    }
}
