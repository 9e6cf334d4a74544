//! Who is asking. A verifier turns what a request presents into a [`Principal`]; an issuer makes credentials. Verifiers
//! stack: [`AnyOf`] asks several, `Cached` remembers what an expensive one answered, [`HostPrincipal`] trusts the app
//! around the server, [`AllowAll`] is open and says so in its name.

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

/// Checks who sends a request.
///
/// A verifier may read the credential, any header, and what layers of the host attached to the request:
///
/// ```
/// use std::sync::Arc;
///
/// use jan_core::auth::{AuthVerifier, Presented};
/// use jan_core::{AuthMethod, Error, Principal, Result, async_trait};
///
/// /// Sessions of the app around the server, by its cookie.
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
    /// Who sends a request that presents this; `None` when there is nothing in it of the kind that this verifier knows,
    /// so that another may.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unauthenticated`] when it is of this kind and is not valid, with a message that says why
    /// and gives nothing away. [`crate::ErrorKind::Unavailable`] when it cannot be checked now.
    async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>>;

    /// Whether callers are let in without a credential. Such a server has to guard itself against the web pages that its
    /// user visits. Default: no.
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

/// Makes tokens. `LocalIssuer` (feature `jwt`) signs its own and verifies them too:
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
/// let who = issuer.verify(Presented::bearer(&tokens.access_token)).await?.unwrap();
/// assert_eq!(who.user.as_str(), tokens.user_id);
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
    /// [`crate::ErrorKind::Unauthenticated`] when the refresh token does not hold.
    async fn refresh(&self, refresh_token: &str) -> Result<Tokens>;
}

/// A pair of tokens, as the login routes answer it.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tokens {
    /// Whose they are.
    pub user_id: String,
    /// Shown with each request.
    pub access_token: String,
    /// Shown once, to get the next pair.
    pub refresh_token: String,
    /// `Bearer`.
    #[cfg_attr(feature = "openapi", schema(example = "Bearer"))]
    pub token_type: String,
    /// Seconds until the access token ends.
    #[cfg_attr(feature = "openapi", schema(example = 300))]
    pub expires_in: u64,
    /// Seconds since the Unix epoch when it ends.
    pub expires_at: u64,
}
