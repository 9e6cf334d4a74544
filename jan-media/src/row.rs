//! The records that describe media. A record's key is the SHA-256, so that an owner who stores the same bytes twice
//! has one object; its group is the purpose, if the owner gave one.

use jan_core::media::MediaObject;
use jan_core::record::{Millis, TypedRecord};
use jan_core::{Error, UserId};
use serde::{Deserialize, Serialize};

/// The body of a record of kind `media`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) mime: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) filename: Option<String>,
    pub(crate) retention_until: Option<Millis>,
    pub(crate) public: bool,
    /// The name of its bytes in the blob store.
    pub(crate) blob: String,
    /// The id of the claim that keeps these bytes.
    pub(crate) claim: String,
    /// Whether it was deleted and the deletion is not finished yet.
    #[serde(default)]
    pub(crate) ended: bool,
}

pub(crate) fn object(kept: TypedRecord<Row>, deduped: bool) -> MediaObject {
    let TypedRecord { id, group, created_at, body, .. } = kept;
    MediaObject {
        id,
        mime: body.mime,
        bytes: body.bytes,
        sha256: body.sha256,
        width: body.size.map(|(width, _)| width),
        height: body.size.map(|(_, height)| height),
        filename: body.filename,
        purpose: group,
        created_at,
        retention_until: body.retention_until,
        public: body.public,
        deduped,
    }
}

/// The owner of media that may be found by its id alone. This record belongs to the server, has the same id as the
/// media, and is written when the first link is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SharedMedia {
    pub(crate) owner: String,
}

/// An announced upload. This record belongs to the server, because an upload link does not contain the owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AnnouncedUpload {
    pub(crate) owner: String,
    /// The name under which a cloud's upload link stores the bytes.
    pub(crate) stored: String,
    pub(crate) mime: String,
    pub(crate) filename: Option<String>,
    pub(crate) public: bool,
    pub(crate) bytes: Option<u64>,
    pub(crate) sha256: Option<String>,
    /// The id of the media that it became, once its bytes were stored.
    pub(crate) became: Option<String>,
}

pub(crate) fn system_owner() -> UserId {
    UserId::system("media")
}

pub(crate) fn not_found(id: &str) -> Error {
    Error::not_found(format!("There is no media `{id}`.")).with_code("media_not_found").with_param("id")
}
