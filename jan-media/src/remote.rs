//! The seam to whoever fetches what a caller names by its address: which addresses may be asked, how long and how often
//! redirected, is that one's business.

use async_trait::async_trait;
use bytes::Bytes;
use jan_core::{BoxStream, Result};

/// Fetches URLs that callers name.
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
