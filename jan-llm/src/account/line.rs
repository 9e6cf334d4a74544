//! One line of an export.

use jan_core::conversation::{Archived, PlacedItem};
use jan_core::media::ArchivedMedia;
use jan_core::record::{Millis, Record};
use jan_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The form of exports that are written now.
pub(super) const FORMAT: u32 = 2;
/// The first form, which had no media, is read as well.
pub(super) const FIRST_FORMAT: u32 = 1;

/// `{"record": {…}}` and so on.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    /// The first: whose it is.
    Account { format: u32, user: String },
    /// Anything small.
    Record(RecordLine),
    /// What the public sees of a share.
    PublicShare(RecordLine),
    /// A picture or a file; its bytes follow.
    Media(ArchivedMedia),
    /// The next bytes of the media before them, in base64.
    MediaBytes(String),
    /// A conversation; its items follow.
    Conversation(Archived),
    /// An item of the conversation before it.
    Item(PlacedItem),
    /// The last: nothing is missing.
    End {},
}

impl Line {
    pub(super) fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string(self).map_err(Error::internal)?;
        // Raw JSON may hold line breaks between its tokens; inside of texts they are always escaped.
        Ok(if text.contains('\n') { text.replace('\n', " ") } else { text })
    }
}

/// A record whose body is JSON in JSON and not a text, so that people can read it too.
#[derive(Serialize, Deserialize)]
pub(super) struct RecordLine {
    pub(super) kind: String,
    pub(super) id: String,
    key: Option<String>,
    group: Option<String>,
    created_at: Millis,
    expires_at: Option<Millis>,
    version: i64,
    body: Box<RawValue>,
}

impl TryFrom<Record> for RecordLine {
    type Error = Error;

    fn try_from(from: Record) -> Result<Self> {
        let Record { kind, id, key, group, created_at, expires_at, version, body } = from;
        let body = RawValue::from_string(body).map_err(Error::internal)?;
        Ok(Self { kind, id, key, group, created_at, expires_at, version, body })
    }
}

impl From<RecordLine> for Record {
    fn from(from: RecordLine) -> Self {
        let RecordLine { kind, id, key, group, created_at, expires_at, version, body } = from;
        Self { kind, id, key, group, created_at, expires_at, version, body: body.get().to_owned() }
    }
}
