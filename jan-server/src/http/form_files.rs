//! A form with several files, read into memory: an image provider gets each file in one piece. The body limit of the
//! route bounds their size.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use jan_core::{BoxStream, Result};

use super::form::Fields;
use super::multipart::Parts;

/// The files and the other fields of a form.
pub(crate) struct FormFiles {
    pub(crate) files: Vec<File>,
    pub(crate) fields: Fields,
}

/// One file of a form.
pub(crate) struct File {
    /// The name of its field.
    pub(crate) field: String,
    /// The file's name.
    pub(crate) filename: Option<String>,
    /// The content type that the client states.
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

impl FormFiles {
    /// Reads a form. A part with a file name is a file.
    ///
    /// # Errors
    /// As [`super::form::FormFile::of`].
    pub(crate) async fn of(headers: &HeaderMap, body: BoxStream<Result<Bytes>>) -> Result<Self> {
        let (mut parts, fields, mut files) = (Parts::of(headers, body)?, Fields::default(), Vec::new());
        while let Some(mut part) = parts.next().await? {
            let Some(filename) = part.filename() else {
                fields.read(part).await?;
                continue;
            };
            let (field, content_type) = (part.name().to_owned(), part.content_type());
            let mut bytes = BytesMut::new();
            while let Some(piece) = part.piece().await? {
                bytes.extend_from_slice(&piece);
            }
            files.push(File { field, filename: Some(filename), content_type, bytes: bytes.freeze() });
        }
        Ok(Self { files, fields })
    }
}
