//! Detects the type of a file from its first bytes, whatever type was declared.

use jan_core::{Error, ErrorKind, Result};

/// The number of bytes at the beginning that are examined.
pub(crate) const HEAD: usize = 512;

/// The type of a file with these first bytes. `None` means text or an unknown type: see [`looks_like_text`].
pub(crate) fn sniff(head: &[u8]) -> Option<&'static str> {
    const MAGIC: &[(usize, &[u8], &str)] = &[
        (0, b"\x89PNG\r\n\x1a\n", "image/png"),
        (0, b"\xff\xd8\xff", "image/jpeg"),
        (0, b"GIF87a", "image/gif"),
        (0, b"GIF89a", "image/gif"),
        (0, b"II*\0", "image/tiff"),
        (0, b"MM\0*", "image/tiff"),
        (0, b"%PDF-", "application/pdf"),
        (0, b"OggS", "audio/ogg"),
        (0, b"fLaC", "audio/flac"),
        (0, b"ID3", "audio/mpeg"),
    ];
    let at = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    if let Some((_, _, mime)) = MAGIC.iter().find(|(offset, magic, _)| at(*offset, magic)) {
        return Some(mime);
    }
    if at(0, b"RIFF") {
        return [("WEBP", "image/webp"), ("WAVE", "audio/wav")]
            .iter()
            .find_map(|(form, mime)| at(8, form.as_bytes()).then_some(*mime));
    }
    if at(4, b"ftyp") {
        return brand(head);
    }
    if at(0, b"\x1a\x45\xdf\xa3") {
        let webm = head.windows(4).take(64).any(|window| window == b"webm");
        return webm.then_some("video/webm");
    }
    if at(0, b"BM") && matches!(head.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) {
        return Some("image/bmp");
    }
    // A frame of MPEG audio: eleven one bits, a valid version, layer III, a valid bit rate and a valid sampling rate.
    if let [0xff, second, third, ..] = head
        && second & 0xe6 == 0xe2
        && second & 0x18 != 0x08
        && third & 0xf0 != 0xf0
        && third & 0x0c != 0x0c
    {
        return Some("audio/mpeg");
    }
    markup(head)
}

/// MP4 and related formats name their type by a brand of four letters.
fn brand(head: &[u8]) -> Option<&'static str> {
    let of = |brand: &[u8]| match brand {
        b"avif" | b"avis" => Some("image/avif"),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some("image/heic"),
        b"M4A " | b"M4B " => Some("audio/mp4"),
        b"isom" | b"iso2" | b"iso4" | b"iso5" | b"iso6" | b"mp41" | b"mp42" | b"avc1" | b"dash" | b"M4V " => {
            Some("video/mp4")
        }
        _ => None,
    };
    let main = head.get(8..12)?;
    // A generic main brand does not name a type; then the compatible brands after it decide.
    let length = head.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let others = || {
        head.get(16..length.min(head.len())).into_iter().flat_map(|rest| rest.chunks_exact(4)).find_map(of)
    };
    of(main).or_else(others)
}

/// Text that a browser would execute or render. It gets a type of its own, so that it is not treated as plain text.
fn markup(head: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with('<') {
        return None;
    }
    if text.contains("<svg") {
        return Some("image/svg+xml");
    }
    if text.starts_with("<?xml") {
        return Some("application/xml");
    }
    Some("text/html")
}

/// Whether these bytes could be the beginning of a text: they contain no control characters except those of texts.
pub(crate) fn looks_like_text(head: &[u8]) -> bool {
    !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127))
}

/// A group of types. The declared and the detected type must be in the same group.
#[derive(Debug, PartialEq, Eq)]
enum Family {
    Image,
    /// Audio and video share container formats.
    AudioVideo,
    Document,
    Text,
}

fn family(mime: &str) -> Option<Family> {
    match mime.split_once('/')? {
        ("image", _) => Some(Family::Image),
        ("audio" | "video", _) | ("application", "ogg" | "mp4") => Some(Family::AudioVideo),
        ("application", "pdf") => Some(Family::Document),
        ("text", _) | ("application", "json" | "xml" | "yaml" | "x-ndjson" | "jsonl") => Some(Family::Text),
        _ => None,
    }
}

/// The type of a file with this beginning. It must be one of `allowed` and agree with the `declared` type. No declared
/// type, or `application/octet-stream`, agrees with everything.
///
/// # Errors
/// [`ErrorKind::UnsupportedMediaType`].
pub(crate) fn judge(head: &[u8], declared: Option<&str>, allowed: &[String]) -> Result<String> {
    let declared =
        declared.map(essence).filter(|mime| !mime.is_empty() && mime != "application/octet-stream");
    let found = sniff(head).or_else(|| looks_like_text(head).then_some("text/plain"));
    let Some(found) = found else {
        return Err(refused("This is no kind of file that is taken here.".to_owned()));
    };
    let mime = match &declared {
        None => found,
        Some(declared) if family(declared) != family(found) => {
            return Err(refused(format!("This is said to be `{declared}` and is `{found}`.")));
        }
        // For audio and video in the same container, and for kinds of text, the declared type is more precise than the
        // detected one.
        Some(declared)
            if found == "text/plain" && !is_active(declared) || same_container(declared, found) =>
        {
            declared
        }
        Some(_) => found,
    };
    must_allow(allowed, mime)?;
    Ok(mime.to_owned())
}

