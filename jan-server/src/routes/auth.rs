//! `POST /auth/guest-login`, `POST /auth/refresh-token`

use std::sync::Arc;

use jan_core::{Error, ErrorKind, JsonObject, Result, TokenIssuer};

use crate::http::call::Call;
use crate::http::reply::{Reply, bare, created};

/// Tokens for a new guest.
pub(crate) async fn guest_login(call: Call) -> Reply {
    created(&issuer(&call)?.guest().await?)
}

/// The next pair of tokens for whoever holds a refresh token.
pub(crate) async fn refresh_token(mut call: Call) -> Reply {
    let body = JsonObject::parse(call.bytes().await?)?;
    let token: Option<String> = body.get("refresh_token")?;
    let token = token.ok_or_else(|| {
        Error::invalid("refresh_token", "`refresh_token` is required.").code("missing_parameter")
    })?;
    bare(&issuer(&call)?.refresh(&token).await?)
}

fn issuer(call: &Call) -> Result<Arc<dyn TokenIssuer>> {
    let none = || Error::new(ErrorKind::NotImplemented, "This server does not issue tokens.");
    call.rooms.issuer.clone().ok_or_else(none)
}
