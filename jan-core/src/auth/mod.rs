//! Authentication. A verifier converts the credentials of a request into a [`Principal`]; an issuer makes credentials.
//! Verifiers can be combined: [`AnyOf`] calls several, `Cached` caches the results of an expensive one,
//! [`HostPrincipal`] trusts the app around the server, and [`AllowAll`] accepts every request.

mod any_of;
#[cfg(feature = "digest")]
mod api_key;
#[cfg(feature = "digest")]
mod cached;
mod host;
#[cfg(feature = "jwt")]
mod local;
mod presented;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use any_of::{AllowAll, AnyOf};
#[cfg(feature = "digest")]
pub use api_key::ApiKeys;
#[cfg(feature = "digest")]
pub use cached::Cached;
pub use host::HostPrincipal;
#[cfg(feature = "jwt")]
pub use local::{LocalIssuer, SigningKey};
pub use presented::{Credential, Presented};

use crate::{Principal, Result};

/// Authenticates the sender of a request.
///
/// A verifier may read the credential, all headers, and what layers of the host attached to the request:
///
/// ```
/// use std::sync::Arc;
///
/// use jan_core::auth::{AuthVerifier, Presented};
/// use jan_core::{AuthMethod, Error, Principal, Result, async_trait};
///
/// /// The sessions of the app around the server, which its cookie names.
/// struct Sessions(std::collections::HashMap<String, String>);
///
/// #[async_trait]
/// impl AuthVerifier for Sessions {
///     async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>> {
///         let Some(id) = presented.cookie("session") else { return Ok(None) };
///         let user = self.0.get(id).ok_or_else(|| Error::unauthenticated("The session has ended."))?;
///         Ok(Some(Arc::new(Principal::new(user.as_str(), AuthMethod::Session))))
///     }
/// }
/// ```
#[async_trait]
pub trait AuthVerifier: Send + Sync + 'static {
    /// Returns the sender of a request. `None` means that the request has no credential of the kind that this verifier
    /// handles, so that another verifier may handle it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unauthenticated`] when the credential is of this kind and is not valid; the message says
    /// why and contains no secret. [`crate::ErrorKind::Unavailable`] when it cannot be checked now.
    async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>>;

    /// Whether requests without any credential are accepted. Such a server has to protect itself against the web pages
    /// that its user visits. Default: no.
    fn admits_anybody(&self) -> bool {
        false
    }
}

#[async_trait]
impl<V: AuthVerifier + ?Sized> AuthVerifier for Arc<V> {
    async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>> {
        (**self).verify(presented).await
    }

    fn admits_anybody(&self) -> bool {
        (**self).admits_anybody()
    }
}

/// Issues tokens. `LocalIssuer` (feature `jwt`) signs tokens and also verifies them:
///
/// ```
/// # #[cfg(feature = "jwt")]
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::Arc;
///
/// use jan_core::auth::{AuthVerifier, LocalIssuer, Presented, SigningKey, TokenIssuer};
/// use jan_core::SystemClock;
///
/// let issuer = LocalIssuer::new(&SigningKey::generate()?, Arc::new(SystemClock));
/// let tokens = issuer.guest().await?;
/// let principal = issuer.verify(Presented::bearer(&tokens.access_token)).await?.unwrap();
/// assert_eq!(principal.user.as_str(), tokens.user_id);
/// # Ok::<(), jan_core::Error>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait TokenIssuer: Send + Sync + 'static {
    /// Tokens for a new guest.
    async fn guest(&self) -> Result<Tokens>;

    /// New tokens for the owner of a refresh token.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unauthenticated`] when the refresh token is not valid.
    async fn refresh(&self, refresh_token: &str) -> Result<Tokens>;
}

/// A pair of tokens, as the login routes return it.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tokens {
    /// The id of the user to whom they were issued.
    pub user_id: String,
    /// The token that is sent with each request.
    pub access_token: String,
    /// The token that is sent once, to get the next pair.
    pub refresh_token: String,
    /// The token type: always `Bearer`.
    #[cfg_attr(feature = "openapi", schema(example = "Bearer"))]
    pub token_type: String,
    /// Seconds until the access token expires.
    #[cfg_attr(feature = "openapi", schema(example = 300))]
    pub expires_in: u64,
    /// When the access token expires, in seconds since the Unix epoch.
    pub expires_at: u64,
}
