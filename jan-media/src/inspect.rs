//! Inspects bytes while they are stored: counts and hashes them, detects their type, and ends the stream with an error
//! as soon as they cannot be accepted. Only the beginning of the bytes is held in memory, until the type and the
//! dimensions are known.

use parking_lot::Mutex;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use jan_core::{BoxStream, Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

use crate::data_url::too_large;
use crate::dimensions::{Dimensions, dimensions};
use crate::kind::{HEAD, judge};
use crate::settings::MediaSettings;
use crate::utf8::Utf8;

/// The number of bytes within which an image's dimensions must be found. A JPEG may have profiles and previews before
/// them.
const MAX_HEAD: usize = 1024 * 1024;

/// The requirements that bytes must meet.
pub(crate) struct Requirements {
    pub(crate) max_bytes: u64,
    pub(crate) allowed: Vec<String>,
    pub(crate) max_pixels: u64,
    pub(crate) max_side: u32,
    pub(crate) declared: Option<String>,
    /// The exact length, if it was announced.
    pub(crate) length: Option<u64>,
    /// The exact SHA-256, if it was announced.
    pub(crate) sha256: Option<String>,
}

impl Requirements {
    pub(crate) fn new(settings: &MediaSettings, declared: Option<String>) -> Self {
        Self {
            max_bytes: settings.max_bytes,
            allowed: settings.allowed.clone(),
            max_pixels: settings.max_pixels,
            max_side: settings.max_side,
            declared,
            length: None,
            sha256: None,
        }
    }
}

/// The result of an inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inspection {
    pub(crate) mime: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) size: Option<(u32, u32)>,
}

/// The place where the stream stores its result, for the code that reads the stream.
pub(crate) type SharedInspection = Arc<Mutex<Option<Inspection>>>;

/// The same bytes, inspected while they are read. The result is in the second part once the stream has ended without
/// error.
pub(crate) fn inspected(
    bytes: BoxStream<Result<Bytes>>,
    requirements: Requirements,
) -> (BoxStream<Result<Bytes>>, SharedInspection) {
    let inspection = SharedInspection::default();
    let (state, result) = ((bytes, Some(Inspector::new(requirements))), inspection.clone());
    let next = move |(mut bytes, inspector): (BoxStream<Result<Bytes>>, Option<Inspector>)| {
        let result = result.clone();
        async move {
            let Some(mut inspector) = inspector else { return Ok(None) };
            if let Some(piece) = bytes.try_next().await? {
                inspector.push(&piece)?;
                return Ok(Some((piece, (bytes, Some(inspector)))));
            }
            let inspection = inspector.finish()?;
            *result.lock() = Some(inspection);
            Ok(None)
        }
    };
    (stream::try_unfold(state, next).boxed(), inspection)
}

struct Inspector {
    requirements: Requirements,
    hash: Sha256,
    length: u64,
    /// The beginning of the bytes, until type and dimensions are known.
    head: Option<BytesMut>,
    mime: Option<String>,
    size: Option<(u32, u32)>,
    text: Utf8,
}

impl Inspector {
    fn new(requirements: Requirements) -> Self {
        let (hash, head) = (Sha256::new(), Some(BytesMut::new()));
        Self { requirements, hash, length: 0, head, mime: None, size: None, text: Utf8::default() }
    }

    fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.length += piece.len() as u64;
        if self.length > self.requirements.max_bytes {
            return Err(too_large(self.requirements.max_bytes));
        }
        if self.requirements.length.is_some_and(|length| self.length > length) {
            return Err(not_as_announced("has more bytes"));
        }
        self.hash.update(piece);
        self.text.take(piece);
        if let Some(head) = &mut self.head {
            let free = MAX_HEAD.saturating_sub(head.len()).min(piece.len());
            head.extend_from_slice(piece.get(..free).unwrap_or_default());
            self.read_head(false)?;
        }
        self.check_text()
    }

    /// Determines type and dimensions from the beginning, if enough of it has arrived.
    fn read_head(&mut self, whole: bool) -> Result<()> {
        let Some(head) = &self.head else { return Ok(()) };
        if self.mime.is_none() {
            if head.len() < HEAD && !whole {
                return Ok(());
            }
            let start = head.get(..HEAD).unwrap_or(head);
            self.mime =
                Some(judge(start, self.requirements.declared.as_deref(), &self.requirements.allowed)?);
        }
        match dimensions(self.mime.as_deref().unwrap_or_default(), head, whole || head.len() >= MAX_HEAD) {
            Dimensions::More => return Ok(()),
            Dimensions::None => {}
            Dimensions::Broken => return Err(unprocessable("This is no whole picture.")),
            Dimensions::Known(width, height) => {
                let pixels = u64::from(width) * u64::from(height);
                if pixels > self.requirements.max_pixels || width.max(height) > self.requirements.max_side {
                    return Err(
                        unprocessable("The picture has too many pixels.").with_code("too_many_pixels")
                    );
                }
                self.size = Some((width, height));
            }
        }
        self.head = None;
        Ok(())
    }

    fn check_text(&self) -> Result<()> {
        let is_text =
            self.mime.as_deref().is_some_and(|mime| mime.starts_with("text/") || mime.contains("json"));
        if is_text && self.text.is_broken() {
            return Err(Error::new(ErrorKind::UnsupportedMediaType, "This is no text in UTF-8."));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Inspection> {
        if self.length == 0 {
            return Err(Error::invalid("file", "The file is empty.").with_code("empty_file"));
        }
        self.read_head(true)?;
        self.text.end();
        self.check_text()?;
        let sha256 = hex::encode(self.hash.finalize());
        if self.requirements.length.is_some_and(|length| self.length != length) {
            return Err(not_as_announced("has fewer bytes"));
        }
        if self.requirements.sha256.as_ref().is_some_and(|announced| !announced.eq_ignore_ascii_case(&sha256))
        {
            return Err(not_as_announced("has another SHA-256"));
        }
        Ok(Inspection { mime: self.mime.unwrap_or_default(), bytes: self.length, sha256, size: self.size })
    }
}

fn unprocessable(message: &'static str) -> Error {
    Error::new(ErrorKind::Unprocessable, message).with_code("bad_picture")
}

pub(crate) fn not_as_announced(how: &str) -> Error {
    Error::invalid("file", format!("The file {how} than was announced.")).with_code("not_as_announced")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::png;

    async fn inspect(pieces: &[&[u8]], requirements: Requirements) -> Result<Inspection> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let (bytes, inspection) = inspected(stream::iter(pieces).boxed(), requirements);
        bytes.try_collect::<Vec<_>>().await?;
        Ok(inspection.lock().take().unwrap())
    }

    fn requirements(settings: &MediaSettings) -> Requirements {
        Requirements::new(settings, None)
    }

    #[tokio::test]
    async fn the_type_and_dimensions_of_an_image_are_detected() {
        let settings = MediaSettings::default();
        let bytes = png(7, 9, b"pixels");
        for at in [1, 8, 20, 30] {
            let (a, b) = bytes.split_at(at);
            let inspection = inspect(&[a, b, b""], requirements(&settings)).await.unwrap();
            assert_eq!(
                (inspection.mime.as_str(), inspection.size, inspection.bytes),
                ("image/png", Some((7, 9)), bytes.len() as u64)
            );
            assert_eq!(inspection.sha256, hex::encode(Sha256::digest(&bytes)));
        }
    }

    #[tokio::test]
    async fn oversized_and_broken_images_are_refused() {
        let settings = MediaSettings::default();
        for (width, height) in [(16_385, 1), (1, 16_385), (16_000, 16_000), (u32::MAX, u32::MAX), (0, 5)] {
            let error = inspect(&[&png(width, height, b"")], requirements(&settings)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unprocessable, "{width} x {height}");
        }
        inspect(&[&png(16_384, 3000, b"")], requirements(&settings)).await.unwrap();
        let cut = inspect(&[&png(5, 5, b"")[..14]], requirements(&settings)).await.unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::Unprocessable);
        // A JPEG without dimensions in its first part.
        let comment = [b"\xff\xfe\xff\xff".to_vec(), vec![0; 0xfffd]].concat();
        let endless = [b"\xff\xd8".to_vec(), comment.repeat(20)].concat();
        assert_eq!(
            inspect(&[&endless], requirements(&settings)).await.unwrap_err().kind(),
            ErrorKind::Unprocessable
        );
    }

    #[tokio::test]
    async fn limits_are_checked_while_bytes_arrive() {
        let settings = MediaSettings { max_bytes: 40, ..MediaSettings::default() };
        let bytes = png(1, 1, &[7; 100]);
        let passed = Arc::new(Mutex::new(0));
        let counted = passed.clone();
        let pieces = stream::iter(bytes.chunks(10).map(Bytes::copy_from_slice).collect::<Vec<_>>());
        let pieces = pieces.map(move |piece| {
            *counted.lock() += piece.len();
            Ok(piece)
        });
        let (stream, _) = inspected(pieces.boxed(), requirements(&settings));
        let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(*passed.lock(), 50, "no more is read than shows that it is too much");

        let announced = |length, sha256: Option<&str>| Requirements {
            length: Some(length),
            sha256: sha256.map(str::to_owned),
            ..Requirements::new(&MediaSettings::default(), None)
        };
        let length = bytes.len() as u64;
        for requirements in
            [announced(length - 1, None), announced(length + 1, None), announced(length, Some("00"))]
        {
            assert_eq!(inspect(&[&bytes], requirements).await.unwrap_err().code(), "not_as_announced");
        }
        let hash = hex::encode(Sha256::digest(&bytes)).to_uppercase();
        inspect(&[&bytes], announced(length, Some(&hash))).await.unwrap();
        assert_eq!(inspect(&[], requirements(&settings)).await.unwrap_err().code(), "empty_file");
    }

    #[tokio::test]
    async fn texts_must_be_utf8_to_their_end() {
        let settings = MediaSettings { allowed: vec!["text/*".into()], ..MediaSettings::default() };
        let long = "ä".repeat(1000);
        let inspection = inspect(&[long.as_bytes()], requirements(&settings)).await.unwrap();
        assert_eq!((inspection.mime.as_str(), inspection.size), ("text/plain", None));
        for end in [&b"\xff"[..], b"\xc3", b"\xe2\x82"] {
            let error = inspect(&[long.as_bytes(), end], requirements(&settings)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnsupportedMediaType);
        }
    }
}
