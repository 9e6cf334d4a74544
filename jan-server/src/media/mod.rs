//! What the server adds to the media service: fetching of URLs, the path of its links, and a default.

#[cfg(feature = "fetch")]
mod fetch;

use std::sync::Arc;

use jan_core::Clock;
use jan_core::record::RecordStore;
use jan_media::{Media, MediaSettings, MemoryBlobs};

#[cfg(feature = "fetch")]
pub use fetch::FetchUrls;

/// The path under which media that are public, and media with a signed link, can be read without a credential. Uploads
/// to links go there as well.
pub(crate) const MEDIA_PATH: &str = "/api/media/";

/// The start of links to media on a server with the public URL `public_url`. Without one, links are paths, and each
/// reply puts the host of its request before them.
pub fn links(public_url: Option<&str>) -> String {
    format!("{}{MEDIA_PATH}", public_url.unwrap_or_default().trim_end_matches('/'))
}

/// The media service of a server that was given none: bytes in memory.
pub(crate) fn in_memory(
    records: Arc<dyn RecordStore>,
    clock: Arc<dyn Clock>,
    public_url: Option<&str>,
) -> Media {
    let settings = MediaSettings {
        links: links(public_url),
        upload_links: links(public_url),
        ..MediaSettings::default()
    };
    Media::new(Arc::new(MemoryBlobs::new()), records, clock, settings)
}
