//! `/v1/conversations/{id}/branches`

use jan_llm::conversations::BranchShape;
use serde_json::json;

use super::call::Call;
use crate::http::reply::{Reply, bare, created, no_content};

/// All of them, and which is active.
pub(crate) async fn all(call: Call) -> Reply {
    let branches = call.rooms.conversations.branches(call.owner(), &call.path("id")?).await?;
    let active = branches.iter().find(|branch| branch.is_active).map(|branch| branch.name.clone());
    let data: Vec<BranchShape> = branches.into_iter().map(Into::into).collect();
    let mut list = json!({"object": "list", "data": data, "active_branch": active});
    if let (true, Some(members)) = (call.rooms.settings.bare, list.as_object_mut()) {
        members.insert("total".into(), data.len().into());
    }
    bare(&list)
}

/// Makes one.
pub(crate) async fn create(mut call: Call) -> Reply {
    let (id, body) = (call.path("id")?, call.object().await?);
    let branch = call.rooms.conversations.create_branch(call.owner(), &id, &body).await?;
    created(&BranchShape::from(branch))
}

/// One of them.
pub(crate) async fn get(call: Call) -> Reply {
    let (id, name) = (call.path("id")?, call.path("name")?);
    bare(&BranchShape::from(call.rooms.conversations.branch(call.owner(), &id, &name).await?))
}

/// Deletes one; what others share with it stays.
pub(crate) async fn delete(call: Call) -> Reply {
    let (id, name) = (call.path("id")?, call.path("name")?);
    call.rooms.conversations.delete_branch(call.owner(), &id, &name).await?;
    no_content()
}

/// Makes one the active one.
pub(crate) async fn activate(call: Call) -> Reply {
    let (id, name) = (call.path("id")?, call.path("name")?);
    call.rooms.conversations.activate(call.owner(), &id, &name).await?;
    let branch = call.rooms.conversations.branch(call.owner(), &id, &name).await?;
    bare(&json!({"active_branch": branch.name, "message": "The branch is active."}))
}
