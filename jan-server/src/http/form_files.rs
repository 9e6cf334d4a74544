//! A form with several files, read whole: what goes to a model's provider in one piece has to be in memory anyway. The
//! route's limit on the body bounds all of it.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use jan_core::{BoxStream, Result};

use super::form::Fields;
use super::multipart::Parts;

/// The files of a form, and what stands around them.
pub(crate) struct FormFiles {
    pub(crate) files: Vec<File>,
    pub(crate) fields: Fields,
}

/// One file.
pub(crate) struct File {
    /// The name of its field.
    pub(crate) field: String,
    /// What it is called.
    pub(crate) filename: Option<String>,
    /// What it is said to be.
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

impl FormFiles {
    /// Reads a form. A part is a file when it has a file's name.
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
