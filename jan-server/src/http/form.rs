//! A form with one file: the file is a stream, and the small fields around it are read. The stream ends without an
//! error only if the whole form is valid, so that nothing is stored of a form whose end is invalid.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use jan_core::{BoxStream, Error, Result};

use super::flag::flag;
use super::multipart::{Part, Parts};

/// The most bytes of all small fields together, names included.
const MAX_FIELDS: usize = 256 * 1024;
/// The most small fields.
const MAX_COUNT: usize = 64;

/// The file of a form, and the other fields.
pub(crate) struct FormFile {
    /// The file's name.
    pub(crate) filename: Option<String>,
    /// The content type that the client states.
    pub(crate) content_type: Option<String>,
    /// The file's bytes. Dropping the stream stops reading.
    pub(crate) bytes: BoxStream<Result<Bytes>>,
    /// The other fields. Those after the file are missing until the stream has ended.
    pub(crate) fields: Fields,
}

/// The small fields of a form that have been read so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Arc<Mutex<BTreeMap<String, String>>>);

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.lock().get(name).cloned()
    }

    /// The value of a boolean field.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the field.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        flag(name, self.get(name).as_deref())
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock()
    }

    /// Removes and returns all fields.
    pub(crate) fn take_all(&self) -> BTreeMap<String, String> {
        std::mem::take(&mut *self.lock())
    }

    /// Adds a part.
    pub(super) async fn read(&self, mut part: Part) -> Result<()> {
        let name = part.name().to_owned();
        let mut text = BytesMut::new();
        while let Some(piece) = part.piece().await? {
            if text.len() + piece.len() > MAX_FIELDS {
                return Err(too_much());
            }
            text.extend_from_slice(&piece);
        }
        let text = String::from_utf8(text.into()).map_err(|error| {
            Error::invalid(name.clone(), format!("`{name}` is not UTF-8.")).because(error)
        })?;
        let mut fields = self.lock();
        let before: usize = fields.iter().map(|(name, text)| name.len() + text.len()).sum();
        if before + name.len() + text.len() > MAX_FIELDS || fields.len() >= MAX_COUNT {
            return Err(too_much());
        }
        fields.insert(name, text);
        Ok(())
    }
}

impl FormFile {
    /// Reads a form up to its file, which is the field `name`.
    ///
    /// # Errors
    /// The body's; [`jan_core::ErrorKind::UnsupportedMediaType`] for a body that is not a form;
    /// [`jan_core::ErrorKind::Invalid`] for a form that is malformed, has no file or (from the stream) two, or has too
    /// much besides the file.
    pub(crate) async fn of(
        headers: &HeaderMap,
        body: BoxStream<Result<Bytes>>,
        name: &'static str,
    ) -> Result<Self> {
        let (mut parts, fields) = (Parts::of(headers, body)?, Fields::default());
        while let Some(part) = parts.next().await? {
            if part.name() != name {
                fields.read(part).await?;
                continue;
            }
            let (filename, content_type) = (part.filename(), part.content_type());
            let state = (Reading { parts, name, fields: fields.clone() }, Some(part));
            let bytes = stream::try_unfold(state, |(mut form, part)| async move {
                let Some(mut part) = part else { return Ok(None) };
                if let Some(piece) = part.piece().await? {
                    return Ok(Some((piece, (form, Some(part)))));
                }
                drop(part);
                form.rest().await.map(|()| None)
            });
            return Ok(Self { filename, content_type, bytes: bytes.boxed(), fields });
        }
        Err(Error::invalid(name, format!("The form has no `{name}`.")).with_code("missing_parameter"))
    }
}

/// A form whose file is being read.
struct Reading {
    parts: Parts,
    name: &'static str,
    fields: Fields,
}

impl Reading {
    /// Reads the fields after the file.
    async fn rest(&mut self) -> Result<()> {
        while let Some(part) = self.parts.next().await? {
            if part.name() == self.name {
                return Err(Error::invalid(
                    self.name,
                    format!("The form has more than one `{}`.", self.name),
                ));
            }
            self.fields.read(part).await?;
        }
        Ok(())
    }
}

