//! The configuration of media: pictures and files.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use jan_core::Secret;
use jan_media::MediaSettings;
use serde::{Deserialize, Serialize};

use super::{age, hidden, size, span};

/// Media: pictures and files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// Where the bytes are stored: `folder` (`local` in the original), `s3` or `memory`. Metadata is in the database.
    pub backend: MediaBackend,
    /// The folder for `backend = "folder"`. Default: `media` in the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The bucket for `backend = "s3"`.
    pub s3: MediaS3,
    /// The most bytes that one file may have.
    #[serde(deserialize_with = "size")]
    pub max_bytes: ByteSize,
    /// The accepted types: `image/png`, or all types of a kind, `audio/*`. A type that a browser would run (SVG, HTML)
    /// is accepted only if it is listed itself, and is never shown in the browser.
    pub types: Vec<String>,
    /// How long files are kept; longer while a conversation refers to them. `0d` keeps them forever.
    #[serde(with = "age")]
    pub retention: Duration,
    /// How long links are valid.
    #[serde(with = "age")]
    pub link_valid: Duration,
    /// How long an announced upload may take.
    #[serde(with = "span")]
    pub upload_valid: Duration,
    /// The key that signs links if the store cannot sign them. Default: a key in the data folder. Servers that share a
    /// database need the same key.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub link_key: Option<Secret>,
    /// The public URL before `/api/media`. Default: the server's `public_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Makes every new file public: everyone who knows its id can read it, as in the original. Otherwise others can
    /// read only what its owner marked as public, and what they have a link to.
    pub public: bool,
    /// Removes the location from pictures (GPS in EXIF and XMP). Their orientation stays.
    pub strip_location: bool,
    /// `true`: `/v1/media/{id}` replies with the bytes. `false`: with a link to them.
    pub proxy: bool,
    /// Returns links of the store itself also for public files.
    pub store_links: bool,
    /// How long fetching a file from its URL may take.
    #[serde(with = "span")]
    pub fetch_timeout: Duration,
}

impl Default for Media {
    fn default() -> Self {
        let defaults = MediaSettings::default();
        Self {
            backend: MediaBackend::default(),
            folder: None,
            s3: MediaS3::default(),
            max_bytes: ByteSize::b(defaults.max_bytes),
            types: defaults.allowed,
            retention: defaults.retention.unwrap_or_default(),
            link_valid: defaults.link_valid,
            upload_valid: defaults.upload_valid,
            link_key: None,
            public_url: None,
            public: defaults.public,
            strip_location: defaults.strip_location,
            proxy: jan_server::Settings::default().media_proxy,
            store_links: defaults.stores_links,
            fetch_timeout: Duration::from_secs(15),
        }
    }
}

/// How a provider gets images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum MediaForm {
    /// In the request.
    #[default]
    DataUrl,
    /// As a link.
    Link,
}

/// Where the bytes of media are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum MediaBackend {
    /// In files of a folder.
    #[default]
    Folder,
    /// In a bucket of S3, or of a compatible server.
    S3,
    /// In memory, until the process ends.
    Memory,
}

/// A bucket of S3.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaS3 {
    /// The bucket's name. It must exist.
    pub bucket: String,
    /// The bucket's region.
    pub region: String,
    /// The URL of the server. Default: Amazon's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The URL under which clients reach the same server, for links. Default: the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_endpoint: Option<String>,
    /// Puts the bucket's name into the path (MinIO) instead of the host name.
    pub path_style: bool,
    /// The id of the access key. Default: credentials from Amazon's instance metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The secret access key.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub secret_access_key: Option<Secret>,
}

impl Default for MediaS3 {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            region: "us-west-2".to_owned(),
            endpoint: None,
            public_endpoint: None,
            path_style: true,
            access_key_id: None,
            secret_access_key: None,
        }
    }
}
