//! The shapes of conversations and projects.

use serde_json::Value;
use utoipa::ToSchema;

/// Another wording.
#[derive(ToSchema)]
pub(crate) struct EditItem {
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
pub(crate) struct Regenerate {
    /// Answer at once. Without it, and without `stream`, only the branch is made.
    answer: Option<bool>,
    model: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    stream: Option<bool>,
}

/// What became of the branches, and the answer.
#[derive(ToSchema)]
pub(crate) struct Regenerated {
    branch: String,
    old_main_backup: Option<String>,
    branch_created: bool,
    new_branch: jan_llm::conversations::BranchShape,
    user_item: Option<jan_core::conversation::Item>,
    user_item_id: Option<String>,
    /// The answer's items.
    items: Option<Vec<jan_core::conversation::Item>>,
    #[schema(value_type = Option<Object>)]
    completion: Option<Value>,
}
