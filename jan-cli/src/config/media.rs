//! What the binary is told of pictures and files.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use jan_core::Secret;
use jan_media::MediaSettings;
use serde::{Deserialize, Serialize};

use super::{age, hidden, size, span};

/// Pictures and files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// Where their bytes are: `folder` (the original's `local`), `s3` or `memory`. What is known of them is in the database.
    pub backend: MediaBackend,
    /// The folder; `media` in the data folder unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The bucket.
    pub s3: MediaS3,
    /// The most bytes that one file may have.
    #[serde(deserialize_with = "size")]
    pub max_bytes: ByteSize,
    /// Which types are taken: `image/png`, or all of a kind, `audio/*`. What a browser would run (SVG, HTML) is taken only
    /// when it is named itself, and never shown in place.
    pub types: Vec<String>,
    /// How long files are kept; longer while a conversation shows them. `0d` keeps them for good.
    #[serde(with = "age")]
    pub retention: Duration,
    /// How long links are good.
    #[serde(with = "age")]
    pub link_valid: Duration,
    /// How long something may be uploaded after it was announced.
    #[serde(with = "span")]
    pub upload_valid: Duration,
    /// What signs links where the store signs none; kept in the data folder unless told. Servers that share a database
    /// share it too.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub link_key: Option<Secret>,
    /// Where the world finds `/api/media`; the server's `public_url` unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Shows all that is brought from now on to everybody who knows its id, as the original did. Without it others see only
    /// what its owner marked as public, and what they have a link to.
    pub public: bool,
    /// Keeps pictures without where they were taken (GPS in EXIF and XMP). How they are turned stays.
    pub strip_location: bool,
    /// Gives bytes under `/v1/media/{id}`; without it, the link to them.
    pub proxy: bool,
    /// Gives the store's own links for what is public too.
    pub store_links: bool,
    /// How long fetching a file from its URL may take.
    #[serde(with = "span")]
    pub fetch_timeout: Duration,
}

impl Default for Media {
    fn default() -> Self {
        let room = MediaSettings::default();
        Self {
            backend: MediaBackend::default(),
            folder: None,
            s3: MediaS3::default(),
            max_bytes: ByteSize::b(room.max_bytes),
            types: room.allowed,
            retention: room.retention.unwrap_or_default(),
            link_valid: room.link_valid,
            upload_valid: room.upload_valid,
            link_key: None,
            public_url: None,
            public: room.public,
            strip_location: room.strip_location,
            proxy: jan_server::Settings::default().media_proxy,
            store_links: room.stores_links,
            fetch_timeout: Duration::from_secs(15),
        }
    }
}

/// How a provider is shown pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum MediaForm {
    /// In the request.
    #[default]
    DataUrl,
    /// By a link.
    Link,
}

/// Where bytes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum MediaBackend {
    /// Files of a folder.
    #[default]
    Folder,
    /// A bucket of S3, or of a server that speaks like it.
    S3,
    /// Memory, until the process ends.
    Memory,
}

/// A bucket of S3.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaS3 {
    /// Its name. It must be there.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Where the server is; Amazon's unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Where clients reach the same server, for links; the endpoint unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_endpoint: Option<String>,
    /// Whether the bucket stands in the path (MinIO) and not in the host's name.
    pub path_style: bool,
    /// The key's id; what Amazon's own machines are told without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The key.
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
