//! Temporary links. If the blob store signs links, its links are used. For other stores, this server signs links to
//! itself ([`Token`]).

use std::ops::Range;
use std::time::Duration;

use jan_core::media::MediaObject;
use jan_core::record::{Millis, TypedRecord};
use jan_core::{Result, UserId};
use serde::Serialize;

use crate::media::{Media, OpenedMedia, ReadableMedia};
use crate::row::{Row, not_found, system_owner};
use crate::token::{Purpose, Token};

/// A temporary link and its expiry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The id of the media that it leads to.
    pub id: String,
    /// The link.
    pub url: String,
    /// When it expires.
    pub expires_at: Millis,
}

impl Media {
    /// A link to each of the owner's `ids`, in their order, valid for `valid` or for the time in the settings.
    /// Everybody who has a link can read until it expires. Our own links also end when the media is deleted, a cloud's
    /// when the bytes are deleted.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`] naming the first id that does not exist or belongs to another owner.
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
        let (exp, expires_at) = self.expiry(valid);
        let url = match self.ledger.store.signer() {
            // The fragment contains the id, so a client can send this link to us in place of the id.
            Some(signer) => {
                format!("{}#{}", signer.sign_get(&row.body.blob, &row.body.mime, valid).await?, row.id)
            }
            None => {
                self.share(owner, &row.id).await?;
                self.own_link(&self.settings.links, Purpose::Read, &row.id, exp)
            }
        };
        Ok(Link { id: row.id.clone(), url, expires_at })
    }

    /// When something that is valid for `valid` expires: in whole seconds, and in milliseconds.
    pub(crate) fn expiry(&self, valid: Duration) -> (u64, Millis) {
        let exp = self.clock.unix_seconds().saturating_add(valid.as_secs());
        (exp, Millis::try_from(exp).unwrap_or(Millis::MAX).saturating_mul(1000))
    }

    pub(crate) fn own_link(&self, base: &str, purpose: Purpose, id: &str, exp: u64) -> String {
        format!("{base}{id}?exp={exp}&sig={}", self.link_key.sign(purpose, id, exp))
    }

    /// Opens media for a caller who is not its owner: public media, or media that a token was signed for.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::NotFound`] for media that does not exist or may not be read;
    /// [`jan_core::ErrorKind::Forbidden`] (`bad_link`, `link_expired`) for a token that is not valid; as
    /// [`Media::open`].
    pub async fn open_shared(
        &self,
        id: &str,
        token: Option<Token<'_>>,
        range: Option<Range<u64>>,
    ) -> Result<OpenedMedia> {
        let found = self.find_shared(id, token).await?;
        Ok(OpenedMedia { bytes: found.read(range).await?, object: found.object })
    }

    /// As [`Media::open_shared`], but reads no bytes: the caller can examine the description first.
    ///
    /// # Errors
    /// As [`Media::open_shared`], except errors of reading.
    pub async fn find_shared(&self, id: &str, token: Option<Token<'_>>) -> Result<ReadableMedia> {
        if let Some(token) = token {
            self.link_key.verify(Purpose::Read, id, token, &*self.clock)?;
        }
        let shared = self.shared.get(&system_owner(), id).await?.ok_or_else(|| not_found(id))?;
        let row = self.row(&UserId::new(shared.body.owner), id).await?;
        if token.is_none() && !row.body.public {
            return Err(not_found(id));
        }
        Ok(ReadableMedia::new(self, row))
    }

    /// A URL at which everybody who has it can read the owner's media: its permanent address if it is public, a
    /// temporary link otherwise.
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
