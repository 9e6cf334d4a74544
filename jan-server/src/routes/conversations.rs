//! `/v1/conversations`: the conversations themselves. Their items and branches stand in files of their own.

use jan_core::conversation::{Filter, Selection};
use jan_core::page::{Order, Page};
use jan_core::{Error, Result};
use jan_llm::conversations::ConversationShape;
use serde_json::json;

use crate::http::call::Call;
use crate::http::reply::{Deleted, Listing, Reply, bare, enveloped};

/// Makes one, with up to 20 items.
pub(crate) async fn create(mut call: Call) -> Reply {
    let body = call.object_with_ids().await?;
    known_project(&call, &body).await?;
    let (conversation, _) = call.rooms.conversations.create(call.owner(), &body).await?;
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
    let (id, body) = (call.path("id")?, call.object().await?);
    known_project(&call, &body).await?;
    let conversation = call.rooms.conversations.update(call.owner(), &id, &body).await?;
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
    let ids: Option<Vec<String>> = call.object().await?.get("conversation_ids")?;
    let ids = ids.filter(|ids| (1..=100).contains(&ids.len())).ok_or_else(|| {
        Error::invalid("conversation_ids", "`conversation_ids` must hold 1 to 100 conversations' ids.")
    })?;
    let gone = call.rooms.conversations.delete(call.owner(), &Selection::Ids(ids.clone())).await?.len();
    for id in &ids {
        call.rooms.shares.revoke_conversation(call.owner(), id).await?;
    }
    enveloped(&call, &json!({"deleted_count": gone}))
}

/// A conversation can only be put into a project of the caller's.
async fn known_project(call: &Call, body: &jan_core::JsonObject) -> Result<()> {
    match body.get::<String>("project_id")?.filter(|id| !id.is_empty()) {
        None => Ok(()),
        Some(id) => {
            call.rooms.projects.get(call.owner(), &id).await.map(drop).map_err(|e| e.param("project_id"))
        }
    }
}
