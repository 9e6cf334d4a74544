//! The shapes of shares.

use serde_json::Value;
use utoipa::ToSchema;

/// A share to be made.
#[derive(ToSchema)]
pub(crate) struct CreateShare {
    /// `conversation` or `item`.
    #[schema(example = "conversation")]
    scope: String,
    /// The answer to share, when `scope` is `item`.
    item_id: Option<String>,
    /// Cut after 256 characters; the conversation's unless given.
    title: Option<String>,
    /// Pictures too. Default: false.
    include_images: Option<bool>,
    /// With one answer also what was said before it. Default: false.
    include_context_messages: Option<bool>,
    branch: Option<String>,
}

/// A share of one answer to be made.
#[derive(ToSchema)]
pub(crate) struct CreateItemShare {
    title: Option<String>,
    include_images: Option<bool>,
    include_context_messages: Option<bool>,
    branch: Option<String>,
}

/// A share.
#[derive(ToSchema)]
pub(crate) struct Share {
    #[schema(example = "shr_0123456789abcdef")]
    id: String,
    #[schema(example = "share")]
    object: String,
    /// 22 letters and digits.
    slug: String,
    share_url: String,
    conversation_id: Option<String>,
    title: String,
    item_id: Option<String>,
    #[schema(example = "unlisted")]
    visibility: String,
    view_count: u64,
    revoked_at: Option<i64>,
    last_viewed_at: Option<i64>,
    snapshot_version: u32,
    share_options: ShareOptions,
    created_at: i64,
    updated_at: i64,
}

/// What a share holds besides words.
#[derive(ToSchema)]
pub(crate) struct ShareOptions {
    include_images: bool,
    include_context_messages: bool,
}

/// A share as the public sees it.
#[derive(ToSchema)]
pub(crate) struct PublicShare {
    #[schema(example = "public_share")]
    object: String,
    slug: String,
    title: String,
    created_at: i64,
    snapshot: Snapshot,
}

/// What was said, frozen.
#[derive(ToSchema)]
pub(crate) struct Snapshot {
    title: String,
    model_name: Option<String>,
    assistant_name: Option<String>,
    created_at: i64,
    items: Vec<SharedItem>,
}

/// One thing that was said.
#[derive(ToSchema)]
pub(crate) struct SharedItem {
    id: String,
    r#type: String,
    role: Option<String>,
    content: Vec<Value>,
    call_id: Option<String>,
    created_at: i64,
}
