//! Shares: made, listed and taken back by their owners; read by whoever has the link.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, Response};
use jan_core::page::{Order, Page};
use jan_core::record::TypedRecord;
use jan_core::{Error, ErrorKind, Result};
use jan_llm::shares::{NewItemShare, NewShare, Share, ShareShape};

use super::call::Call;
use crate::http::body::Body;
use crate::http::conditional::{is_known, not_modified};
use crate::http::reply::{Deleted, Listing, Reply, enveloped, enveloped_created, with_type};

/// Taken back shares are gone from caches after this time.
const FRESH: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Shares a conversation, or one answer of it.
pub(crate) async fn create(mut call: Call) -> Reply {
    enabled(&call)?;
    let (id, mut new) = (call.path("id")?, call.read::<NewShare>().await?);
    new.branch = call.query("branch").or(new.branch);
    let share = call.rooms.shares.create(call.owner(), &id, new).await?;
    enveloped_created(&call, &shape(&call, share))
}

/// Shares one answer.
pub(crate) async fn create_of_item(mut call: Call) -> Reply {
    enabled(&call)?;
    let (id, item) = (call.path("id")?, call.path("item_id")?);
    let mut new = NewItemShare::try_from(&call.object_or_nothing().await?)?;
    new.branch = call.query("branch").or(new.branch);
    let share = call.rooms.shares.create_of_item(call.owner(), &id, item, new).await?;
    enveloped_created(&call, &shape(&call, share))
}

/// The caller's.
pub(crate) async fn all(call: Call) -> Reply {
    page_of(&call, None).await
}

/// Those of one conversation.
pub(crate) async fn of_conversation(call: Call) -> Reply {
    page_of(&call, Some(&call.path("id")?)).await
}

async fn page_of(call: &Call, conversation: Option<&str>) -> Reply {
    enabled(call)?;
    let (page, revoked) = (call.page(Order::Desc)?, call.flag("include_revoked")?);
    let page = call.rooms.shares.list(call.owner(), conversation, revoked, &page).await?;
    let page: Page<ShareShape> = page.map(|share| shape(call, share));
    let all = call.rooms.shares.count(call.owner(), conversation, revoked);
    Listing::counted(call, &page, all).await?.enveloped(call, ShareShape::id)
}

/// Takes one back.
pub(crate) async fn revoke(call: Call) -> Reply {
    take_back(&call, None, call.path("id")?).await
}

/// Takes one of a conversation back.
pub(crate) async fn revoke_of_conversation(call: Call) -> Reply {
    take_back(&call, Some(call.path("id")?), call.path("share_id")?).await
}

async fn take_back(call: &Call, conversation: Option<String>, id: String) -> Reply {
    enabled(call)?;
    call.rooms.shares.revoke(call.owner(), conversation.as_deref(), &id).await?;
    enveloped(call, &Deleted::one(&id, "share.deleted"))
}

/// What the public sees.
pub(crate) async fn public(call: Call) -> Reply {
    enabled(&call)?;
    let slug = call.path("slug")?;
    let share = call.rooms.shares.public(&slug).await?;
    let tag = tag(&slug);
    if is_known(&call.headers, &tag) {
        return fresh(not_modified(), &tag);
    }
    let share = if call.rooms.settings.bare { share.as_original() } else { share };
    fresh(enveloped(&call, &share)?, &tag)
}

/// Whether it is there, without a body.
pub(crate) async fn public_head(call: Call) -> Reply {
    enabled(&call)?;
    let slug = call.path("slug")?;
    call.rooms.shares.is_public(&slug).await?;
    fresh(with_type("application/json", Bytes::new()), &tag(&slug))
}

/// A snapshot never changes, so its slug says all about it.
fn tag(slug: &str) -> String {
    format!("\"{slug}\"")
}

/// Says how long the reply may be kept. The tag is weak: the envelope differs from reply to reply.
fn fresh(mut response: Response<Body>, tag: &str) -> Reply {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, FRESH);
    headers.insert(ETAG, HeaderValue::try_from(format!("W/{tag}")).map_err(Error::internal)?);
    Ok(response)
}

/// The share, and the link to it.
fn shape(call: &Call, share: TypedRecord<Share>) -> ShareShape {
    let url = call.absolute(format!("/v1/public/shares/{}", share.body.slug));
    ShareShape::new(share, url)
}

fn enabled(call: &Call) -> Result<()> {
    if call.rooms.settings.sharing {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Forbidden, "Sharing is switched off on this server.")
        .with_code("sharing_disabled"))
}