/// # Errors
/// [`ErrorKind::UnsupportedMediaType`] for a type that is not among `allowed`.
pub(crate) fn must_allow(allowed: &[String], mime: &str) -> Result<()> {
    if allowed.iter().any(|allowed| allows(allowed, mime)) {
        return Ok(());
    }
    Err(refused(format!("Files of type `{mime}` are not taken here.")))
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::UnsupportedMediaType, message)
}

/// A MIME type without its parameters, in lower case.
fn essence(mime: &str) -> String {
    mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn same_container(declared: &str, found: &str) -> bool {
    let subtype = |mime: &str| mime.split_once('/').map(|(_, subtype)| subtype.to_owned());
    family(found) == Some(Family::AudioVideo) && subtype(declared) == subtype(found)
}

/// Whether `allowed` (`image/png`, or `text/*`) covers the type. A pattern does not cover types that a browser would
/// execute.
fn allows(allowed: &str, mime: &str) -> bool {
    let under = |whole: &str| mime.split_once('/').is_some_and(|(main, _)| main == whole);
    allowed == mime || allowed.strip_suffix("/*").is_some_and(under) && !is_active(mime)
}

fn is_active(mime: &str) -> bool {
    mime.contains("xml") || mime.contains("html") || mime.contains("script")
}

/// Whether a browser may display a file of this type. All other types are sent as a download: those that a browser
/// would execute, and those that it cannot display.
pub fn is_inline(mime: &str) -> bool {
    let shown = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "text/plain"];
    shown.contains(&mime) || mime.starts_with("audio/") || mime.starts_with("video/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mimes(list: &[&str]) -> Vec<String> {
        list.iter().map(|mime| (*mime).to_owned()).collect()
    }

    #[test]
    fn types_are_detected_from_the_first_bytes() {
        let cases: &[(&[u8], &str)] = &[
            (b"\x89PNG\r\n\x1a\n....", "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "image/avif"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
            (b"\0\0\0\x18ftypM4A \0\0\0\0", "audio/mp4"),
            (b"\0\0\0\x18ftypisom\0\0\0\0", "video/mp4"),
            (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "image/bmp"),
            (b"MM\0*", "image/tiff"),
            (b"%PDF-1.7", "application/pdf"),
            (b"\xff\xfb\x90\x64", "audio/mpeg"),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "video/webm"),
            (b"\xef\xbb\xbf <!DOCTYPE html>", "text/html"),
            (b"<?xml version='1.0'?><!-- x --><SVG xmlns=", "image/svg+xml"),
            (b"<?xml version='1.0'?><a/>", "application/xml"),
        ];
        for (bytes, mime) in cases {
            assert_eq!(sniff(bytes), Some(*mime));
        }
        let unknown: &[&[u8]] =
            &[b"", b"BM and more text here", b"MZ\x90\0", b"\x7fELF", b"plain", b"RIFF\0\0\0\0AVI "];
        for bytes in unknown {
            assert_eq!(sniff(bytes), None);
        }
    }

    #[test]
    fn the_declared_type_must_agree_and_be_allowed() {
        let allowed = mimes(&["image/png", "audio/*", "video/webm", "text/*"]);
        let png: &[u8] = b"\x89PNG\r\n\x1a\n";
        for (bytes, declared, mime) in [
            (png, None, "image/png"),
            (png, Some("application/octet-stream"), "image/png"),
            (png, Some("Image/JPEG; q=1"), "image/png"),
            (b"a,b\n1,2", Some("text/csv"), "text/csv"),
            (b"a,b\n1,2", None, "text/plain"),
            (b"some words", Some("text/html"), "text/plain"),
            (b"\x1a\x45\xdf\xa3webm", Some("audio/webm"), "audio/webm"),
        ] {
            assert_eq!(judge(bytes, declared, &allowed).unwrap(), mime);
        }
        for (bytes, declared) in [
            (png, Some("text/plain")),
            (png, Some("nonsense")),
            (b"GIF89a", None),
            (b"<html>", Some("text/plain")),
            (b"<svg>", Some("image/png")),
            (b"words", Some("image/png")),
            (b"{}", Some("application/json")),
            (b"MZ\x90\0", None),
        ] {
            let error = judge(bytes, declared, &allowed).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnsupportedMediaType, "{declared:?}");
        }
        assert!(is_inline("image/png") && !is_inline("image/svg+xml") && !is_inline("text/html"));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), start in 0..6usize, declared in ".{0,20}") {
            let starts: [&[u8]; 6] = [b"", b"\0\0\0\x18ftyp", b"\xff\xfb", b"BM", b"<", b"RIFF"];
            let bytes = [starts[start], &bytes].concat();
            let _ = judge(&bytes, Some(&declared), &mimes(&["*/*", "text/*"]));
        }
    }
}
