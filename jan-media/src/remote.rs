//! The trait for downloading media from an address. Its implementation decides which addresses may be fetched, how
//! long that may take, and how many redirects are followed.

use async_trait::async_trait;
use bytes::Bytes;
use jan_core::{BoxStream, Result};

/// Downloads from URLs that callers choose.
///
/// ```
/// use futures_util::{StreamExt, stream};
/// use jan_core::{Error, Result, async_trait};
/// use jan_media::{Fetch, Fetched};
///
/// /// Downloads from one known host only, whatever callers name.
/// struct OneHost(Vec<u8>);
///
/// #[async_trait]
/// impl Fetch for OneHost {
///     async fn fetch(&self, url: &str, max_bytes: u64) -> Result<Fetched> {
///         if !url.starts_with("https://files.example/") || self.0.len() as u64 > max_bytes {
///             return Err(Error::invalid("url", "This address may not be asked."));
///         }
///         let bytes = stream::iter([Ok(self.0.clone().into())]).boxed();
///         Ok(Fetched { content_type: Some("image/png".into()), bytes })
///     }
/// }
/// ```
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Downloads the content of `url`, at most `max_bytes` of it. Dropping the future or the stream closes the
    /// connection.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] for an address that must not be fetched; [`jan_core::ErrorKind::TooLarge`],
    /// also from the stream; [`jan_core::ErrorKind::Upstream`] and [`jan_core::ErrorKind::UpstreamTimeout`] when the
    /// download fails.
    async fn fetch(&self, url: &str, max_bytes: u64) -> Result<Fetched>;
}

/// The content of an address.
pub struct Fetched {
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The body.
    pub bytes: BoxStream<Result<Bytes>>,
}
