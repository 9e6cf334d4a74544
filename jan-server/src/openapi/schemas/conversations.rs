//! The shapes of conversations and projects.

use serde_json::Value;
use utoipa::ToSchema;

/// A conversation.
#[derive(ToSchema)]
pub(crate) struct Conversation {
    #[schema(example = "conv_0123456789abcdef")]
    id: String,
    #[schema(example = "conversation")]
    object: String,
    title: Option<String>,
    /// Seconds since the Unix epoch.
    created_at: i64,
    updated_at: i64,
    /// Up to 16 pairs of texts.
    #[schema(value_type = Object)]
    metadata: Value,
    referrer: Option<String>,
    project_id: Option<String>,
}

/// The conversation of an item that was deleted.
#[derive(ToSchema)]
pub(crate) struct ItemDeleted {
    #[schema(example = "conv_0123456789abcdef")]
    id: String,
    #[schema(example = "conversation")]
    object: String,
    title: Option<String>,
    created_at: i64,
    updated_at: i64,
    #[schema(value_type = Object)]
    metadata: Value,
    referrer: Option<String>,
    project_id: Option<String>,
    /// The active branch.
    branch: Option<String>,
    /// Whether a branch was made for it: never.
    branch_created: bool,
    deleted: bool,
}

/// A conversation to be made; every member may be missing.
#[derive(ToSchema)]
pub(crate) struct CreateConversation {
    /// Up to 256 characters.
    title: Option<String>,
    /// Up to 20.
    items: Option<Vec<NewItem>>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Up to 64 characters.
    referrer: Option<String>,
    project_id: Option<String>,
}

/// What is changed of a conversation.
#[derive(ToSchema)]
pub(crate) struct UpdateConversation {
    title: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    referrer: Option<String>,
    project_id: Option<String>,
}

/// Conversations to delete.
#[derive(ToSchema)]
pub(crate) struct BulkDeleteConversations {
    /// 1 to 100.
    conversation_ids: Vec<String>,
}

/// How many were deleted.
#[derive(ToSchema)]
pub(crate) struct DeletedCount {
    deleted_count: u64,
}

/// An item to be kept: a message, a call, an output, … Any other member is kept as well.
#[derive(ToSchema)]
pub(crate) struct NewItem {
    #[schema(example = "message")]
    r#type: Option<String>,
    #[schema(example = "user")]
    role: Option<String>,
    /// Text, or an array of blocks (`input_text`, `output_text`, `input_image`, …).
    #[schema(value_type = Option<Value>, example = "Hello!")]
    content: Option<Value>,
    status: Option<String>,
    call_id: Option<String>,
}

/// An item as it is kept.
#[derive(ToSchema)]
pub(crate) struct Item {
    #[schema(example = "msg_0123456789abcdef")]
    id: String,
    #[schema(example = "conversation.item")]
    object: String,
    r#type: String,
    role: Option<String>,
    content: Option<Vec<Value>>,
    status: Option<String>,
    branch: String,
    sequence_number: i64,
    /// RFC 3339.
    created_at: String,
}

/// Items to be added.
#[derive(ToSchema)]
pub(crate) struct CreateItems {
    /// 1 to 20.
    items: Vec<NewItem>,
}

/// How a call went.
#[derive(ToSchema)]
pub(crate) struct CallReport {
    /// `completed`, `failed`, `in_progress`, …
    #[schema(example = "completed")]
    status: String,
    #[schema(value_type = Option<Value>)]
    output: Option<Value>,
    #[schema(value_type = Option<Value>)]
    error: Option<Value>,
    name: Option<String>,
    arguments: Option<String>,
    server_label: Option<String>,
}

/// A branch.
#[derive(ToSchema)]
pub(crate) struct Branch {
    #[schema(example = "MAIN")]
    name: String,
    description: Option<String>,
    parent_branch: Option<String>,
    forked_at: Option<i64>,
    forked_from_item_id: Option<String>,
    item_count: u64,
    created_at: i64,
    updated_at: i64,
    is_active: bool,
}

/// The branches.
#[derive(ToSchema)]
pub(crate) struct BranchList {
    #[schema(example = "list")]
    object: String,
    data: Vec<Branch>,
    active_branch: Option<String>,
}

/// A branch to be made.
#[derive(ToSchema)]
pub(crate) struct CreateBranch {
    name: String,
    parent_branch: Option<String>,
    fork_from_item_id: Option<String>,
    description: Option<String>,
}

/// The branch that is active now.
#[derive(ToSchema)]
pub(crate) struct Activated {
    active_branch: String,
    message: String,
}

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
    new_branch: Branch,
    user_item: Option<Item>,
    user_item_id: Option<String>,
    /// The answer's items.
    items: Option<Vec<Item>>,
    #[schema(value_type = Option<Object>)]
    completion: Option<Value>,
}

/// Pairs that replace the old ones.
#[derive(ToSchema)]
pub(crate) struct NewMetadata {
    #[schema(value_type = Object)]
    metadata: Value,
}
