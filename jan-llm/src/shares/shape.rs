//! Shares as the API returns them to their owner and to the public.

use jan_core::clock::seconds;
use jan_core::record::{Millis, TypedRecord};
use serde::Serialize;

use super::{Share, ShareOptions, Snapshot};
use crate::conversations::original_block;

/// The current version of the snapshot format.
const SNAPSHOT_VERSION: u32 = 1;

/// A share as its owner gets it. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Share))]
pub struct ShareShape {
    #[cfg_attr(feature = "openapi", schema(example = "shr_0123456789abcdef"))]
    id: String,
    #[cfg_attr(feature = "openapi", schema(example = "share"))]
    object: &'static str,
    /// 22 letters and digits.
    slug: String,
    share_url: String,
    conversation_id: Option<String>,
    title: String,
    item_id: Option<String>,
    #[cfg_attr(feature = "openapi", schema(example = "unlisted"))]
    visibility: &'static str,
    view_count: u64,
    revoked_at: Option<i64>,
    last_viewed_at: Option<i64>,
    snapshot_version: u32,
    share_options: ShareOptions,
    created_at: i64,
    updated_at: i64,
}

impl ShareShape {
    /// A share with the URL of its public page.
    pub fn new(share: TypedRecord<Share>, share_url: String) -> Self {
        let TypedRecord { id, group, created_at, body, .. } = share;
        Self {
            id,
            object: "share",
            slug: body.slug,
            share_url,
            conversation_id: group,
            title: body.title,
            item_id: body.item_id,
            visibility: "unlisted",
            view_count: body.view_count,
            revoked_at: body.revoked_at.map(seconds),
            last_viewed_at: body.last_viewed_at.map(seconds),
            snapshot_version: SNAPSHOT_VERSION,
            share_options: body.options,
            created_at: seconds(created_at),
            updated_at: seconds(body.updated_at),
        }
    }

    /// The share's id, which is also the cursor of lists.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A share as the public gets it, without any information about its owner.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PublicShare))]
pub struct PublicShareShape {
    #[cfg_attr(feature = "openapi", schema(example = "public_share"))]
    object: &'static str,
    slug: String,
    title: String,
    created_at: i64,
    snapshot: Snapshot,
}

impl PublicShareShape {
    pub(super) fn new(slug: String, created_at: Millis, snapshot: Snapshot) -> Self {
        let title = snapshot.title.clone();
        Self { object: "public_share", slug, title, created_at: seconds(created_at), snapshot }
    }

    /// The same in the form of the original server, whose clients show only messages and no tool calls.
    #[must_use]
    pub fn as_original(mut self) -> Self {
        self.snapshot.items.retain(|item| item.kind == "message");
        for item in &mut self.snapshot.items {
            item.content = std::mem::take(&mut item.content).into_iter().map(original_block).collect();
        }
        self
    }
}
