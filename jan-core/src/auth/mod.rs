//! Who is asking. A verifier turns a credential into a [`Principal`]; an issuer makes credentials. Verifiers stack:
//! [`AnyOf`] asks several, [`Cached`] remembers what a dear one said, [`AllowAll`] is open and says so in its name.

mod any_of;
#[cfg(feature = "digest")]
mod api_key;
#[cfg(feature = "digest")]
mod cached;
#[cfg(feature = "jwt")]
mod local;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use any_of::{AllowAll, AnyOf};
#[cfg(feature = "digest")]
pub use api_key::ApiKeys;
#[cfg(feature = "digest")]
pub use cached::Cached;
#[cfg(feature = "jwt")]
pub use local::{LocalIssuer, SigningKey};

use crate::{Principal, Result};

/// What a caller showed, as it came; never printed.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// Nothing.
    None,
    /// `Authorization: Bearer …`: a token, or an API key sent the way OpenAI's clients send it.
    Bearer(&'a str),
    /// `X-API-Key: …`
    ApiKey(&'a str),
}

/// Checks credentials.
#[async_trait]
pub trait AuthVerifier: Send + Sync + 'static {
    /// Who shows this credential; `None` when it is not of the kind that this verifier knows, so that another may.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unauthenticated`] when it is of this kind and does not hold, with a message that tells why
    /// and gives nothing away. [`crate::ErrorKind::Unavailable`] when it cannot be checked now.
    async fn verify(&self, credential: Credential<'_>) -> Result<Option<Arc<Principal>>>;

    /// Whether callers are let in without a credential. Such a server has to guard itself against the web pages that its
    /// user visits. Default: no.
    fn admits_anybody(&self) -> bool {
        false
    }
}

#[async_trait]
impl<V: AuthVerifier + ?Sized> AuthVerifier for Arc<V> {
    async fn verify(&self, credential: Credential<'_>) -> Result<Option<Arc<Principal>>> {
        (**self).verify(credential).await
    }

    fn admits_anybody(&self) -> bool {
        (**self).admits_anybody()
    }
}

/// Makes tokens.
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
pub struct Tokens {
    /// Whose they are.
    pub user_id: String,
    /// Shown with each request.
    pub access_token: String,
    /// Shown once, to get the next pair.
    pub refresh_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds until the access token ends.
    pub expires_in: u64,
    /// Seconds since the Unix epoch when it ends.
    pub expires_at: u64,
}
