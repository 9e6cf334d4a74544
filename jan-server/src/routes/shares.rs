//! Shares: created, listed and revoked by their owners; read by everyone who has the link.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, Response};
use jan_core::page::{Order, Page};
use jan_core::record::TypedRecord;
use jan_core::{Error, ErrorKind, Result};
use jan_llm::shares::{NewItemShare, NewShare, Share, ShareShape};

use super::call::Call;
use crate::http::body::Body;
use crate::http::conditional::{matches_etag, not_modified};
use crate::http::reply::{Deleted, Listing, Reply, enveloped, enveloped_created, with_type};

/// The `Cache-Control` of public shares: a revoked share leaves caches after this time.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Shares a conversation, or one answer in it.
pub(crate) async fn create(mut call: Call) -> Reply {
    enabled(&call)?;
    let (id, mut new) = (call.path("id")?, call.read::<NewShare>().await?);
    new.branch = call.query("branch").or(new.branch);
    let share = call.services.shares.create(call.owner(), &id, new).await?;
    enveloped_created(&call, &shape(&call, share))
}

/// Shares one answer of a conversation.
pub(crate) async fn create_of_item(mut call: Call) -> Reply {
    enabled(&call)?;
    let (id, item) = (call.path("id")?, call.path("item_id")?);
    let mut new = NewItemShare::try_from(&call.object_or_nothing().await?)?;
    new.branch = call.query("branch").or(new.branch);
    let share = call.services.shares.create_of_item(call.owner(), &id, item, new).await?;
    enveloped_created(&call, &shape(&call, share))
}

/// Lists the caller's shares.
pub(crate) async fn all(call: Call) -> Reply {
    page_of(&call, None).await
}

/// Lists the shares of one conversation.
pub(crate) async fn of_conversation(call: Call) -> Reply {
    page_of(&call, Some(&call.path("id")?)).await
}

async fn page_of(call: &Call, conversation: Option<&str>) -> Reply {
    enabled(call)?;
    let (page, revoked) = (call.page(Order::Desc)?, call.flag("include_revoked")?);
    let page = call.services.shares.list(call.owner(), conversation, revoked, &page).await?;
    let page: Page<ShareShape> = page.map(|share| shape(call, share));
    let total = call.services.shares.count(call.owner(), conversation, revoked);
    Listing::counted(call, &page, total).await?.enveloped(call, ShareShape::id)
}

/// Revokes a share.
pub(crate) async fn revoke(call: Call) -> Reply {
    revoke_share(&call, None, call.path("id")?).await
}

/// Revokes a share of a conversation.
pub(crate) async fn revoke_of_conversation(call: Call) -> Reply {
    revoke_share(&call, Some(call.path("id")?), call.path("share_id")?).await
}

async fn revoke_share(call: &Call, conversation: Option<String>, id: String) -> Reply {
    enabled(call)?;
    call.services.shares.revoke(call.owner(), conversation.as_deref(), &id).await?;
    enveloped(call, &Deleted::one(&id, "share.deleted"))
}

/// Returns the public form of a share.
pub(crate) async fn public(call: Call) -> Reply {
    enabled(&call)?;
    let slug = call.path("slug")?;
    let share = call.services.shares.public(&slug).await?;
    let tag = tag(&slug);
    if matches_etag(&call.headers, &tag) {
        return cached(not_modified(), &tag);
    }
    let share = if call.services.settings.bare { share.as_original() } else { share };
    cached(enveloped(&call, &share)?, &tag)
}

/// Replies whether a share exists, without a body.
pub(crate) async fn public_head(call: Call) -> Reply {
    enabled(&call)?;
    let slug = call.path("slug")?;
    call.services.shares.is_public(&slug).await?;
    cached(with_type("application/json", Bytes::new()), &tag(&slug))
}

/// The entity tag. A shared snapshot never changes, so its slug identifies it.
fn tag(slug: &str) -> String {
    format!("\"{slug}\"")
}

/// Adds the caching headers. The tag is weak, because the envelope differs in each reply.
fn cached(mut response: Response<Body>, tag: &str) -> Reply {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, CACHE);
    headers.insert(ETAG, HeaderValue::try_from(format!("W/{tag}")).map_err(Error::internal)?);
    Ok(response)
}

/// The shape of a share, with its link.
fn shape(call: &Call, share: TypedRecord<Share>) -> ShareShape {
    let url = call.absolute(format!("/v1/public/shares/{}", share.body.slug));
    ShareShape::new(share, url)
}

fn enabled(call: &Call) -> Result<()> {
    if call.services.settings.sharing {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Forbidden, "Sharing is switched off on this server.")
        .with_code("sharing_disabled"))
}
