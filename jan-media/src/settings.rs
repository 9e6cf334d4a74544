//! What a media room is told: limits, times, and where its links lead.

use std::time::Duration;

use jan_core::Secret;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Limits and times of a [`crate::Media`]. The defaults are those of the Media API.
#[derive(Debug, Clone)]
pub struct MediaSettings {
    /// The most bytes that one file may have: 20 MiB.
    pub max_bytes: u64,
    /// Which types are taken: `image/png`, or all of a kind, `audio/*`. What a browser would run (SVG, HTML) is taken only
    /// when it is named itself. PNG, JPEG, GIF, WebP, BMP and TIFF.
    pub allowed: Vec<String>,
    /// The most pixels that a picture may have: 50 million.
    pub max_pixels: u64,
    /// The most pixels in a row or a column: 16384.
    pub max_side: u32,
    /// How long media is kept; longer while something shows it. 30 days; for good when there is none.
    pub retention: Option<Duration>,
    /// When the sweeper looks at what was begun: no upload may take longer than half of it. An hour.
    pub orphans_after: Duration,
    /// What signs links when the store of the bytes signs none. Without one, links end with the process.
    pub link_key: Option<Secret>,
    /// How long a link is good: 7 days.
    pub link_valid: Duration,
    /// How long something may be uploaded after it was announced: 15 minutes.
    pub upload_valid: Duration,
    /// What our own links to media begin with, before the id: `https://jan.example/api/media/`.
    pub links: String,
    /// What our own links to upload to begin with, before the id.
    pub upload_links: String,
    /// Whether everybody who knows its id may see all that is brought from now on, as it was in the original: false.
    pub public: bool,
    /// Whether pictures are kept without where they were taken (GPS in EXIF and XMP); all else that they say of
    /// themselves stays. A picture is held in memory for it while it comes: false.
    pub strip_location: bool,
    /// Whether a store's own links are given for what is public too, so that its bytes need not pass through us: false.
    pub stores_links: bool,
    /// The most bytes that one call reads into data URLs: 64 MiB.
    pub max_resolved: u64,
}

impl Default for MediaSettings {
    fn default() -> Self {
        let pictures = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"];
        Self {
            max_bytes: 20 * 1024 * 1024,
            allowed: pictures.map(str::to_owned).into(),
            max_pixels: 50_000_000,
            max_side: 16_384,
            retention: Some(30 * DAY),
            orphans_after: Duration::from_secs(60 * 60),
            link_key: None,
            link_valid: 7 * DAY,
            upload_valid: Duration::from_secs(15 * 60),
            links: String::new(),
            upload_links: String::new(),
            public: false,
            strip_location: false,
            stores_links: false,
            max_resolved: 64 * 1024 * 1024,
        }
    }
}
