//! The request types for shares.

use jan_core::{Error, JsonObject, Result};

/// The members of a new share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewShare {
    /// Whether to share the conversation, or one answer of it.
    pub scope: Scope,
    /// The id of the answer, when `scope` is `item`.
    pub item_id: Option<String>,
    /// Cut after 256 characters; default: the conversation's title.
    pub title: Option<String>,
    /// Whether images are included; default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub include_images: bool,
    /// For one answer: whether the messages before it are included; default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub include_context_messages: bool,
    /// The branch to share; default: the active one.
    pub branch: Option<String>,
}

/// How much is shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(rename_all = "snake_case", as = ShareScope))]
pub enum Scope {
    /// All items of a branch.
    #[default]
    Conversation,
    /// One answer.
    Item,
}

/// The members of a new share of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewItemShare {
    /// Cut after 256 characters; default: the conversation's title.
    pub title: Option<String>,
    /// Whether images are included; default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub include_images: bool,
    /// Whether the messages before it are included; default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub include_context_messages: bool,
    /// The branch to share; default: the answer's own branch.
    pub branch: Option<String>,
}

impl NewShare {
    /// The id of the shared answer, if the scope is one answer, and the other members.
    pub(super) fn split(self) -> Result<(Option<String>, NewItemShare)> {
        let Self { scope, item_id, title, include_images, include_context_messages, branch } = self;
        let item = match scope {
            Scope::Conversation => None,
            Scope::Item => Some(item_id.ok_or_else(|| Error::missing("item_id"))?),
        };
        Ok((item, NewItemShare { title, include_images, include_context_messages, branch }))
    }
}

impl TryFrom<&JsonObject> for NewShare {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        let (scope, item_id) = match body.required::<String>("scope")?.as_str() {
            "conversation" => (Scope::Conversation, None),
            "item" => (Scope::Item, Some(body.required("item_id")?)),
            _ => return Err(Error::invalid("scope", "`scope` must be `conversation` or `item`.")),
        };
        let NewItemShare { title, include_images, include_context_messages, branch } = body.try_into()?;
        Ok(Self { scope, item_id, title, include_images, include_context_messages, branch })
    }
}

impl TryFrom<&JsonObject> for NewItemShare {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        let flag = |member: &str| Ok::<_, Error>(body.get(member)?.unwrap_or(false));
        Ok(Self {
            include_images: flag("include_images")?,
            include_context_messages: flag("include_context_messages")?,
            title: body.get("title")?,
            branch: body.get("branch")?,
        })
    }
}
