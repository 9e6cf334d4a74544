//! `/v1/projects`

use jan_core::page::{Order, Page};
use jan_core::{Error, ErrorKind};
use jan_llm::projects::{NewProject, ProjectPatch, ProjectShape};

use super::call::Call;
use crate::http::reply::{Deleted, Listing, Reply, enveloped, enveloped_created};

/// Makes one.
pub(crate) async fn create(mut call: Call) -> Reply {
    let new: NewProject = call.read().await?;
    let name = new.name.clone();
    match call.rooms.projects.create(call.owner(), new).await {
        Ok(project) => enveloped_created(&call, &ProjectShape::from(project)),
        Err(error) => Err(taken(&call, &name, error).await),
    }
}

/// Clients of the original know a name that is taken by the code of the error: it is the id of the project that has it.
async fn taken(call: &Call, name: &str, error: Error) -> Error {
    if !call.rooms.settings.bare || error.kind() != ErrorKind::Conflict {
        return error;
    }
    match call.rooms.projects.named(call.owner(), name).await {
        Ok(Some(project)) => error.with_code(project.id),
        _ => error,
    }
}

/// The caller's.
pub(crate) async fn all(call: Call) -> Reply {
    let page = call.rooms.projects.list(call.owner(), &call.page(Order::Desc)?).await?;
    let page: Page<ProjectShape> = page.map(Into::into);
    let all = call.rooms.projects.count(call.owner());
    Listing::counted(&call, &page, all).await?.enveloped(&call, ProjectShape::id)
}

/// One of them.
pub(crate) async fn get(call: Call) -> Reply {
    let project = call.rooms.projects.get(call.owner(), &call.path("id")?).await?;
    enveloped(&call, &ProjectShape::from(project))
}

/// Changes name, instruction, or whether it is archived or a favourite.
pub(crate) async fn update(mut call: Call) -> Reply {
    let (id, patch) = (call.path("id")?, call.read::<ProjectPatch>().await?);
    let name = patch.name.clone().unwrap_or_default();
    match call.rooms.projects.update(call.owner(), &id, patch).await {
        Ok(project) => enveloped(&call, &ProjectShape::from(project)),
        Err(error) => Err(taken(&call, &name, error).await),
    }
}

/// Deletes one; its conversations stay.
pub(crate) async fn delete(call: Call) -> Reply {
    let id = call.path("id")?;
    call.rooms.projects.delete(call.owner(), &id).await?;
    enveloped(&call, &Deleted::one(&id, "project"))
}
