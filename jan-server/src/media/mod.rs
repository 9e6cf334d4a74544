//! What the server puts around the media room: who fetches for it, what shows it, and where its links lead.

#[cfg(feature = "fetch")]
mod fetch;

use std::sync::Arc;

use jan_core::Clock;
use jan_core::record::RecordStore;
use jan_media::{Media, MediaSettings, MemoryBlobs};

#[cfg(feature = "fetch")]
pub use fetch::FetchUrls;

/// Where everybody can see what is public, and whoever has a link what it was made for. Uploads go there as well.
pub(crate) const PATH: &str = "/api/media/";

/// What links begin with on a server that the world finds at `home`; without one they are paths, which each reply puts
/// behind the host that its request named.
pub fn links(home: Option<&str>) -> String {
    format!("{}{PATH}", home.unwrap_or_default().trim_end_matches('/'))
}

/// Media for a server that was told nothing of it: the bytes are in memory.
pub(crate) fn in_memory(records: Arc<dyn RecordStore>, clock: Arc<dyn Clock>, home: Option<&str>) -> Media {
    let settings =
        MediaSettings { links: links(home), upload_links: links(home), ..MediaSettings::default() };
    Media::new(Arc::new(MemoryBlobs::new()), records, clock, settings)
}
