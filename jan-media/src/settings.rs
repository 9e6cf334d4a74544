//! The settings of [`crate::Media`]: limits, times, and the base of its links.

use std::time::Duration;

use jan_core::Secret;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Limits and times of a [`crate::Media`]. Each field's documentation ends with its default, which is that of the
/// Media API.
#[derive(Debug, Clone)]
pub struct MediaSettings {
    /// The largest file in bytes: 20 MiB.
    pub max_bytes: u64,
    /// The accepted MIME types: a type like `image/png`, or a pattern like `audio/*`. Types that a browser would
    /// execute (SVG, HTML) are accepted only if they are listed themselves: PNG, JPEG, GIF, WebP, BMP and TIFF.
    pub allowed: Vec<String>,
    /// The largest number of pixels of an image: 50 million.
    pub max_pixels: u64,
    /// The largest width and height of an image in pixels: 16384.
    pub max_side: u32,
    /// How long media is kept; longer while data still uses it. `None` keeps it for good: 30 days.
    pub retention: Option<Duration>,
    /// The time after which the sweep checks an upload that was begun. An upload may take at most half of it: one
    /// hour.
    pub orphans_after: Duration,
    /// The key that signs our links, for stores that cannot sign links themselves. Without one, a random key is used
    /// and links end when the process ends: none.
    pub link_key: Option<Secret>,
    /// How long a link is valid: 7 days.
    pub link_valid: Duration,
    /// How long an upload link is valid: 15 minutes.
    pub upload_valid: Duration,
    /// The part of our own links to media before the id, for example `https://jan.example/api/media/`: empty.
    pub links: String,
    /// The part of our own upload links before the id: empty.
    pub upload_links: String,
    /// Whether newly stored media is readable by everybody who knows its id, as in the original server: false.
    pub public: bool,
    /// Whether GPS data in EXIF and XMP is removed from images before they are stored; other metadata stays. An image
    /// is held in memory while it arrives for this: false.
    pub strip_location: bool,
    /// Whether public media also gets links of the cloud store, so that its bytes need not pass through this server:
    /// false.
    pub stores_links: bool,
    /// The largest number of bytes that one call converts into data URLs: 64 MiB.
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