fn too_much() -> Error {
    Error::invalid("form", "The form has too much in it beside the file.").with_code("invalid_form")
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;
    use http::HeaderValue;
    use http::header::CONTENT_TYPE;
    use jan_core::ErrorKind;
    use proptest::prelude::*;

    fn headers(kind: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap())])
    }

    fn part(name: &str, rest: &str, body: &str) -> String {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n{body}\r\n")
    }

    /// Reads a form that arrives in pieces of `size` bytes: the file, whether it is public, and its name.
    async fn read(form: &[u8], size: usize) -> Result<(Vec<u8>, bool, Option<String>)> {
        let pieces: Vec<_> =
            form.chunks(size.max(1)).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let headers = headers("multipart/form-data; boundary=XX");
        let file = FormFile::of(&headers, stream::iter(pieces).boxed(), "file").await?;
        let bytes = file.bytes.try_collect::<Vec<_>>().await?.concat();
        Ok((bytes, file.fields.flag("public")?, file.filename))
    }

    #[tokio::test]
    async fn the_file_is_found_at_any_place_and_in_pieces_of_any_size() {
        let (a, b) = (part("user_id", "", "x"), part("public", "", "true"));
        let file = part("file", "; filename=\"a.txt\"\r\nContent-Type: text/plain", "one\r\n--X\r\ntwo");
        for form in
            [[&a, &file, &b].map(String::as_str).concat(), [&b, &a, &file].map(String::as_str).concat()]
        {
            let form = format!("{form}--XX--\r\n");
            for size in 1..form.len() {
                let (bytes, public, name) = read(form.as_bytes(), size).await.unwrap();
                assert_eq!(
                    (bytes.as_slice(), public),
                    (&b"one\r\n--X\r\ntwo"[..], true),
                    "in pieces of {size}"
                );
                assert_eq!(name.as_deref(), Some("a.txt"));
            }
        }
    }

    #[tokio::test]
    async fn malformed_and_too_large_forms_are_refused() {
        let file = part("file", "", "x");
        let end = "--XX--\r\n";
        for (form, param) in [
            (end.to_owned(), Some("file")),
            (part("other", "", "x") + end, Some("file")),
            (format!("{file}{file}{end}"), Some("file")),
            (file.clone(), None),
            (format!("{file}--XX\r\n"), None),
            ("--XX\r\n\r\n".to_owned(), None),
            ("nothing".to_owned(), None),
            (String::new(), None),
            (format!("{}{file}{end}", part("long", "", &"x".repeat(MAX_FIELDS))), Some("form")),
            (format!("{file}{}{end}", part("long", "", &"x".repeat(MAX_FIELDS))), Some("form")),
            (format!("--XX\r\nA: {}", "x".repeat(1 << 20)), None),
            ("x".repeat(1 << 20), None),
        ] {
            let error = read(form.as_bytes(), 1000).await.unwrap_err();
            let start = form.chars().take(80).collect::<String>();
            assert_eq!((error.kind(), error.param()), (ErrorKind::Invalid, param), "{start}");
        }
        let none = || stream::empty().boxed();
        let refused = async |kind| FormFile::of(&headers(kind), none(), "file").await.err().unwrap().kind();
        assert_eq!(refused("application/json").await, ErrorKind::UnsupportedMediaType);
        assert_eq!(refused("multipart/form-data").await, ErrorKind::Invalid);
    }

    #[tokio::test]
    async fn an_endless_part_head_is_refused_early() {
        let read = Arc::new(Mutex::new(0));
        let count = read.clone();
        let endless = stream::repeat_with(move || {
            *count.lock() += 4096;
            Ok(Bytes::from_static(&[b'x'; 4096]))
        });
        let headers = headers("multipart/form-data; boundary=XX");
        assert!(FormFile::of(&headers, endless.boxed(), "file").await.is_err());
        assert!(*read.lock() < 128 * 1024, "too much was read");
    }

    proptest! {
        #[test]
        fn no_form_panics_and_a_file_keeps_its_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), junk in proptest::collection::vec(any::<u8>(), 0..80),
            at in 0..400usize, size in 1..64usize,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let head = part("file", "; filename=\"f\"", "");
            let head = head.strip_suffix("\r\n").unwrap().as_bytes();
            let mut form = [head, &bytes, b"\r\n--XX--\r\n"].concat();
            let whole = runtime.block_on(read(&form, size));
            let has_boundary = [&bytes[..], b"\r\n"].concat().windows(6).any(|six| six == b"\r\n--XX");
            prop_assert!(has_boundary || whole.unwrap().0 == bytes);
            let at = at.min(form.len());
            form.splice(at..at, junk);
            let _ = runtime.block_on(read(&form, size));
        }
    }
}
