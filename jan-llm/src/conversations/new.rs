//! The request types of the conversation service. Rust callers build them directly; `TryFrom` reads them from JSON. The
//! service checks the limits in both cases.

use jan_core::conversation::Metadata;
use jan_core::{Error, JsonObject, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The members of a new conversation.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewConversation {
    /// Up to 256 characters. A title given here is final; without one, the server generates a title from the messages.
    pub title: Option<String>,
    /// The first items, up to 20.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub items: Vec<NewItem>,
    /// Up to 16 pairs.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub metadata: Metadata,
    /// Which app or page it comes from; up to 64 characters.
    pub referrer: Option<String>,
    /// The project it belongs to.
    pub project_id: Option<String>,
}

/// The members to change; absent members stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationPatch {
    /// Up to 256 characters. After this the server no longer generates a title.
    pub title: Option<String>,
    /// Up to 16 pairs; they replace the stored metadata.
    pub metadata: Option<Metadata>,
    /// Up to 64 characters. An empty text removes it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub referrer: Option<Option<String>>,
    /// The project it belongs to. An empty text removes the conversation from its project.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub project_id: Option<Option<String>>,
}

/// Items to add to a conversation.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewItems {
    /// 1 to 20.
    pub items: Vec<NewItem>,
}

/// An item to add: a message, a call, an output, … Unknown members are kept unchanged.
///
/// ```
/// use jan_llm::conversations::NewItem;
///
/// let question = NewItem::message("user", "Hello!");
/// let call = NewItem::new("function_call").with("call_id", "call_1").with("name", "clock");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct NewItem(pub(super) Map<String, Value>);

/// A new branch. It shows the items of its parent branch up to the fork, and then its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewBranch {
    /// Up to 50 letters, digits, blanks, `-`, `_` and `.`.
    pub name: String,
    /// The branch to fork from; default: the active branch.
    pub parent_branch: Option<String>,
    /// The last item of the parent that the new branch shows; default: the parent's last item.
    pub fork_from_item_id: Option<String>,
    /// The purpose of the branch; up to 512 characters.
    pub description: Option<String>,
}

/// The outcome of a tool call. Each member that is present replaces the same member of the call's item.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallReport {
    /// `completed`, `failed`, `in_progress`, …
    #[cfg_attr(feature = "openapi", schema(example = "completed"))]
    pub status: String,
    /// The result of the call.
    pub output: Option<Value>,
    /// The reason for a failure.
    pub error: Option<Value>,
    /// The name of the tool or function.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub name: Option<Value>,
    /// The arguments of the call, as JSON text.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub arguments: Option<Value>,
    /// The label of the MCP server that was called.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub server_label: Option<Value>,
}

impl NewItem {
    /// An item of this type.
    pub fn new(kind: impl Into<String>) -> Self {
        Self::default().with("type", kind.into())
    }

    /// A message of plain text.
    pub fn message(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new("message").with("role", role.into()).with("content", text.into())
    }

    /// Sets any member.
    #[must_use]
    pub fn with(mut self, member: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.insert(member.into(), value.into());
        self
    }
}

impl From<Map<String, Value>> for NewItem {
    fn from(members: Map<String, Value>) -> Self {
        Self(members)
    }
}

impl TryFrom<&JsonObject> for NewConversation {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self {
            title: body.get("title")?,
            metadata: body.get("metadata")?.unwrap_or_default(),
            referrer: body.get("referrer")?,
            project_id: body.get("project_id")?,
            items: body.get("items")?.unwrap_or_default(),
        })
    }
}

impl TryFrom<&JsonObject> for ConversationPatch {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self {
            title: body.get("title")?,
            metadata: body.get("metadata")?,
            referrer: body.removable("referrer")?,
            project_id: body.removable("project_id")?,
        })
    }
}

impl TryFrom<&JsonObject> for NewItems {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self { items: body.get("items")?.unwrap_or_default() })
    }
}

impl TryFrom<&JsonObject> for NewBranch {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self {
            fork_from_item_id: body.get("fork_from_item_id")?,
            parent_branch: body.get("parent_branch")?,
            name: body.required("name")?,
            description: body.get("description")?,
        })
    }
}

impl TryFrom<&JsonObject> for CallReport {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self {
            status: body.required("status")?,
            output: body.get("output")?,
            error: body.get("error")?,
            name: body.get("name")?,
            arguments: body.get("arguments")?,
            server_label: body.get("server_label")?,
        })
    }
}

/// The members that the OpenAPI document lists; items may have others.
#[cfg(feature = "openapi")]
mod schema {
    use serde_json::Value;

    /// An item to add: a message, a call, an output, … Any other member is kept as well.
    #[derive(utoipa::ToSchema)]
    #[expect(dead_code, reason = "it only describes")]
    struct NewItem {
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

    jan_core::described_by!(super::NewItem => NewItem);
}
