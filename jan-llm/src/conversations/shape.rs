//! Conversations, items and branches as the API returns them.

use jan_core::clock::seconds;
use jan_core::conversation::{Branch, Conversation, Item, Metadata};
use jan_core::record::Millis;
use jan_core::{Error, JsonObject, Result};
use jiff::Timestamp;
use serde::Serialize;

use super::tool_turn::role_and_content;

/// A conversation: OpenAI's four members and those of this API.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Conversation))]
pub struct ConversationShape {
    #[cfg_attr(feature = "openapi", schema(example = "conv_0123456789abcdef"))]
    id: String,
    #[cfg_attr(feature = "openapi", schema(example = "conversation"))]
    object: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Seconds since the Unix epoch.
    created_at: i64,
    updated_at: i64,
    /// Up to 16 pairs of texts.
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<String>,
}

impl ConversationShape {
    /// The conversation's id, which is also the cursor of lists.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl From<Conversation> for ConversationShape {
    fn from(from: Conversation) -> Self {
        Self {
            id: from.id,
            object: "conversation",
            title: from.title,
            created_at: seconds(from.created_at),
            updated_at: seconds(from.updated_at),
            metadata: from.metadata,
            referrer: from.referrer,
            project_id: from.project_id,
        }
    }
}

/// A branch.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Branch))]
pub struct BranchShape {
    #[cfg_attr(feature = "openapi", schema(example = "MAIN"))]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forked_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forked_from_item_id: Option<String>,
    item_count: u64,
    created_at: i64,
    updated_at: i64,
    is_active: bool,
}

impl From<Branch> for BranchShape {
    fn from(from: Branch) -> Self {
        Self {
            name: from.name,
            description: from.description,
            parent_branch: from.parent_branch,
            forked_at: from.forked_at.map(seconds),
            forked_from_item_id: from.forked_from_item_id,
            item_count: from.item_count,
            created_at: seconds(from.created_at),
            updated_at: seconds(from.updated_at),
            is_active: from.is_active,
        }
    }
}

/// An item: its stored body, with id, branch, sequence number and time. Tool calls and their results get a `role` and
/// `content` in addition to OpenAI's members.
///
/// # Errors
/// [`jan_core::ErrorKind::Internal`] when the stored time is outside the range of RFC 3339.
pub fn item_shape(item: &Item) -> Result<JsonObject> {
    let mut shape = JsonObject::new();
    shape.set("id", &item.id)?;
    shape.set("object", "conversation.item")?;
    shape.merge(&item.body);
    if let Some((role, content)) = role_and_content(item) {
        if item.body.raw("role").is_none() {
            shape.set("role", role)?;
        }
        if item.body.raw("content").is_none() {
            shape.set("content", &content)?;
        }
    }
    shape.set("branch", &item.branch)?;
    shape.set("sequence_number", &item.sequence_number)?;
    shape.set("created_at", &rfc3339(item.created_at)?)?;
    Ok(shape)
}

fn rfc3339(millis: Millis) -> Result<String> {
    Ok(Timestamp::from_millisecond(millis).map_err(Error::internal)?.to_string())
}
