//! What is to be shared, as its owner asks for it.

use jan_core::{Error, JsonObject, Result};

/// A share to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewShare {
    /// Whether the conversation is shared, or one answer of it.
    pub scope: Scope,
    /// The answer, when `scope` is `item`.
    pub item_id: Option<String>,
    /// Cut after 256 characters; the conversation's title unless it is given.
    pub title: Option<String>,
    /// Whether pictures are shared too. Default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub include_images: bool,
    /// With one answer, whether what was said before it is shared too. Default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub include_context_messages: bool,
    /// The branch that is shared; the active one unless it is named.
    pub branch: Option<String>,
}

/// How much is shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(rename_all = "snake_case", as = ShareScope))]
pub enum Scope {
    /// All of a branch.
    #[default]
    Conversation,
    /// One answer.
    Item,
}

/// A share of one answer to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewItemShare {
    /// Cut after 256 characters; the conversation's title unless it is given.
    pub title: Option<String>,
    /// Whether pictures are shared too. Default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub include_images: bool,
    /// Whether what was said before it is shared too. Default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub include_context_messages: bool,
    /// The branch that is shared; the answer's own unless it is named.
    pub branch: Option<String>,
}

impl NewShare {
    /// The answer that is shared, if it is one, and the rest.
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
