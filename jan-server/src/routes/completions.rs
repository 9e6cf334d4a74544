//! `/v1/chat/completions` that were kept (`store: true`)

use jan_core::page::{Order, Page};
use jan_core::{JsonObject, Result};
use jan_llm::completions::Filter;
use serde_json::{Value, json};

use crate::http::call::Call;
use crate::http::reply::{Reply, bare};

/// The caller's, oldest first unless told otherwise.
pub(crate) async fn all(call: Call) -> Reply {
    let filter = Filter { model: call.query("model"), metadata: call.queries("metadata") };
    let page = call.rooms.completions.list(call.owner(), &filter, &call.page(Order::Asc)?).await?;
    let ids = page.items.iter().map(|item| item.get::<String>("id")).collect::<Result<Vec<_>>>()?;
    page_of(&page, &ids.into_iter().flatten().collect::<Vec<_>>())
}

/// One of them.
pub(crate) async fn get(call: Call) -> Reply {
    bare(&call.rooms.completions.get(call.owner(), &call.path("id")?).await?)
}

/// What was asked.
pub(crate) async fn messages(call: Call) -> Reply {
    let (id, page) = (call.path("id")?, call.page(Order::Asc)?);
    let page = call.rooms.completions.messages(call.owner(), &id, &page).await?;
    let id = |message: &Value| message.get("id").and_then(Value::as_str).map(str::to_owned);
    page_of(&page, &page.items.iter().filter_map(id).collect::<Vec<_>>())
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

fn page_of<T: serde::Serialize>(page: &Page<T>, ids: &[String]) -> Reply {
    let (first, last) = (ids.first(), ids.last());
    let next = last.filter(|_| page.has_more);
    bare(
        &json!({"object": "list", "data": page.items, "first_id": first, "last_id": last, "has_more": page.has_more,
                 "next_after": next}),
    )
}
