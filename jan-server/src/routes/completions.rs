//! `/v1/chat/completions`: stored chat completions (`store: true`).

use jan_core::page::Order;
use jan_llm::completions::{CompletionPatch, Filter};

use super::call::Call;
use crate::http::reply::{Deleted, Listing, Reply, as_json, bare, id_member};

/// Lists the caller's stored chat completions, oldest first by default.
pub(crate) async fn all(call: Call) -> Reply {
    let filter = Filter { model: call.query("model"), metadata: call.query_map("metadata") };
    let page = call.services.completions.list(call.owner(), &filter, &call.page(Order::Asc)?).await?;
    let page = as_json(&page)?;
    let total = call.services.completions.count(call.owner(), &filter);
    Listing::counted(&call, &page, total).await?.reply(&call, id_member)
}

/// Returns a stored chat completion.
pub(crate) async fn get(call: Call) -> Reply {
    bare(&call.services.completions.get(call.owner(), &call.path("id")?).await?)
}

/// Lists the messages of the request that a stored chat completion answers.
pub(crate) async fn messages(call: Call) -> Reply {
    let (id, page) = (call.path("id")?, call.page(Order::Asc)?);
    let page = call.services.completions.messages(call.owner(), &id, &page).await?;
    Listing::of(&page).reply(&call, id_member)
}

/// Replaces the metadata of a stored chat completion.
pub(crate) async fn update(mut call: Call) -> Reply {
    let (id, patch) = (call.path("id")?, call.read::<CompletionPatch>().await?);
    bare(&call.services.completions.update(call.owner(), &id, patch).await?)
}

/// Deletes a stored chat completion.
pub(crate) async fn delete(call: Call) -> Reply {
    let id = call.path("id")?;
    call.services.completions.delete(call.owner(), &id).await?;
    bare(&Deleted::one(&id, "chat.completion.deleted"))
}
