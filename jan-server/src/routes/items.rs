//! `/v1/conversations/{id}/items`

use jan_core::conversation::{Item, ItemRef};
use jan_core::page::{Order, Page};
use jan_core::{JsonObject, Result};
use jan_llm::conversations::{CallReport, ConversationShape, NewItems, item_shape, original_shape};
use serde::Serialize;
use serde_json::Value;

use super::call::Call;
use crate::http::reply::{Listing, Reply, as_json, bare, id_member};

/// Adds up to 20 items at the end of a branch.
pub(crate) async fn create(mut call: Call) -> Reply {
    let (id, branch) = (call.path("id")?, call.query("branch"));
    let NewItems { items } = call.read_with_ids().await?;
    let items = call.services.conversations.add_items(call.owner(), &id, branch, items).await?;
    let page = shapes(&call, Page { items, has_more: false })?;
    Listing::of(&page).reply(&call, id_member)
}

/// Lists the items of a branch; of the active one by default.
pub(crate) async fn all(call: Call) -> Reply {
    let (id, branch, page) = (call.path("id")?, call.query("branch"), call.page(Order::Desc)?);
    let conversations = &call.services.conversations;
    let page = shapes(&call, conversations.items(call.owner(), &id, branch.as_deref(), &page).await?)?;
    let total = conversations.count_items(call.owner(), &id, branch.as_deref());
    Listing::counted(&call, &page, total).await?.reply(&call, id_member)
}

fn shapes(call: &Call, page: Page<Item>) -> Result<Page<Value>> {
    let items = page.items.iter().map(|item| shape(call, item)).collect::<Result<_>>()?;
    as_json(&Page { items, has_more: page.has_more })
}

/// An item in OpenAI's shape, or in the bare mode in the original's.
fn shape(call: &Call, item: &Item) -> Result<JsonObject> {
    let shape = item_shape(item)?;
    if call.services.settings.bare { original_shape(&shape) } else { Ok(shape) }
}

/// Returns one item.
pub(crate) async fn get(call: Call) -> Reply {
    let (id, item) = (call.path("id")?, call.path("item_id")?);
    bare(&shape(&call, &call.services.conversations.item(call.owner(), &id, ItemRef::Id(&item)).await?)?)
}

/// Returns the item with a tool call.
pub(crate) async fn by_call(call: Call) -> Reply {
    let (id, call_id) = (call.path("id")?, call.path("call_id")?);
    bare(&shape(&call, &call.services.conversations.item(call.owner(), &id, ItemRef::Call(&call_id)).await?)?)
}

/// Sets the outcome of a tool call.
pub(crate) async fn report_call(mut call: Call) -> Reply {
    let (id, call_id) = (call.path("id")?, call.path("call_id")?);
    let report: CallReport = call.read().await?;
    let item = call.services.conversations.report_call(call.owner(), &id, &call_id, &report).await?;
    bare(&shape(&call, &item)?)
}

/// Deletes one item and keeps the others. The reply is the conversation, as in OpenAI's API, with the members that
/// clients of the original read.
pub(crate) async fn delete(call: Call) -> Reply {
    let (id, item) = (call.path("id")?, call.path("item_id")?);
    let conversation = call.services.conversations.delete_item(call.owner(), &id, &item).await?;
    let branches = call.services.conversations.branches(call.owner(), &id).await?;
    let active = branches.into_iter().find(|branch| branch.is_active).map(|branch| branch.name);
    let conversation = conversation.into();
    bare(&ItemDeleted { conversation, branch: active, branch_created: false, deleted: true })
}

/// The conversation of the deleted item.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ItemDeleted {
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(inline))]
    conversation: ConversationShape,
    /// The active branch.
    branch: Option<String>,
    /// Always `false`: no branch is created by a deletion.
    branch_created: bool,
    deleted: bool,
}
