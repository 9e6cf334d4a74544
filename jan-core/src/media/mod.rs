//! Media: images and files that users store. This module has the description of stored media ([`MediaObject`]) and the
//! traits between the code that stores media and the code that uses it. jan-media implements [`MediaResolver`] and
//! [`MediaSink`] over a [`BlobStore`]; code whose data refers to media implements [`MediaUse`].

mod blob;
mod ids;
mod name;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;

pub use blob::{BlobSigner, BlobStore};
pub use ids::mentions_media;
pub use name::{MediaLink, OwnHosts, PREFIX, is_media_id, media_id_of, media_link};

use crate::record::Millis;
use crate::{BoxStream, Result, UserId};

/// The kind of the records that describe an owner's media. They point to bytes in this server's own blob store, so
/// they mean nothing on another server.
pub const RECORDS: &str = "media";

/// The description of a stored image or file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MediaObject {
    /// Its id: `jan_` and a ULID.
    pub id: String,
    /// Its MIME type, detected from its bytes.
    pub mime: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// An image's width in pixels, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// An image's height in pixels, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The file name that its owner gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The purpose that its owner gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// When it was stored.
    pub created_at: Millis,
    /// The earliest time at which it may be deleted automatically; `None` when it is kept for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_until: Option<Millis>,
    /// Whether everybody who knows its id may read it.
    pub public: bool,
    /// Whether its owner had stored the same bytes already, so that this is the earlier object.
    pub deduped: bool,
}

/// Properties of media that is about to be stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewMedia {
    /// The declared MIME type, which must agree with the bytes. `None` accepts whatever the bytes are.
    pub mime: Option<String>,
    /// The file name.
    pub filename: Option<String>,
    /// Whether everybody who knows its id may read it.
    pub public: bool,
    /// The purpose, by which lists can be filtered.
    pub purpose: Option<String>,
    /// How long it is kept. Default: the retention time of all media.
    pub keep_for: Option<Duration>,
}

/// The form in which a caller needs media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The whole content as a `data:` URL.
    DataUrl,
    /// A temporary link.
    Link,
}

/// Media in the requested form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The MIME type.
    pub mime: String,
    /// The size in bytes.
    pub bytes: u64,
    /// The file name that its owner gave it.
    pub filename: Option<String>,
    /// The data URL or the link.
    pub url: String,
    /// When the link expires; `None` for a data URL.
    pub expires_at: Option<Millis>,
}

/// Converts media ids into URLs that a model provider can read.
///
/// ```
/// use jan_core::media::{MediaResolver, Want};
/// use jan_core::{Result, UserId};
///
/// /// The URL of one image for a model.
/// async fn shown(media: &dyn MediaResolver, owner: &UserId, id: &str) -> Result<Option<String>> {
///     let mut found = media.resolve(owner, &[id.to_owned()], Want::DataUrl).await?;
///     Ok(found.remove(id).map(|picture| picture.url))
/// }
/// ```
#[async_trait]
pub trait MediaResolver: Send + Sync + 'static {
    /// Resolves all of `ids`, which must belong to the owner, in one call. Dropping the future stops reading.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with code `unknown_media`, naming the id, for an id that does not exist or
    /// belongs to another owner; [`crate::ErrorKind::TooLarge`] when the media is too large to be read into memory
    /// together.
    async fn resolve(&self, owner: &UserId, ids: &[String], want: Want) -> Result<HashMap<String, Resolved>>;

    /// Which of `ids` still exist and belong to the owner. For ids that were valid once and whose media may have been
    /// deleted.
    ///
    /// # Errors
    /// The store's errors.
    async fn existing(&self, owner: &UserId, ids: &[String]) -> Result<HashSet<String>>;
}

/// Stores media that a crate produced or received: a generated image, or a file that a tool wrote.
///
/// ```
/// use futures_util::{StreamExt, stream};
/// use jan_core::media::{MediaSink, NewMedia};
/// use jan_core::{Result, UserId};
///
/// /// Stores the report of a tool and returns its id.
/// async fn keep(media: &dyn MediaSink, owner: &UserId, report: String) -> Result<String> {
///     let named = NewMedia { filename: Some("report.txt".into()), ..NewMedia::default() };
///     let bytes = stream::iter([Ok(report.into())]).boxed();
///     Ok(media.keep(owner, bytes, named).await?.id)
/// }
/// ```
#[async_trait]
pub trait MediaSink: Send + Sync + 'static {
    /// Stores the bytes for the owner. If the future is dropped, or the stream ends with an error, nothing is stored.
    ///
    /// # Errors
    /// [`crate::ErrorKind::TooLarge`], [`crate::ErrorKind::UnsupportedMediaType`], [`crate::ErrorKind::Unprocessable`]
    /// for content that is not accepted; the stream's errors; the store's errors.
    async fn keep(
        &self,
        owner: &UserId,
        bytes: BoxStream<Result<Bytes>>,
        new: NewMedia,
    ) -> Result<MediaObject>;

    /// Stores for the owner the content that `url` leads to (`http:`, `https:`) or contains (`data:`); otherwise as
    /// [`MediaSink::keep`].
    ///
    /// # Errors
    /// As [`MediaSink::keep`]; [`crate::ErrorKind::Invalid`] for a URL that is not valid or must not be fetched;
    /// [`crate::ErrorKind::Upstream`] and [`crate::ErrorKind::UpstreamTimeout`] when the fetch fails.
    async fn keep_from(&self, owner: &UserId, url: String, new: NewMedia) -> Result<MediaObject>;
}

/// Knows which media is still in use, so that a sweep does not delete it.
///
/// ```
/// use std::collections::HashSet;
///
/// use jan_core::media::MediaUse;
/// use jan_core::{Result, UserId, async_trait};
///
/// /// An album uses all media that is in it.
/// struct Album(HashSet<String>);
///
/// #[async_trait]
/// impl MediaUse for Album {
///     async fn in_use(&self, _owner: &UserId, ids: &[String]) -> Result<HashSet<String>> {
///         Ok(ids.iter().filter(|id| self.0.contains(*id)).cloned().collect())
///     }
/// }
/// ```
#[async_trait]
pub trait MediaUse: Send + Sync + 'static {
    /// Which of these ids the owner's data still refers to.
    ///
    /// # Errors
    /// The store's errors; then nothing is deleted.
    async fn in_use(&self, owner: &UserId, ids: &[String]) -> Result<HashSet<String>>;
}
