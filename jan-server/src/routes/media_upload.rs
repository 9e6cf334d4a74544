//! Files as bytes on their way in: a form's, or the body itself at a link that was asked for before.

use jan_core::media::{MediaObject, NewMedia};
use jan_core::{Error, ErrorKind};
use jan_media::Token;
use serde::Serialize;

use super::call::Call;
use super::media::shape;
use crate::http::form::FormFile;
use crate::http::reply::{Reply, enveloped};

/// Keeps the `file` of a form while it comes. A `user_id` is passed over: the credential says who it is.
pub(crate) async fn form(mut call: Call) -> Reply {
    let body = call.stream();
    let FormFile { filename, content_type, bytes, fields } =
        FormFile::of(&call.headers, body, "file").await?;
    let new = NewMedia { mime: content_type, filename, ..NewMedia::default() };
    fields.flag("public")?;
    // It may stand behind the file.
    let last = |new: &mut NewMedia| fields.flag("public").map(|public| new.public = public);
    let kept = call.rooms.media.ingest_form(call.owner(), bytes, new, last).await?;
    enveloped(&call, &shape(&call, kept).await?)
}

/// Keeps what is put to a link. Whose it is, the link knows.
pub(crate) async fn put(mut call: Call) -> Reply {
    let (id, query, body) = (call.path("id")?, call.query.clone().unwrap_or_default(), call.stream());
    let token = Token::of_query(&query).ok_or_else(|| {
        Error::new(ErrorKind::Forbidden, "Files are put to a link: see `POST /v1/media/prepare-upload`.")
            .with_code("bad_link")
    })?;
    let kept = call.rooms.media.receive(&id, token, body).await?;
    let MediaObject { id, mime, bytes, deduped, .. } = kept;
    enveloped(&call, &PutMedia { id, mime, bytes, deduped })
}

/// What was put.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PutMedia {
    id: String,
    mime: String,
    bytes: u64,
    deduped: bool,
}

/// A form with a file.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(dead_code, reason = "forms are read field by field; it only describes")]
pub(crate) struct UploadForm {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Binary))]
    file: Vec<u8>,
    /// `true` shows it to everybody who knows its id; `false` is the default, anything else is refused.
    public: Option<bool>,
    /// Passed over: the credential says who it is.
    user_id: Option<String>,
}
