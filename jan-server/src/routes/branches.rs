//! `/v1/conversations/{id}/branches`

use jan_llm::conversations::{BranchShape, NewBranch};
use serde::Serialize;

use super::call::Call;
use crate::http::reply::{Reply, bare, created, no_content};

/// Lists the branches and names the active one.
pub(crate) async fn all(call: Call) -> Reply {
    let branches = call.services.conversations.branches(call.owner(), &call.path("id")?).await?;
    let active = branches.iter().find(|branch| branch.is_active).map(|branch| branch.name.clone());
    let data: Vec<BranchShape> = branches.into_iter().map(Into::into).collect();
    let total = call.services.settings.bare.then_some(data.len());
    bare(&BranchList { object: "list", data, active_branch: active, total })
}

/// The branches of a conversation.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BranchList {
    #[cfg_attr(feature = "openapi", schema(example = "list"))]
    object: &'static str,
    data: Vec<BranchShape>,
    active_branch: Option<String>,
    /// With `api.bare` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
}

/// Creates a branch.
pub(crate) async fn create(mut call: Call) -> Reply {
    let (id, new) = (call.path("id")?, call.read::<NewBranch>().await?);
    let branch = call.services.conversations.create_branch(call.owner(), &id, new).await?;
    created(&BranchShape::from(branch))
}

/// Returns one branch.
pub(crate) async fn get(call: Call) -> Reply {
    let (id, name) = (call.path("id")?, call.path("name")?);
    bare(&BranchShape::from(call.services.conversations.branch(call.owner(), &id, &name).await?))
}

/// Deletes a branch. Items that other branches share with it stay.
pub(crate) async fn delete(call: Call) -> Reply {
    let (id, name) = (call.path("id")?, call.path("name")?);
    call.services.conversations.delete_branch(call.owner(), &id, &name).await?;
    no_content()
}

/// Makes a branch the active one.
pub(crate) async fn activate(call: Call) -> Reply {
    let (id, name) = (call.path("id")?, call.path("name")?);
    call.services.conversations.activate(call.owner(), &id, &name).await?;
    let branch = call.services.conversations.branch(call.owner(), &id, &name).await?;
    bare(&Activated { active_branch: branch.name, message: "The branch is active." })
}

/// The branch that is active now.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Activated {
    active_branch: String,
    message: &'static str,
}
