//! Looks at bytes while they pass on their way into a store: counts and hashes them, says what they are, and ends the
//! stream with an error as soon as they cannot be taken. Of the bytes only the beginning is held, until it was judged.

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

/// How far into a picture its size must stand. A JPEG may have profiles and previews before it.
const MAX_HEAD: usize = 1024 * 1024;

/// What bytes must be to be taken.
pub(crate) struct Wanted {
    pub(crate) max_bytes: u64,
    pub(crate) allowed: Vec<String>,
    pub(crate) max_pixels: u64,
    pub(crate) max_side: u32,
    pub(crate) declared: Option<String>,
    /// Exactly so many, when it was announced.
    pub(crate) length: Option<u64>,
    /// Exactly these, when it was announced.
    pub(crate) sha256: Option<String>,
}

impl Wanted {
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

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) mime: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) size: Option<(u32, u32)>,
}

/// Where the stream leaves what it saw, for whoever put it into a store.
pub(crate) type Finding = Arc<Mutex<Option<Seen>>>;

/// The same bytes, inspected. What was seen is in the second part once the stream has ended well.
pub(crate) fn inspected(
    bytes: BoxStream<Result<Bytes>>,
    wanted: Wanted,
) -> (BoxStream<Result<Bytes>>, Finding) {
    let seen = Finding::default();
    let (state, result) = ((bytes, Some(Inspector::new(wanted))), seen.clone());
    let next = move |(mut bytes, inspector): (BoxStream<Result<Bytes>>, Option<Inspector>)| {
        let result = result.clone();
        async move {
            let Some(mut inspector) = inspector else { return Ok(None) };
            if let Some(piece) = bytes.try_next().await? {
                inspector.take(&piece)?;
                return Ok(Some((piece, (bytes, Some(inspector)))));
            }
            let seen = inspector.end()?;
            *result.lock() = Some(seen);
            Ok(None)
        }
    };
    (stream::try_unfold(state, next).boxed(), seen)
}

struct Inspector {
    wanted: Wanted,
    hash: Sha256,
    length: u64,
    /// The beginning, until everything is known that it says.
    head: Option<BytesMut>,
    mime: Option<String>,
    size: Option<(u32, u32)>,
    text: Utf8,
}

impl Inspector {
    fn new(wanted: Wanted) -> Self {
        let (hash, head) = (Sha256::new(), Some(BytesMut::new()));
        Self { wanted, hash, length: 0, head, mime: None, size: None, text: Utf8::default() }
    }

    fn take(&mut self, piece: &[u8]) -> Result<()> {
        self.length += piece.len() as u64;
        if self.length > self.wanted.max_bytes {
            return Err(too_large(self.wanted.max_bytes));
        }
        if self.wanted.length.is_some_and(|length| self.length > length) {
            return Err(not_as_announced("has more bytes"));
        }
        self.hash.update(piece);
        self.text.take(piece);
        if let Some(head) = &mut self.head {
            let room = MAX_HEAD.saturating_sub(head.len()).min(piece.len());
            head.extend_from_slice(piece.get(..room).unwrap_or_default());
            self.look(false)?;
        }
        self.still_text()
    }

