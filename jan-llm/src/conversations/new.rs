//! What is to be made or changed, as callers give it: in Rust as plain values, from JSON by `TryFrom`. Limits are checked
//! by the service, whichever way a value comes.

use jan_core::conversation::Metadata;
use jan_core::{Error, JsonObject, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A conversation to be made.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewConversation {
    /// Up to 256 characters. A title given here stays; without one it is made from what is said.
    pub title: Option<String>,
    /// Up to 20.
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

/// What is changed of a conversation; what is not there stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationPatch {
    /// Up to 256 characters. It is not made anew from what is said.
    pub title: Option<String>,
    /// Up to 16 pairs, in the place of those that are there.
    pub metadata: Option<Metadata>,
    /// Up to 64 characters. An empty text takes it away.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub referrer: Option<Option<String>>,
    /// The project it belongs to. An empty text takes it out of its project.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub project_id: Option<Option<String>>,
}

/// Items to be added.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewItems {
    /// 1 to 20.
    pub items: Vec<NewItem>,
}

/// An item to be added: a message, a call, an output, … Members that are not known here are kept as they are given.
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

/// A branch to be made: it shows what its parent shows, up to one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewBranch {
    /// Up to 50 letters, digits, blanks, `-`, `_` and `.`.
    pub name: String,
    /// The branch that it forks from; the active one unless it is named.
    pub parent_branch: Option<String>,
    /// The last item that it shows of its parent; all of them unless one is named.
    pub fork_from_item_id: Option<String>,
    /// What it is for; up to 512 characters.
    pub description: Option<String>,
}

/// How a call went. What is there takes the place of the same member of the item that made the call.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallReport {
    /// `completed`, `failed`, `in_progress`, …
    #[cfg_attr(feature = "openapi", schema(example = "completed"))]
    pub status: String,
    /// What it gave back.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<Value>,
    /// The name of what was called.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub name: Option<Value>,
    /// What it was called with.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub arguments: Option<Value>,
    /// The server that was called.
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

/// The members that are known here.
#[cfg(feature = "openapi")]
mod schema {
    use serde_json::Value;

    /// An item to be kept: a message, a call, an output, … Any other member is kept as well.
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
