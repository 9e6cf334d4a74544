//! The signature of our own links: an HMAC over the id, the expiry and the purpose of the link.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jan_core::secret::ExposeSecret;
use jan_core::{Clock, Error, ErrorKind, Result, Secret, id};
use sha2::Sha256;

/// The query parameters of one of our own links: `?exp=…&sig=…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// When it expires, in seconds since the Unix epoch.
    pub exp: u64,
    /// The signature over id, expiry and purpose.
    pub sig: &'a str,
}

impl<'a> Token<'a> {
    /// Reads the token from a link's query string; `None` if neither parameter is present. A link with only one of
    /// them gets a token that is never valid.
    pub fn of_query(query: &'a str) -> Option<Self> {
        let value = |name: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            pair.filter(|value| !value.is_empty())
        };
        let (exp, sig) = (value("exp"), value("sig"));
        if exp.is_none() && sig.is_none() {
            return None;
        }
        let exp = exp.and_then(|exp| exp.parse().ok()).unwrap_or_default();
        Some(Self { exp, sig: sig.unwrap_or_default() })
    }
}

/// What a link allows, so that a link for reading cannot be used for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Upload,
}

/// The key that signs links. It is stored as the initialised HMAC, so the key itself cannot be printed.
pub(crate) struct LinkKey(Hmac<Sha256>);

impl LinkKey {
    pub(crate) fn new(key: Option<&Secret>) -> Self {
        let mut random = [0; 32];
        id::fill(&mut random);
        let key = key.map_or(&random[..], |key| key.expose_secret().as_bytes());
        // HMAC accepts keys of every length.
        Self(Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default())))
    }

    fn over(&self, purpose: Purpose, id: &str, exp: u64) -> Hmac<Sha256> {
        let purpose = match purpose {
            Purpose::Read => "read",
            Purpose::Upload => "upload",
        };
        let mut mac = self.0.clone();
        mac.update(format!("{purpose}\n{id}\n{exp}").as_bytes());
        mac
    }

    pub(crate) fn sign(&self, purpose: Purpose, id: &str, exp: u64) -> String {
        URL_SAFE_NO_PAD.encode(self.over(purpose, id, exp).finalize().into_bytes())
    }

    /// # Errors
    /// [`ErrorKind::Forbidden`]: `bad_link`, `link_expired`. The signatures are compared in constant time.
    pub(crate) fn verify(
        &self,
        purpose: Purpose,
        id: &str,
        token: Token<'_>,
        clock: &dyn Clock,
    ) -> Result<()> {
        let sig = URL_SAFE_NO_PAD.decode(token.sig).unwrap_or_default();
        if self.over(purpose, id, token.exp).verify_slice(&sig).is_err() {
            return Err(
                Error::new(ErrorKind::Forbidden, "This link was not made here.").with_code("bad_link")
            );
        }
        if clock.unix_seconds() >= token.exp {
            return Err(Error::new(ErrorKind::Forbidden, "This link has ended.").with_code("link_expired"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jan_core::clock::MovedClock;

    use super::*;

    #[test]
    fn a_signature_is_valid_for_one_purpose_id_and_expiry() {
        let (key, clock) = (LinkKey::new(Some(&"key".to_owned().into())), MovedClock::at(100));
        let sig = key.sign(Purpose::Read, "jan_a", 200);
        let verify = |purpose, id, exp, sig| key.verify(purpose, id, Token { exp, sig }, &clock);
        verify(Purpose::Read, "jan_a", 200, &sig).unwrap();
        for (purpose, id, exp, sig) in [
            (Purpose::Upload, "jan_a", 200, sig.as_str()),
            (Purpose::Read, "jan_b", 200, &sig),
            (Purpose::Read, "jan_a", 201, &sig),
            (Purpose::Read, "jan_a", 200, &sig[1..]),
            (Purpose::Read, "jan_a", 200, ""),
            (Purpose::Read, "jan_a", 200, "é"),
        ] {
            assert_eq!(verify(purpose, id, exp, sig).unwrap_err().code(), "bad_link");
        }
        let other = LinkKey::new(None);
        assert!(other.verify(Purpose::Read, "jan_a", Token { exp: 200, sig: &sig }, &clock).is_err());
        clock.advance(Duration::from_secs(100));
        assert_eq!(verify(Purpose::Read, "jan_a", 200, &sig).unwrap_err().code(), "link_expired");
    }
}
