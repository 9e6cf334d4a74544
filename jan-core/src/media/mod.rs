//! Pictures and files, as the rooms see them: what a kept one is ([`MediaObject`]), and the seams between who keeps them
//! and who shows them. The media room implements [`MediaResolver`] and [`MediaSink`] over a [`BlobStore`]; whoever shows
//! media answers [`MediaUse`].

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

/// The kind of the records in which an owner's media is written down. They point to bytes in one house's own store, so
/// they mean nothing in another.
pub const RECORDS: &str = "media";

/// A kept picture or file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MediaObject {
    /// Its id: `jan_` and a ULID.
    pub id: String,
    /// What it is, judged by its bytes.
    pub mime: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// A picture's width, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// A picture's height, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// What its owner calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// What its owner said it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// Until when it is kept for certain; for good when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_until: Option<Millis>,
    /// Whether everybody who knows its id may see it.
    pub public: bool,
    /// Whether its owner had these bytes already.
    pub deduped: bool,
}

/// What is said of media when it is brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewMedia {
    /// What it is said to be; the bytes must agree.
    pub mime: Option<String>,
    /// What it is called.
    pub filename: Option<String>,
    /// Whether everybody who knows its id may see it.
    pub public: bool,
    /// What it is for: a word of its owner's, for lists.
    pub purpose: Option<String>,
    /// How long it is kept; as long as all else when nothing is said.
    pub keep_for: Option<Duration>,
}

/// The form in which somebody needs media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// All of it in a `data:` URL.
    DataUrl,
    /// A link that ends by itself.
    Link,
}

/// Media in the form that was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// What it is.
    pub mime: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What its owner calls it.
    pub filename: Option<String>,
    /// The data URL or the link.
    pub url: String,
    /// When the link ends.
    pub expires_at: Option<Millis>,
}

/// Turns ids into what a model provider can read.
///
/// ```
/// use jan_core::media::{MediaResolver, Want};
/// use jan_core::{Result, UserId};
///
/// /// The URL under which a model is shown one picture.
/// async fn shown(media: &dyn MediaResolver, owner: &UserId, id: &str) -> Result<Option<String>> {
///     let mut found = media.resolve(owner, &[id.to_owned()], Want::DataUrl).await?;
///     Ok(found.remove(id).map(|picture| picture.url))
/// }
/// ```
#[async_trait]
pub trait MediaResolver: Send + Sync + 'static {
    /// All of `ids`, the owner's, in one call. Dropping the future only stops reading.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with code `unknown_media`, naming the id, for one that is unknown or somebody
    /// else's; [`crate::ErrorKind::TooLarge`] when they are too much to be read into memory together.
    async fn resolve(&self, owner: &UserId, ids: &[String], want: Want) -> Result<HashMap<String, Resolved>>;

    /// Which of `ids` are there, the owner's: for ids that were good once and may be gone.
    ///
    /// # Errors
    /// The store's.
    async fn there(&self, owner: &UserId, ids: &[String]) -> Result<HashSet<String>>;
}

/// Keeps what a room made or was given: a generated picture, a tool's file.
///
/// ```
/// use futures_util::{StreamExt, stream};
/// use jan_core::media::{MediaSink, NewMedia};
/// use jan_core::{Result, UserId};
///
/// /// Keeps what a tool wrote, and says under which id.
/// async fn keep(media: &dyn MediaSink, owner: &UserId, report: String) -> Result<String> {
///     let named = NewMedia { filename: Some("report.txt".into()), ..NewMedia::default() };
///     let bytes = stream::iter([Ok(report.into())]).boxed();
///     Ok(media.keep(owner, bytes, named).await?.id)
/// }
/// ```
#[async_trait]
pub trait MediaSink: Send + Sync + 'static {
    /// Keeps the bytes for the owner. Dropping the future, or a stream that ends with an error, keeps nothing.
    ///
    /// # Errors
    /// [`crate::ErrorKind::TooLarge`], [`crate::ErrorKind::UnsupportedMediaType`], [`crate::ErrorKind::Unprocessable`]
    /// for what is not taken; the stream's own; the store's.
    async fn keep(
        &self,
        owner: &UserId,
        bytes: BoxStream<Result<Bytes>>,
        new: NewMedia,
    ) -> Result<MediaObject>;

    /// Keeps what is at `url` (`http:`, `https:`) or in it (`data:`) for the owner; otherwise as [`MediaSink::keep`].
    ///
    /// # Errors
    /// As [`MediaSink::keep`]; [`crate::ErrorKind::Invalid`] for an address that may not be asked or is none;
    /// [`crate::ErrorKind::Upstream`] and [`crate::ErrorKind::UpstreamTimeout`] for what fails there.
    async fn keep_from(&self, owner: &UserId, url: String, new: NewMedia) -> Result<MediaObject>;
}

/// Knows what is still shown, so that it is not swept away.
///
/// ```
/// use std::collections::HashSet;
///
/// use jan_core::media::MediaUse;
/// use jan_core::{Result, UserId, async_trait};
///
/// /// An album shows everything that is in it.
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
    /// Which of the owner's `ids` something still shows.
    ///
    /// # Errors
    /// The store's; then nothing is taken away.
    async fn in_use(&self, owner: &UserId, ids: &[String]) -> Result<HashSet<String>>;
}
