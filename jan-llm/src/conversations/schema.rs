//! What the OpenAPI document says of edits and further answers: the members that are known. Their bodies are parameters of a
//! chat besides, and their replies hold a chat's answer, so they stay bytes and these types only describe them.
#![expect(dead_code, reason = "they only describe")]

use jan_core::conversation::Item;
use serde_json::Value;
use utoipa::ToSchema;

use super::BranchShape;

/// Another wording.
#[derive(ToSchema)]
pub struct EditItem {
    /// Text, or an array of blocks.
    #[schema(value_type = Value, example = "Hello again!")]
    content: Value,
    /// Answer it at once.
    regenerate: Option<bool>,
    model: Option<String>,
    stream: Option<bool>,
}

/// How to answer again; any parameter of a chat may stand here.
#[derive(ToSchema)]
pub struct Regenerate {
    /// Answer at once. Without it, and without `stream`, only the branch is made.
    answer: Option<bool>,
    model: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    stream: Option<bool>,
}

/// What became of the branches, and the answer.
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
