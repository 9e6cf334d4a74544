//! The bytes of media: to their owner under `/v1/media`, to others under `/api/media`.
//!
//! The rule for others: they can read what its owner marked as public, and with a signed link the file that the link
//! was made for, until the link expires. Everything else is not found. With `media.public = true` everything that is
//! stored is marked as public, as in the original, whose clients know an id and no link.

use http::HeaderValue;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderName};
use jan_core::{Error, Result};
use jan_media::{ReadableMedia, Token};
use serde_json::json;

use super::call::Call;
use super::file::{file, head};
use crate::http::reply::{Reply, enveloped};

/// The owner's replies may be cached, but must be revalidated, so that deleted files are not shown from a cache.
pub(super) const OWNER_CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// How long, in seconds, caches may show a public file without revalidating, although its owner can make it private or
/// delete it. The entity tag makes revalidating cheap.
const MAX_AGE: u64 = 60 * 60;
/// Lets pages of other sites show the file.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Returns the caller's file, or only its link if this server does not send bytes (`media.proxy`).
pub(crate) async fn get(call: Call) -> Reply {
    let found = call.services.media.find(call.owner(), &call.path("id")?).await?;
    if !call.services.settings.media_proxy {
        let url = call.services.media.url(call.owner(), &found.object).await?;
        return enveloped(&call, &json!({ "url": call.absolute(url) }));
    }
    file(&call, &found, OWNER_CACHE).await
}

/// Returns the head of the same reply.
pub(crate) async fn get_head(call: Call) -> Reply {
    let media = call.services.media.get(call.owner(), &call.path("id")?).await?;
    head(&call, &media, OWNER_CACHE)
}

/// Returns a file that is public, or that the request's signed link allows.
pub(crate) async fn public(call: Call) -> Reply {
    let (found, cache) = find_public(&call).await?;
    for_every_page(file(&call, &found, cache).await)
}

/// Returns the head of the same reply.
pub(crate) async fn public_head(call: Call) -> Reply {
    let (found, cache) = find_public(&call).await?;
    for_every_page(head(&call, &found.object, cache))
}

/// Finds the file, and its `Cache-Control`: an hour, and no longer than the signed link is valid.
async fn find_public(call: &Call) -> Result<(ReadableMedia, HeaderValue)> {
    let (id, token) = (call.path("id")?, Token::of_query(call.query.as_deref().unwrap_or_default()));
    let found = call.services.media.find_shared(&id, token).await?;
    let (scope, seconds) = match token {
        Some(token) if !found.object.public => {
            ("private", token.exp.saturating_sub(call.services.clock.unix_seconds()).min(MAX_AGE))
        }
        _ => ("public", MAX_AGE),
    };
    let cache = format!("{scope}, max-age={seconds}, must-revalidate");
    let cache = HeaderValue::try_from(cache).map_err(Error::internal)?;
    Ok((found, cache))
}

/// Lets every page show the file.
fn for_every_page(reply: Reply) -> Reply {
    let mut response = reply?;
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(response)
}
