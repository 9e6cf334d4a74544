//! The replies of the media APIs.

use jan_core::Clock;
use jan_core::clock::seconds;
use jan_core::media::MediaObject;
use jan_core::record::Millis;
use serde::Serialize;

use crate::uploads::Upload;

/// A file. Fields that the original server names differently in its routes are present under both names.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Media))]
pub struct MediaShape {
    #[cfg_attr(feature = "openapi", schema(example = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0"))]
    id: String,
    #[cfg_attr(feature = "openapi", schema(example = "media"))]
    object: &'static str,
    #[cfg_attr(feature = "openapi", schema(example = "image/png"))]
    mime: String,
    /// The same as `mime`.
    content_type: String,
    bytes: u64,
    /// The same as `bytes`.
    size: u64,
    /// You had these bytes already.
    deduped: bool,
    /// A URL that needs no credential: a permanent one if the file is public, a temporary link otherwise.
    url: String,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    filename: Option<String>,
    /// The purpose, for files of the Files API.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    public: bool,
    /// Seconds since the Unix epoch.
    created_at: i64,
    /// Kept until then, and for as long as a conversation shows it.
    retention_until: Option<i64>,
}

impl MediaShape {
    /// The reply for a file and its URL.
    pub fn new(media: MediaObject, url: String) -> Self {
        Self {
            id: media.id,
            object: "media",
            content_type: media.mime.clone(),
            mime: media.mime,
            bytes: media.bytes,
            size: media.bytes,
            deduped: media.deduped,
            url,
            sha256: media.sha256,
            width: media.width,
            height: media.height,
            filename: media.filename,
            purpose: media.purpose,
            public: media.public,
            created_at: seconds(media.created_at),
            retention_until: media.retention_until.map(seconds),
        }
    }

    /// The file's id, which is the cursor of lists.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A file in the form of OpenAI's Files API.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = File))]
pub struct FileShape {
    #[cfg_attr(feature = "openapi", schema(example = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0"))]
    id: String,
    #[cfg_attr(feature = "openapi", schema(example = "file"))]
    object: &'static str,
    bytes: u64,
    /// Seconds since the Unix epoch.
    created_at: i64,
    filename: String,
    #[cfg_attr(feature = "openapi", schema(example = "user_data"))]
    purpose: String,
    #[cfg_attr(feature = "openapi", schema(example = "processed"))]
    status: &'static str,
    /// Kept until then, and for as long as a conversation shows it.
    expires_at: Option<i64>,
}

impl From<MediaObject> for FileShape {
    fn from(media: MediaObject) -> Self {
        Self {
            object: "file",
            bytes: media.bytes,
            created_at: seconds(media.created_at),
            // A file of OpenAI always has a name and a purpose; other media need not.
            filename: media.filename.unwrap_or_else(|| media.id.clone()),
            purpose: media.purpose.unwrap_or_else(|| "user_data".to_owned()),
            status: "processed",
            expires_at: media.retention_until.map(seconds),
            id: media.id,
        }
    }
}

impl FileShape {
    /// Its id, the cursor of lists.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A temporary link.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MediaLink))]
pub struct LinkShape {
    id: String,
    url: String,
    /// The same as `url`.
    presigned_url: String,
    expires_at: Option<i64>,
    /// Seconds.
    expires_in: Option<i64>,
}

impl LinkShape {
    /// A link to the media of this id, and its end.
    pub fn new(id: String, url: String, expires_at: Option<Millis>, clock: &dyn Clock) -> Self {
        Self {
            id,
            presigned_url: url.clone(),
            url,
            expires_at: expires_at.map(seconds),
            expires_in: expires_at.map(|end| seconds_until(end, clock)),
        }
    }
}

/// The reply to the announcement of an upload.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PreparedUpload))]
pub struct UploadShape {
    id: String,
    upload_url: String,
    mime_type: String,
    #[cfg_attr(feature = "openapi", schema(example = "PUT"))]
    method: &'static str,
    expires_at: i64,
    /// Seconds.
    expires_in: i64,
}

impl UploadShape {
    /// The reply for an announced upload.
    pub fn new(upload: Upload, clock: &dyn Clock) -> Self {
        Self {
            id: upload.id,
            upload_url: upload.url,
            mime_type: upload.mime,
            method: "PUT",
            expires_at: seconds(upload.expires_at),
            expires_in: seconds_until(upload.expires_at, clock),
        }
    }
}

fn seconds_until(end: Millis, clock: &dyn Clock) -> i64 {
    seconds(end).saturating_sub(seconds(clock.millis())).max(0)
}
