//! The bytes of media: to their owner under `/v1/media`, to others under `/api/media`.
//!
//! The rule for others: they see what its owner marked as public, and with a signed link what it was made for, until it
//! ends. Everything else is not found. `media.public = true` marks all that is brought as public, as it was in the
//! original, whose clients know an id and no link.

use http::HeaderValue;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderName};
use jan_core::{Error, Result};
use jan_media::{Found, Token};
use serde_json::json;

use crate::http::call::Call;
use crate::http::file::{file, head};
use crate::http::reply::{Reply, enveloped};

/// What is deleted is not shown from somebody's cache: it is kept, and asked for again.
pub(super) const OWNERS: HeaderValue = HeaderValue::from_static("private, no-cache");
/// The bytes of an id never change.
const EVERYBODYS: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Other sites may show it.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The caller's file; its link alone where bytes are not given by us (`media.proxy`).
pub(crate) async fn get(call: Call) -> Reply {
    let found = call.rooms.media.find(call.owner(), &call.path("id")?).await?;
    if !call.rooms.settings.media_proxy {
        let url = call.rooms.media.url(call.owner(), &found.object).await?;
        return enveloped(&call, &json!({ "url": url }));
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

/// The file, and how long it may be kept: no longer than the link that led to it.
async fn find_shown(call: &Call) -> Result<(Found, HeaderValue)> {
    let (id, exp, sig) = (call.path("id")?, call.query("exp"), call.query("sig"));
    let token = token(exp.as_deref(), sig.as_deref());
    let found = call.rooms.media.find_shown(&id, token).await?;
    let cache = match token {
        Some(token) if !found.object.public => {
            let left = token.exp.saturating_sub(call.rooms.clock.unix_seconds());
            HeaderValue::try_from(format!("private, max-age={left}, immutable")).map_err(Error::internal)?
        }
        _ => EVERYBODYS,
    };
    Ok((found, cache))
}

/// What a signed link says after its `?`. Half of it is a link that does not hold.
pub(super) fn token<'a>(exp: Option<&str>, sig: Option<&'a str>) -> Option<Token<'a>> {
    if exp.is_none() && sig.is_none() {
        return None;
    }
    let exp = exp.and_then(|exp| exp.parse().ok()).unwrap_or_default();
    Some(Token { exp, sig: sig.unwrap_or_default() })
}

/// Every page may show it.
fn everywhere(reply: Reply) -> Reply {
    let mut response = reply?;
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(response)
}
