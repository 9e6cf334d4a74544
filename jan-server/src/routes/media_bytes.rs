//! The bytes of media: to their owner under `/v1/media`, to others under `/api/media`.
//!
//! The rule for others: they see what its owner marked as public, and with a signed link what it was made for, until it
//! ends. Everything else is not found. `media.public = true` marks all that is brought as public, as it was in the
//! original, whose clients know an id and no link.

use http::HeaderValue;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderName};
use jan_core::{Error, Result};
use jan_media::{ReadableMedia, Token};
use serde_json::json;

use super::call::Call;
use super::file::{file, head};
use crate::http::reply::{Reply, enveloped};

/// What is deleted is not shown from somebody's cache: it is kept, and asked for again.
pub(super) const OWNERS: HeaderValue = HeaderValue::from_static("private, no-cache");
/// How long caches may show what its owner can take back or delete, without asking again. The tag makes asking cheap.
const FRESH: u64 = 60 * 60;
/// Other sites may show it.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The caller's file; its link alone where bytes are not given by us (`media.proxy`).
pub(crate) async fn get(call: Call) -> Reply {
    let found = call.rooms.media.find(call.owner(), &call.path("id")?).await?;
    if !call.rooms.settings.media_proxy {
        let url = call.rooms.media.url(call.owner(), &found.object).await?;
        return enveloped(&call, &json!({ "url": call.absolute(url) }));
    }
    file(&call, &found, OWNERS).await
}

/// Its head.
pub(crate) async fn get_head(call: Call) -> Reply {
    let media = call.rooms.media.get(call.owner(), &call.path("id")?).await?;
    head(&call, &media, OWNERS)
}

/// A file that everybody may see, or whoever has the link.
pub(crate) async fn shown(call: Call) -> Reply {
    let (found, cache) = find_shown(&call).await?;
    everywhere(file(&call, &found, cache).await)
}

/// Its head.
pub(crate) async fn shown_head(call: Call) -> Reply {
    let (found, cache) = find_shown(&call).await?;
    everywhere(head(&call, &found.object, cache))
}

/// The file, and how long it may be kept: an hour, and no longer than the link that led to it.
async fn find_shown(call: &Call) -> Result<(ReadableMedia, HeaderValue)> {
    let (id, token) = (call.path("id")?, Token::of_query(call.query.as_deref().unwrap_or_default()));
    let found = call.rooms.media.find_shared(&id, token).await?;
    let (whose, fresh) = match token {
        Some(token) if !found.object.public => {
            ("private", token.exp.saturating_sub(call.rooms.clock.unix_seconds()).min(FRESH))
        }
        _ => ("public", FRESH),
    };
    let cache = format!("{whose}, max-age={fresh}, must-revalidate");
    let cache = HeaderValue::try_from(cache).map_err(Error::internal)?;
    Ok((found, cache))
}

/// Every page may show it.
fn everywhere(reply: Reply) -> Reply {
    let mut response = reply?;
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(response)
}
