//! The seam to whoever fetches what a caller names by its address: which addresses may be asked, how long and how often
//! redirected, is that one's business.

use async_trait::async_trait;
use bytes::Bytes;
use jan_core::{BoxStream, Result};

/// Fetches URLs that callers name.
///
/// ```
/// use futures_util::{StreamExt, stream};
/// use jan_core::{Error, Result, async_trait};
/// use jan_media::{Fetch, Fetched};
///
/// /// Fetches from one host that is known, whatever callers name.
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
    /// What is at `url`, at most `max_bytes` of it. Dropping the future or the bytes ends the connection.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] for an address that may not be asked; [`jan_core::ErrorKind::TooLarge`], also from
    /// the stream; [`jan_core::ErrorKind::Upstream`] and [`jan_core::ErrorKind::UpstreamTimeout`] for what fails there.
    async fn fetch(&self, url: &str, max_bytes: u64) -> Result<Fetched>;
}

/// What was found at an address.
pub struct Fetched {
    /// What it is said to be.
    pub content_type: Option<String>,
    /// It.
    pub bytes: BoxStream<Result<Bytes>>,
}
