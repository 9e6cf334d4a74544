//! `POST /auth/guest-login`, `POST /auth/refresh-token`

use std::sync::Arc;

use jan_core::auth::Tokens;
use jan_core::{Error, ErrorKind, JsonObject, Result, TokenIssuer, UserId};
use serde::Serialize;

use super::call::Call;
use super::users::username;
use crate::http::reply::{Reply, bare, created};

/// Issues tokens for a new guest.
pub(crate) async fn guest_login(call: Call) -> Reply {
    let tokens = issuer(&call)?.guest().await?;
    let user = UserId::new(tokens.user_id.as_str());
    created(&Login { username: username(&user), principal_id: user.as_str(), tokens: &tokens })
}

/// The first tokens of a guest, and its id under the names that clients of the original Jan Server read.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = GuestTokens))]
pub(crate) struct Login<'a> {
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(inline))]
    tokens: &'a Tokens,
    /// The same as in `GET /v1/users/me`.
    username: &'a str,
    /// The same as `user_id`.
    principal_id: &'a str,
}

/// Issues the next pair of tokens to the owner of a refresh token.
pub(crate) async fn refresh_token(mut call: Call) -> Reply {
    let RefreshRequest { refresh_token } = call.read().await?;
    bare(&issuer(&call)?.refresh(&refresh_token).await?)
}

/// The request for the next pair of tokens.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct RefreshRequest {
    refresh_token: String,
}

impl TryFrom<&JsonObject> for RefreshRequest {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self { refresh_token: body.required("refresh_token")? })
    }
}

fn issuer(call: &Call) -> Result<Arc<dyn TokenIssuer>> {
    let none = || Error::new(ErrorKind::NotImplemented, "This server does not issue tokens.");
    call.services.issuer.clone().ok_or_else(none)
}
