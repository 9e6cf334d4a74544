//! `POST /auth/guest-login`, `POST /auth/refresh-token`

use std::sync::Arc;

use jan_core::auth::Tokens;
use jan_core::{Error, ErrorKind, JsonObject, Result, TokenIssuer, UserId};
use serde::Serialize;

use super::users::username;
use crate::http::call::Call;
use crate::http::reply::{Reply, bare, created};

/// Tokens for a new guest.
pub(crate) async fn guest_login(call: Call) -> Reply {
    let tokens = issuer(&call)?.guest().await?;
    let who = UserId::new(tokens.user_id.as_str());
    created(&Login { username: username(&who), principal_id: who.as_str(), tokens: &tokens })
}

/// Tokens, and whose they are in the words of the original's clients.
#[derive(Serialize)]
struct Login<'a> {
    #[serde(flatten)]
    tokens: &'a Tokens,
    username: &'a str,
    principal_id: &'a str,
}

/// The next pair of tokens for whoever holds a refresh token.
pub(crate) async fn refresh_token(mut call: Call) -> Reply {
    let body = JsonObject::parse(call.bytes().await?)?;
    let token: String = body.required("refresh_token")?;
    bare(&issuer(&call)?.refresh(&token).await?)
}

fn issuer(call: &Call) -> Result<Arc<dyn TokenIssuer>> {
    let none = || Error::new(ErrorKind::NotImplemented, "This server does not issue tokens.");
    call.rooms.issuer.clone().ok_or_else(none)
}