    /// Learns what the beginning says, as far as it is there.
    fn look(&mut self, whole: bool) -> Result<()> {
        let Some(head) = &self.head else { return Ok(()) };
        if self.mime.is_none() {
            if head.len() < HEAD && !whole {
                return Ok(());
            }
            let start = head.get(..HEAD).unwrap_or(head);
            self.mime = Some(judge(start, self.wanted.declared.as_deref(), &self.wanted.allowed)?);
        }
        match dimensions(self.mime.as_deref().unwrap_or_default(), head, whole || head.len() >= MAX_HEAD) {
            Dimensions::More => return Ok(()),
            Dimensions::None => {}
            Dimensions::Broken => return Err(unprocessable("This is no whole picture.")),
            Dimensions::Known(width, height) => {
                let pixels = u64::from(width) * u64::from(height);
                if pixels > self.wanted.max_pixels || width.max(height) > self.wanted.max_side {
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

    fn still_text(&self) -> Result<()> {
        let is_text =
            self.mime.as_deref().is_some_and(|mime| mime.starts_with("text/") || mime.contains("json"));
        if is_text && self.text.is_broken() {
            return Err(Error::new(ErrorKind::UnsupportedMediaType, "This is no text in UTF-8."));
        }
        Ok(())
    }

    fn end(mut self) -> Result<Seen> {
        if self.length == 0 {
            return Err(Error::invalid("file", "The file is empty.").with_code("empty_file"));
        }
        self.look(true)?;
        self.text.end();
        self.still_text()?;
        let sha256 = hex::encode(self.hash.finalize());
        if self.wanted.length.is_some_and(|length| self.length != length) {
            return Err(not_as_announced("has fewer bytes"));
        }
        if self.wanted.sha256.as_ref().is_some_and(|announced| !announced.eq_ignore_ascii_case(&sha256)) {
            return Err(not_as_announced("has another SHA-256"));
        }
        Ok(Seen { mime: self.mime.unwrap_or_default(), bytes: self.length, sha256, size: self.size })
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

    async fn inspect(pieces: &[&[u8]], wanted: Wanted) -> Result<Seen> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let (bytes, seen) = inspected(stream::iter(pieces).boxed(), wanted);
        bytes.try_collect::<Vec<_>>().await?;
        Ok(seen.lock().take().unwrap())
    }

    fn wanted(settings: &MediaSettings) -> Wanted {
        Wanted::new(settings, None)
    }

    #[tokio::test]
    async fn a_picture_is_seen_for_what_it_is() {
        let settings = MediaSettings::default();
        let bytes = png(7, 9, b"pixels");
        for at in [1, 8, 20, 30] {
            let (a, b) = bytes.split_at(at);
            let seen = inspect(&[a, b, b""], wanted(&settings)).await.unwrap();
            assert_eq!(
                (seen.mime.as_str(), seen.size, seen.bytes),
                ("image/png", Some((7, 9)), bytes.len() as u64)
            );
            assert_eq!(seen.sha256, hex::encode(Sha256::digest(&bytes)));
        }
    }

    #[tokio::test]
    async fn bombs_and_broken_pictures_are_refused() {
        let settings = MediaSettings::default();
        for (width, height) in [(16_385, 1), (1, 16_385), (16_000, 16_000), (u32::MAX, u32::MAX), (0, 5)] {
            let error = inspect(&[&png(width, height, b"")], wanted(&settings)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unprocessable, "{width} x {height}");
        }
        inspect(&[&png(16_384, 3000, b"")], wanted(&settings)).await.unwrap();
        let cut = inspect(&[&png(5, 5, b"")[..14]], wanted(&settings)).await.unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::Unprocessable);
        // A JPEG that never says how large it is, however long one listens.
        let comment = [b"\xff\xfe\xff\xff".to_vec(), vec![0; 0xfffd]].concat();
        let endless = [b"\xff\xd8".to_vec(), comment.repeat(20)].concat();
        assert_eq!(
            inspect(&[&endless], wanted(&settings)).await.unwrap_err().kind(),
            ErrorKind::Unprocessable
        );
    }

    #[tokio::test]
    async fn limits_hold_while_the_bytes_pass() {
        let settings = MediaSettings { max_bytes: 40, ..MediaSettings::default() };
        let bytes = png(1, 1, &[7; 100]);
        let passed = Arc::new(Mutex::new(0));
        let counted = passed.clone();
        let pieces = stream::iter(bytes.chunks(10).map(Bytes::copy_from_slice).collect::<Vec<_>>());
        let pieces = pieces.map(move |piece| {
            *counted.lock() += piece.len();
            Ok(piece)
        });
        let (stream, _) = inspected(pieces.boxed(), wanted(&settings));
        let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(*passed.lock(), 50, "no more is read than shows that it is too much");

        let announced = |length, sha256: Option<&str>| Wanted {
            length: Some(length),
            sha256: sha256.map(str::to_owned),
            ..Wanted::new(&MediaSettings::default(), None)
        };
        let length = bytes.len() as u64;
        for wanted in
            [announced(length - 1, None), announced(length + 1, None), announced(length, Some("00"))]
        {
            assert_eq!(inspect(&[&bytes], wanted).await.unwrap_err().code(), "not_as_announced");
        }
        let hash = hex::encode(Sha256::digest(&bytes)).to_uppercase();
        inspect(&[&bytes], announced(length, Some(&hash))).await.unwrap();
        assert_eq!(inspect(&[], wanted(&settings)).await.unwrap_err().code(), "empty_file");
    }

    #[tokio::test]
    async fn texts_are_texts_to_their_end() {
        let settings = MediaSettings { allowed: vec!["text/*".into()], ..MediaSettings::default() };
        let long = "ä".repeat(1000);
        let seen = inspect(&[long.as_bytes()], wanted(&settings)).await.unwrap();
        assert_eq!((seen.mime.as_str(), seen.size), ("text/plain", None));
        for end in [&b"\xff"[..], b"\xc3", b"\xe2\x82"] {
            let error = inspect(&[long.as_bytes(), end], wanted(&settings)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnsupportedMediaType);
        }
    }
}
