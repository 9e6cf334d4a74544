//! Fetches files that callers name by URL, with the guarded HTTP client.

use std::time::Duration;

use async_trait::async_trait;
use jan_core::Result;
use jan_core::fetch::{FetchLimits, FetchSettings, Fetcher};
use jan_media::{Fetch, Fetched};

/// Fetches URLs for a [`jan_media::Media`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FetchUrls {
    fetcher: Fetcher,
    time: Duration,
}

impl FetchUrls {
    /// A client with these rules, which fetches each file within `time`.
    ///
    /// # Errors
    /// As [`Fetcher::new`].
    pub fn new(settings: FetchSettings, time: Duration) -> Result<Self> {
        Ok(Self { fetcher: Fetcher::new(settings)?, time })
    }
}

#[async_trait]
impl Fetch for FetchUrls {
    async fn fetch(&self, url: &str, max_bytes: u64) -> Result<Fetched> {
        let limits = FetchLimits { bytes: max_bytes, time: self.time, ..FetchLimits::default() };
        let fetched = self.fetcher.get(url, limits).await?.success()?;
        Ok(Fetched { content_type: fetched.content_type, bytes: fetched.body })
    }
}
