//! API keys that are configured at the start: long random strings that begin with `sk_`. Only their digests are kept
//! in memory, and they are compared in constant time.

use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{AuthVerifier, Credential, Presented};
use crate::secret::ExposeSecret;
use crate::{AuthMethod, Error, Principal, Result, Secret};

const PREFIX: &str = "sk_";
/// The shortest key that is accepted, in characters. Shorter keys could be guessed.
const MIN_LENGTH: usize = 20;

/// A fixed set of API keys. Each key is a separate user.
#[derive(Clone, Default)]
pub struct ApiKeys(Vec<([u8; 32], Arc<Principal>)>);

impl ApiKeys {
    /// A verifier that accepts these keys.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when one does not start with `sk_` or is shorter than 20 characters.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a Secret>) -> Result<Self> {
        let keep = |key: &'a Secret| {
            let key = key.expose_secret();
            if !key.starts_with(PREFIX) || key.len() < MIN_LENGTH {
                return Err(Error::invalid(
                    "api_keys",
                    "An API key starts with `sk_` and has at least 20 characters.",
                ));
            }
            let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
            // The user's name comes from the digest, so that a key belongs to the same user after a restart.
            let name: String = hex::encode(digest).chars().take(16).collect();
            let principal = Principal::new(format!("key-{name}"), AuthMethod::ApiKey);
            Ok((digest, Arc::new(principal)))
        };
        keys.into_iter().map(keep).collect::<Result<_>>().map(Self)
    }
}

#[async_trait]
impl AuthVerifier for ApiKeys {
    async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>> {
        let key = match presented.credential {
            Credential::ApiKey(key) => key,
            Credential::Bearer(key) if key.starts_with(PREFIX) => key,
            _ => return Ok(None),
        };
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let found = self.0.iter().find(|(known, _)| bool::from(known.ct_eq(&digest)));
        match found {
            Some((_, principal)) => Ok(Some(principal.clone())),
            None => Err(Error::unauthenticated("The API key is not valid.").with_code("invalid_api_key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_accepted_in_both_headers_and_other_credentials_are_not() {
        let keys = ApiKeys::new([&Secret::from("sk_0123456789abcdefghij")]).unwrap();
        for good in
            [Credential::ApiKey("sk_0123456789abcdefghij"), Credential::Bearer("sk_0123456789abcdefghij")]
        {
            assert_eq!(keys.verify(Presented::new(good)).await.unwrap().unwrap().method, AuthMethod::ApiKey);
        }
        for bad in [Credential::ApiKey("x"), Credential::Bearer("sk_0123456789abcdefghiJ")] {
            assert_eq!(keys.verify(Presented::new(bad)).await.unwrap_err().code(), "invalid_api_key");
        }
        assert!(keys.verify(Presented::bearer("eyJh.x.y")).await.unwrap().is_none());
        assert!(ApiKeys::new([&Secret::from("sk_short")]).is_err());
    }
}
