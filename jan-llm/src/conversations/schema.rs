//! The OpenAPI schemas of edits and regenerations. Their bodies may hold any chat parameter and their replies hold a
//! chat answer, so both are handled as bytes; these types only describe them.
#![expect(dead_code, reason = "these types only describe schemas")]

use jan_core::conversation::Item;
use serde_json::Value;
use utoipa::ToSchema;

use super::BranchShape;

/// A new wording of a user's message.
#[derive(ToSchema)]
pub struct EditItem {
    /// Text, or an array of blocks.
    #[schema(value_type = Value, example = "Hello again!")]
    content: Value,
    /// Whether the model answers the edited message in the same request.
    regenerate: Option<bool>,
    model: Option<String>,
    stream: Option<bool>,
}

/// Parameters for another answer; any chat parameter is allowed.
#[derive(ToSchema)]
pub struct Regenerate {
    /// Whether the model answers in the same request. Without this and without `stream`, only the branch is created.
    answer: Option<bool>,
    model: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    stream: Option<bool>,
}

/// The changed branches, and the answer.
#[derive(ToSchema)]
struct Regenerated {
    branch: String,
    old_main_backup: Option<String>,
    branch_created: bool,
    new_branch: BranchShape,
    user_item: Option<Item>,
    user_item_id: Option<String>,
    /// The answer's items.
    items: Option<Vec<Item>>,
    #[schema(value_type = Option<Object>)]
    completion: Option<Value>,
}

jan_core::described_by!(crate::chat::Regenerated => Regenerated);
