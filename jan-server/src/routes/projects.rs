//! `/v1/projects`

use jan_core::page::{Order, Page};
use jan_core::{Error, ErrorKind};
use jan_llm::projects::{NewProject, ProjectPatch, ProjectShape};

use super::call::Call;
use crate::http::reply::{Deleted, Listing, Reply, enveloped, enveloped_created};

/// Creates a project.
pub(crate) async fn create(mut call: Call) -> Reply {
    let new: NewProject = call.read().await?;
    let name = new.name.clone();
    match call.services.projects.create(call.owner(), new).await {
        Ok(project) => enveloped_created(&call, &ProjectShape::from(project)),
        Err(error) => Err(name_conflict(&call, &name, error).await),
    }
}

/// In the bare mode, the error for a name that is in use has the id of the existing project as its code, as clients of
/// the original read it.
async fn name_conflict(call: &Call, name: &str, error: Error) -> Error {
    if !call.services.settings.bare || error.kind() != ErrorKind::Conflict {
        return error;
    }
    match call.services.projects.named(call.owner(), name).await {
        Ok(Some(project)) => error.with_code(project.id),
        _ => error,
    }
}

/// Lists the caller's projects.
pub(crate) async fn all(call: Call) -> Reply {
    let page = call.services.projects.list(call.owner(), &call.page(Order::Desc)?).await?;
    let page: Page<ProjectShape> = page.map(Into::into);
    let total = call.services.projects.count(call.owner());
    Listing::counted(&call, &page, total).await?.enveloped(&call, ProjectShape::id)
}

/// Returns one project.
pub(crate) async fn get(call: Call) -> Reply {
    let project = call.services.projects.get(call.owner(), &call.path("id")?).await?;
    enveloped(&call, &ProjectShape::from(project))
}

/// Changes a project's name, instruction, or whether it is archived or a favourite.
pub(crate) async fn update(mut call: Call) -> Reply {
    let (id, patch) = (call.path("id")?, call.read::<ProjectPatch>().await?);
    let name = patch.name.clone().unwrap_or_default();
    match call.services.projects.update(call.owner(), &id, patch).await {
        Ok(project) => enveloped(&call, &ProjectShape::from(project)),
        Err(error) => Err(name_conflict(&call, &name, error).await),
    }
}

/// Deletes a project; its conversations stay.
pub(crate) async fn delete(call: Call) -> Reply {
    let id = call.path("id")?;
    call.services.projects.delete(call.owner(), &id).await?;
    enveloped(&call, &Deleted::one(&id, "project"))
}
