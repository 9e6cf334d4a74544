//! Uploads of bytes: a file in a form, or the body itself at a link that was requested before.

use jan_core::media::{MediaObject, NewMedia};
use jan_core::{Error, ErrorKind};
use jan_media::Token;
use serde::Serialize;

use super::call::Call;
use super::media::shape;
use crate::http::form::FormFile;
use crate::http::reply::{Reply, enveloped};

/// Stores the `file` of a form while it arrives. A `user_id` is ignored: the credential identifies the caller.
pub(crate) async fn form(mut call: Call) -> Reply {
    let body = call.stream();
    let FormFile { filename, content_type, bytes, fields } =
        FormFile::of(&call.headers, body, "file").await?;
    let new = NewMedia { mime: content_type, filename, ..NewMedia::default() };
    fields.flag("public")?;
    // The field may follow the file.
    let read_public = |new: &mut NewMedia| fields.flag("public").map(|public| new.public = public);
    let media = call.services.media.ingest_form(call.owner(), bytes, new, read_public).await?;
    enveloped(&call, &shape(&call, media).await?)
}

/// Stores the body of a PUT to a link. The link identifies the owner.
pub(crate) async fn put(mut call: Call) -> Reply {
    let (id, query, body) = (call.path("id")?, call.query.clone().unwrap_or_default(), call.stream());
    let token = Token::of_query(&query).ok_or_else(|| {
        Error::new(ErrorKind::Forbidden, "Files are put to a link: see `POST /v1/media/prepare-upload`.")
            .with_code("bad_link")
    })?;
    let media = call.services.media.receive(&id, token, body).await?;
    let MediaObject { id, mime, bytes, deduped, .. } = media;
    enveloped(&call, &PutMedia { id, mime, bytes, deduped })
}

/// The stored file.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct PutMedia {
    id: String,
    mime: String,
    bytes: u64,
    deduped: bool,
}

/// The form of an upload.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(dead_code, reason = "forms are read field by field; it only describes")]
pub(crate) struct UploadForm {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Binary))]
    file: Vec<u8>,
    /// `true` makes it readable by everyone who knows its id. Default: `false`; other values are refused.
    public: Option<bool>,
    /// Ignored: the credential identifies the caller.
    user_id: Option<String>,
}
