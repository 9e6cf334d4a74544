//! An issuer that needs no identity server. It signs tokens (Ed25519) for guests and verifies them with the same key.
//! Access tokens and refresh tokens have different uses: neither is accepted in place of the other.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use super::{AuthVerifier, Credential, Presented, TokenIssuer, Tokens};
use crate::{AuthMethod, Clock, Error, Principal, Result, UserId, id};

/// The lifetime of an access token: 300 seconds, as the API reference says.
const ACCESS_LIFETIME: Duration = Duration::from_secs(300);
/// The lifetime of a refresh token: a week.
const REFRESH_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

const ISSUER: &str = "jan-server";

/// A key that signs tokens. Keep its PKCS#8 bytes as secret as a password.
#[derive(Clone)]
pub struct SigningKey {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl SigningKey {
    /// Generates a new key.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the system's cryptography fails.
    pub fn generate() -> Result<Self> {
        // The seed comes from the system and not from the library's own generator, which takes a tenth of a second to
        // seed itself; the first start would take that much longer.
        let mut seed = [0; 32];
        id::fill(&mut seed);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|e| Error::internal(e.to_string()))?;
        let pkcs8 = pair.to_pkcs8().map_err(Error::internal)?;
        Ok(Self { pkcs8: pkcs8.as_ref().to_vec(), public: pair.public_key().as_ref().to_vec() })
    }

    /// Reads a key from the bytes that [`SigningKey::to_pkcs8`] returned.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when these bytes are not such a key.
    pub fn from_pkcs8(pkcs8: Vec<u8>) -> Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|e| Error::internal(e.to_string()))?;
        Ok(Self { public: pair.public_key().as_ref().to_vec(), pkcs8 })
    }

    /// The key as PKCS#8 bytes, to be stored between starts.
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

/// The claims of a token.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    iat: u64,
    exp: u64,
    jti: String,
    /// `access` or `refresh`.
    #[serde(rename = "use")]
    usage: String,
}

/// Issues tokens and verifies its own.
pub struct LocalIssuer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    clock: Arc<dyn Clock>,
}

impl LocalIssuer {
    /// An issuer that signs with `key` and reads the time from `clock`.
    pub fn new(key: &SigningKey, clock: Arc<dyn Clock>) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // The expiry is checked below against our own clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self {
            encoding: EncodingKey::from_ed_der(&key.pkcs8),
            decoding: DecodingKey::from_ed_der(&key.public),
            validation,
            clock,
        }
    }

    fn sign(&self, user: &str, usage: &str, now: u64, lifetime: Duration) -> Result<String> {
        let claims = Claims {
            iss: ISSUER.into(),
            sub: user.into(),
            iat: now,
            exp: now.saturating_add(lifetime.as_secs()),
            jti: id::short(""),
            usage: usage.into(),
        };
        encode(&Header::new(Algorithm::EdDSA), &claims, &self.encoding).map_err(Error::internal)
    }

    fn tokens(&self, user: String) -> Result<Tokens> {
        let now = self.clock.unix_seconds();
        Ok(Tokens {
            access_token: self.sign(&user, "access", now, ACCESS_LIFETIME)?,
            refresh_token: self.sign(&user, "refresh", now, REFRESH_LIFETIME)?,
            token_type: "Bearer".into(),
            expires_in: ACCESS_LIFETIME.as_secs(),
            expires_at: now.saturating_add(ACCESS_LIFETIME.as_secs()),
            user_id: user,
        })
    }

    fn check(&self, token: &str, usage: &str) -> Result<Claims> {
        let bad = || Error::unauthenticated("The token is not valid.").with_code("invalid_token");
        let claims =
            decode::<Claims>(token, &self.decoding, &self.validation).map_err(|e| bad().because(e))?.claims;
        if claims.usage != usage {
            return Err(bad());
        }
        if claims.exp <= self.clock.unix_seconds() {
            return Err(
                Error::unauthenticated("The token has expired. Get a new one.").with_code("token_expired")
            );
        }
        Ok(claims)
    }
}

#[async_trait]
impl AuthVerifier for LocalIssuer {
    async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>> {
        let Credential::Bearer(token) = presented.credential else { return Ok(None) };
        let claims = self.check(token, "access")?;
        Ok(Some(Arc::new(Principal {
            user: UserId::new(claims.sub),
            method: AuthMethod::Jwt,
            roles: Vec::new(),
            expires_at: Some(Duration::from_secs(claims.exp)),
        })))
    }
}

#[async_trait]
impl TokenIssuer for LocalIssuer {
    async fn guest(&self) -> Result<Tokens> {
        self.tokens(id::short("guest-"))
    }

    async fn refresh(&self, refresh_token: &str) -> Result<Tokens> {
        let claims = self.check(refresh_token, "refresh")?;
        self.tokens(claims.sub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MovedClock;

    fn issuer() -> (LocalIssuer, MovedClock) {
        let clock = MovedClock::at(1_000_000);
        (LocalIssuer::new(&SigningKey::generate().unwrap(), Arc::new(clock.clone())), clock)
    }

    #[tokio::test]
    async fn a_guests_token_is_valid_until_it_expires_and_the_refresh_token_gets_a_new_one() {
        let (issuer, clock) = issuer();
        let tokens = issuer.guest().await.unwrap();
        let principal = issuer.verify(Presented::bearer(&tokens.access_token)).await.unwrap().unwrap();
        assert_eq!(principal.user.as_str(), tokens.user_id);
        clock.advance(ACCESS_LIFETIME);
        let error = issuer.verify(Presented::bearer(&tokens.access_token)).await.unwrap_err();
        assert_eq!(error.code(), "token_expired");
        let again = issuer.refresh(&tokens.refresh_token).await.unwrap();
        assert_eq!(again.user_id, tokens.user_id);
        assert!(issuer.verify(Presented::bearer(&again.access_token)).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_token_of_another_use_or_another_key_is_refused() {
        let (issuer, _) = issuer();
        let tokens = issuer.guest().await.unwrap();
        let (other, _) = self::issuer();
        assert!(other.verify(Presented::bearer(&tokens.access_token)).await.is_err());
        assert!(issuer.verify(Presented::bearer(&tokens.refresh_token)).await.is_err());
        assert!(issuer.refresh(&tokens.access_token).await.is_err());
        let none = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqYW4tc2VydmVyIiwic3ViIjoieCIsImV4cCI6OTk5OTk5OTk5OX0.";
        for bad in ["", "a.b.c", none, &tokens.access_token[..tokens.access_token.len() - 4]] {
            assert_eq!(issuer.verify(Presented::bearer(bad)).await.unwrap_err().code(), "invalid_token");
        }
    }

    #[tokio::test]
    async fn a_stored_key_verifies_earlier_tokens() {
        let key = SigningKey::generate().unwrap();
        let clock = Arc::new(MovedClock::at(5));
        let tokens = LocalIssuer::new(&key, clock.clone()).guest().await.unwrap();
        let kept = SigningKey::from_pkcs8(key.to_pkcs8().to_vec()).unwrap();
        let later = LocalIssuer::new(&kept, clock);
        assert!(later.verify(Presented::bearer(&tokens.access_token)).await.unwrap().is_some());
        assert!(SigningKey::from_pkcs8(vec![1, 2, 3]).is_err());
    }
}
