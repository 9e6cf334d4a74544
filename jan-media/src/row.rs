//! Media as its owner's records hold it. The key is the hash, so that the same bytes are one thing to one owner; the
//! group is what they are for, where somebody said so.

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
    /// The name of its bytes in the store.
    pub(crate) blob: String,
    /// The claim that holds them for it.
    pub(crate) claim: String,
    /// Deleted, and on its way out.
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

/// The owner of a piece of media that somebody may see who is not its owner: the house's own record of the same id, made
/// when the first link is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) owner: String,
}

/// An upload that may come. The house's own record, because a link says nothing of its owner.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Announced {
    pub(crate) owner: String,
    /// Where a cloud's link puts the bytes.
    pub(crate) stored: String,
    pub(crate) mime: String,
    pub(crate) filename: Option<String>,
    pub(crate) public: bool,
    pub(crate) bytes: Option<u64>,
    pub(crate) sha256: Option<String>,
    /// What it became.
    pub(crate) became: Option<String>,
}

pub(crate) fn house() -> UserId {
    UserId::system("media")
}

pub(crate) fn not_found(id: &str) -> Error {
    Error::not_found(format!("There is no media `{id}`.")).with_code("media_not_found").with_param("id")
}
