//! Temporary links. A store that signs links gives its own; for the others we sign one that leads to us ([`Token`]).

use std::ops::Range;
use std::time::Duration;

use jan_core::media::MediaObject;
use jan_core::record::{Millis, TypedRecord};
use jan_core::{Result, UserId};
use serde::Serialize;

use crate::media::{Found, Media, Opened};
use crate::row::{Row, house, not_found};
use crate::token::{Purpose, Token};

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

impl Media {
    /// A link to each of the owner's `ids`, in their order; good for `valid`, or for as long as the settings say. Whoever
    /// has one can read until it ends; ours end with the media as well, a cloud's when its bytes are gone.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`] naming the first that is not the owner's.
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
        row: &TypedRecord<Row>,
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
    /// [`jan_core::ErrorKind::NotFound`] for what is not there or not to be seen; [`jan_core::ErrorKind::Forbidden`] (`bad_link`,
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
