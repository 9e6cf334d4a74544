//! `/v1/projects`

use jan_core::page::{Order, Page};
use jan_llm::projects::ProjectShape;
use serde_json::json;

use crate::http::call::Call;
use crate::http::reply::{Reply, enveloped, enveloped_created, enveloped_list};

/// Makes one.
pub(crate) async fn create(mut call: Call) -> Reply {
    let body = call.object().await?;
    let project = call.rooms.projects.create(call.owner(), &body).await?;
    enveloped_created(&call, &ProjectShape::from(project))
}

/// The caller's.
pub(crate) async fn all(call: Call) -> Reply {
    let page = call.rooms.projects.list(call.owner(), &call.page(Order::Desc)?).await?;
    let page: Page<ProjectShape> = page.map(Into::into);
    enveloped_list(&call, &page, ProjectShape::id)
}

/// One of them.
pub(crate) async fn get(call: Call) -> Reply {
    let project = call.rooms.projects.get(call.owner(), &call.path("id")?).await?;
    enveloped(&call, &ProjectShape::from(project))
}

/// Changes name, instruction, or whether it is archived or a favourite.
pub(crate) async fn update(mut call: Call) -> Reply {
    let (id, body) = (call.path("id")?, call.object().await?);
    let project = call.rooms.projects.update(call.owner(), &id, &body).await?;
    enveloped(&call, &ProjectShape::from(project))
}

/// Deletes one; its conversations stay.
pub(crate) async fn delete(call: Call) -> Reply {
    let id = call.path("id")?;
    call.rooms.projects.delete(call.owner(), &id).await?;
    enveloped(&call, &json!({"id": id, "object": "project", "deleted": true}))
}
