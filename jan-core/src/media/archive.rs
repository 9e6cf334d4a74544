//! Media on its way from one server to another: what is known of it, and its bytes beside it.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::MediaObject;
use crate::page::{Page, PageRequest};
use crate::record::Millis;
use crate::{BoxStream, Result, UserId};

/// What an export says of media. Where its bytes are kept is each server's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedMedia {
    /// Its id, which it keeps.
    pub id: String,
    /// What it is.
    pub mime: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// What its owner calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// What its owner said it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// Until when it is kept for certain; for good when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_until: Option<Millis>,
    /// Whether everybody who knows its id may see it.
    #[serde(default)]
    pub public: bool,
}

impl From<MediaObject> for ArchivedMedia {
    fn from(media: MediaObject) -> Self {
        let MediaObject { id, mime, bytes, sha256, filename, purpose, .. } = media;
        let MediaObject { created_at, retention_until, public, .. } = media;
        Self { id, mime, bytes, sha256, filename, purpose, created_at, retention_until, public }
    }
}

/// Gives all media of an owner away, and takes it in as it was.
#[async_trait]
pub trait MediaArchive: Send + Sync + 'static {
    /// A page of the owner's media, by its making.
    ///
    /// # Errors
    /// The store's.
    async fn archived(&self, owner: &UserId, page: &PageRequest) -> Result<Page<ArchivedMedia>>;

    /// The bytes of one. Dropping the stream stops reading.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] when it was deleted meanwhile; [`crate::ErrorKind::Gone`] when its bytes were lost.
    async fn archived_bytes(&self, owner: &UserId, id: &str) -> Result<BoxStream<Result<Bytes>>>;

    /// Keeps media for the owner as it was, under the same id, if the bytes are those that it says. Dropping the future
    /// keeps nothing, or all of it when it was all but done.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] when media of this id is here already, before any byte is read;
    /// [`crate::ErrorKind::Invalid`] when the bytes are others or not all of them; the stream's, the store's.
    async fn restore(
        &self,
        owner: &UserId,
        media: ArchivedMedia,
        bytes: BoxStream<Result<Bytes>>,
    ) -> Result<()>;
}
