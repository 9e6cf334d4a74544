//! `/v1/chat/completions` that were kept (`store: true`)

use jan_core::JsonObject;
use jan_core::page::Order;
use jan_llm::completions::Filter;
use serde_json::json;

use crate::http::call::Call;
use crate::http::reply::{Reply, bare, list_of_json};

/// The caller's, oldest first unless told otherwise.
pub(crate) async fn all(call: Call) -> Reply {
    let filter = Filter { model: call.query("model"), metadata: call.queries("metadata") };
    let page = call.rooms.completions.list(call.owner(), &filter, &call.page(Order::Asc)?).await?;
    list_of_json(&page)
}

/// One of them.
pub(crate) async fn get(call: Call) -> Reply {
    bare(&call.rooms.completions.get(call.owner(), &call.path("id")?).await?)
}

/// What was asked.
pub(crate) async fn messages(call: Call) -> Reply {
    let (id, page) = (call.path("id")?, call.page(Order::Asc)?);
    let page = call.rooms.completions.messages(call.owner(), &id, &page).await?;
    list_of_json(&page)
}

/// Replaces the metadata.
pub(crate) async fn update(mut call: Call) -> Reply {
    let (id, body): (String, JsonObject) = (call.path("id")?, call.object().await?);
    bare(&call.rooms.completions.update(call.owner(), &id, &body).await?)
}

/// Deletes one.
pub(crate) async fn delete(call: Call) -> Reply {
    let id = call.path("id")?;
    call.rooms.completions.delete(call.owner(), &id).await?;
    bare(&json!({"id": id, "object": "chat.completion.deleted", "deleted": true}))
}
