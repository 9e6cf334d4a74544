//! The OpenAPI schema of an item: the members that every item has, and known members of some types.

use serde_json::Value;

/// A stored item. Members that are not listed are returned unchanged.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it only describes")]
struct Item {
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

crate::described_by!(super::Item => Item);
