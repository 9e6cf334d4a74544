//! Temporary links. A store that signs links gives its own; for the others we sign one that leads to us: id, end, and an
//! HMAC over both and over what the link is for.

use std::ops::Range;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jan_core::media::MediaObject;
use jan_core::record::{Kept, Millis};
use jan_core::secret::ExposeSecret;
use jan_core::{Clock, Error, ErrorKind, Result, Secret, UserId, id};
use serde::Serialize;
use sha2::Sha256;

use crate::media::{Found, Media, Opened};
use crate::row::{Row, house, not_found};

/// A link and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What it leads to.
    pub id: String,
    /// It.
    pub url: String,
    /// When it ends.
    pub expires_at: Millis,
}

/// What stands in one of our own links besides the id: `?exp=…&sig=…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// When it ends, in seconds since the epoch.
    pub exp: u64,
    /// The signature over all of it.
    pub sig: &'a str,
}

impl<'a> Token<'a> {
    /// Reads what stands behind a link's `?`, if it says one of both. Half of it is a link that does not hold.
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

/// What a link is for, so that one to read is none to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Upload,
}

/// Signs links. Kept as the keyed hash itself, so that the key is nowhere to be printed.
pub(crate) struct LinkKey(Hmac<Sha256>);

impl LinkKey {
    pub(crate) fn new(key: Option<&Secret>) -> Self {
        let mut random = [0; 32];
        id::fill(&mut random);
        let key = key.map_or(&random[..], |key| key.expose_secret().as_bytes());
        // HMAC takes keys of every length.
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
            return Err(Error::new(ErrorKind::Forbidden, "This link was not made here.").code("bad_link"));
        }
        if clock.unix_seconds() >= token.exp {
            return Err(Error::new(ErrorKind::Forbidden, "This link has ended.").code("link_expired"));
        }
        Ok(())
    }
}

impl Media {
    /// A link to each of the owner's `ids`, in their order; good for `valid`, or for as long as the settings say. Whoever
    /// has one can read until it ends; ours end with the media as well, a cloud's when its bytes are gone.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] naming the first that is not the owner's.
    pub async fn links(&self, owner: &UserId, ids: &[String], valid: Option<Duration>) -> Result<Vec<Link>> {
        let mut links = Vec::with_capacity(ids.len());
        for id in ids {
            links.push(self.link(owner, &self.row(owner, id).await?, valid).await?);
        }
        Ok(links)
    }

    pub(crate) async fn link(
        &self,
        owner: &UserId,
        row: &Kept<Row>,
        valid: Option<Duration>,
    ) -> Result<Link> {
        let valid = valid.unwrap_or(self.settings.link_valid);
        let (exp, expires_at) = self.end(valid);
        let url = match self.ledger.store.signer() {
            // Sent back to us, it is its id.
            Some(signer) => {
                format!("{}#{}", signer.sign_get(&row.body.blob, &row.body.mime, valid).await?, row.id)
            }
            None => {
                self.show(owner, &row.id).await?;
                self.own_link(&self.settings.links, Purpose::Read, &row.id, exp)
            }
        };
        Ok(Link { id: row.id.clone(), url, expires_at })
    }

    /// When something ends that is good for `valid`: in whole seconds, and in milliseconds.
    pub(crate) fn end(&self, valid: Duration) -> (u64, Millis) {
        let exp = self.clock.unix_seconds().saturating_add(valid.as_secs());
        (exp, Millis::try_from(exp).unwrap_or(Millis::MAX).saturating_mul(1000))
    }

    pub(crate) fn own_link(&self, base: &str, purpose: Purpose, id: &str, exp: u64) -> String {
        format!("{base}{id}?exp={exp}&sig={}", self.link_key.sign(purpose, id, exp))
    }

    /// Media for somebody who is not its owner: what is public, and with a token what it was made for.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for what is not there or not to be seen; [`ErrorKind::Forbidden`] (`bad_link`,
    /// `link_expired`) for a token that does not hold; as [`Media::open`].
    pub async fn open_shown(
        &self,
        id: &str,
        token: Option<Token<'_>>,
        range: Option<Range<u64>>,
    ) -> Result<Opened> {
        let found = self.find_shown(id, token).await?;
        Ok(Opened { bytes: found.read(range).await?, object: found.object })
    }

    /// The same, to be read once it is known what of it is wanted.
    ///
    /// # Errors
    /// As [`Media::open_shown`], but for those of reading.
    pub async fn find_shown(&self, id: &str, token: Option<Token<'_>>) -> Result<Found> {
        if let Some(token) = token {
            self.link_key.verify(Purpose::Read, id, token, &*self.clock)?;
        }
        let shown = self.shown.get(&house(), id).await?.ok_or_else(|| not_found(id))?;
        let row = self.row(&UserId::new(shown.body.owner), id).await?;
        if token.is_none() && !row.body.public {
            return Err(not_found(id));
        }
        Ok(Found::new(self, row))
    }

    /// Where the owner's media can be read by whoever is told: its place among what is public if it is, a link that ends
    /// otherwise.
    ///
    /// # Errors
    /// As [`Media::links`].
    pub async fn url(&self, owner: &UserId, media: &MediaObject) -> Result<String> {
        if media.public && !self.settings.stores_links {
            return Ok(format!("{}{}", self.settings.links, media.id));
        }
        Ok(self.link(owner, &self.row(owner, &media.id).await?, None).await?.url)
    }
}

#[cfg(test)]
mod tests {
    use jan_core::clock::MovedClock;

    use super::*;

    #[test]
    fn a_signature_holds_for_one_thing_and_one_time() {
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
            assert_eq!(verify(purpose, id, exp, sig).unwrap_err().get_code(), "bad_link");
        }
        let other = LinkKey::new(None);
        assert!(other.verify(Purpose::Read, "jan_a", Token { exp: 200, sig: &sig }, &clock).is_err());
        clock.advance(Duration::from_secs(100));
        assert_eq!(verify(Purpose::Read, "jan_a", 200, &sig).unwrap_err().get_code(), "link_expired");
    }
}
