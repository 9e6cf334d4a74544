//! Reads the width and height of an image from its header, without decoding the image.

/// The result of reading a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimensions {
    /// Width and height in pixels, both greater than zero.
    Known(u32, u32),
    /// The header is longer than the given bytes.
    More,
    /// This type of file has no dimensions, or none that are read here (AVIF, HEIC, TIFF).
    None,
    /// The header is not valid for this type.
    Broken,
}

/// Reads the header of an image of type `mime` from the beginning of its bytes. `whole` says that these are all its
/// bytes.
pub(crate) fn dimensions(mime: &str, head: &[u8], whole: bool) -> Dimensions {
    let read = match mime {
        "image/png" => png(head),
        "image/gif" => gif(head),
        "image/jpeg" => jpeg(head),
        "image/webp" => webp(head),
        "image/bmp" => bmp(head),
        _ => return Dimensions::None,
    };
    match read {
        Ok((0, _) | (_, 0)) | Err(Stop::Broken) => Dimensions::Broken,
        Err(Stop::More) if whole => Dimensions::Broken,
        Err(Stop::More) => Dimensions::More,
        Ok((width, height)) => Dimensions::Known(width, height),
    }
}

enum Stop {
    More,
    Broken,
}

fn at<const N: usize>(head: &[u8], at: usize) -> Result<[u8; N], Stop> {
    head.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(Stop::More)
}

fn png(head: &[u8]) -> Result<(u32, u32), Stop> {
    if at(head, 12)? != *b"IHDR" {
        return Err(Stop::Broken);
    }
    Ok((u32::from_be_bytes(at(head, 16)?), u32::from_be_bytes(at(head, 20)?)))
}

fn gif(head: &[u8]) -> Result<(u32, u32), Stop> {
    Ok((u16::from_le_bytes(at(head, 6)?).into(), u16::from_le_bytes(at(head, 8)?).into()))
}

fn bmp(head: &[u8]) -> Result<(u32, u32), Stop> {
    if u32::from_le_bytes(at(head, 14)?) == 12 {
        return Ok((u16::from_le_bytes(at(head, 18)?).into(), u16::from_le_bytes(at(head, 20)?).into()));
    }
    // A negative height means that the rows are stored from top to bottom.
    let side = |place| Ok(i32::from_le_bytes(at(head, place)?).unsigned_abs());
    Ok((side(18)?, side(22)?))
}

fn webp(head: &[u8]) -> Result<(u32, u32), Stop> {
    match &at::<4>(head, 12)? {
        b"VP8X" => {
            let [a, b, c, d, e, f] = at(head, 24)?;
            Ok((u32::from_le_bytes([a, b, c, 0]) + 1, u32::from_le_bytes([d, e, f, 0]) + 1))
        }
        b"VP8L" => {
            if at(head, 20)? != [0x2f] {
                return Err(Stop::Broken);
            }
            let bits = u32::from_le_bytes(at(head, 21)?);
            Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " => {
            if at(head, 23)? != [0x9d, 0x01, 0x2a] {
                return Err(Stop::Broken);
            }
            let side = |place| Ok(u32::from(u16::from_le_bytes(at(head, place)?) & 0x3fff));
            Ok((side(26)?, side(28)?))
        }
        _ => Err(Stop::Broken),
    }
}

/// A JPEG is a sequence of segments; the segment that begins a frame contains the size.
fn jpeg(head: &[u8]) -> Result<(u32, u32), Stop> {
    let mut place = 2;
    loop {
        let [0xff, marker] = at(head, place)? else { return Err(Stop::Broken) };
        match marker {
            // Padding before a marker.
            0xff => place += 1,
            // Markers without content.
            0x01 | 0xd0..=0xd7 => place += 2,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let side = |place| Ok(u32::from(u16::from_be_bytes(at(head, place)?)));
                return Ok((side(place + 7)?, side(place + 5)?));
            }
            // Image data, the end of the image, or another image begins before the size was given.
            0xd8..=0xda => return Err(Stop::Broken),
            _ => match usize::from(u16::from_be_bytes(at(head, place + 2)?)) {
                0 | 1 => return Err(Stop::Broken),
                length => place += 2 + length,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn jpeg_of(comment: usize) -> Vec<u8> {
        let mut bytes = b"\xff\xd8".to_vec();
        for _ in 0..comment {
            bytes.extend(b"\xff\xfe\xff\xff");
            bytes.extend(vec![b'x'; 0xfffd]);
        }
        bytes.extend(b"\xff\xff\xc2\0\x11\x08\0\x20\0\x40\x03");
        bytes
    }

    #[test]
    fn dimensions_are_read_from_headers() {
        let cases: &[(&str, &[u8], u32, u32)] = &[
            ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\0\x02\x08", 256, 2),
            ("image/gif", b"GIF89a\x03\0\x04\x01", 3, 260),
            ("image/webp", b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x1f\0\0", 16, 32),
            ("image/webp", b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x0f\xc0\x07\0", 16, 32),
            ("image/webp", b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0...\x9d\x01\x2a\x10\0\x20\x40", 16, 32),
            ("image/bmp", b"BM............\x28\0\0\0\x10\0\0\0\xe0\xff\xff\xff", 16, 32),
            ("image/bmp", b"BM............\x0c\0\0\0\x10\0\x20\0", 16, 32),
            ("image/jpeg", &jpeg_of(0), 64, 32),
            ("image/jpeg", &jpeg_of(3), 64, 32),
        ];
        for (mime, bytes, width, height) in cases {
            assert_eq!(dimensions(mime, bytes, true), Dimensions::Known(*width, *height), "{mime}");
            for end in 0..bytes.len().min(17) {
                let part = dimensions(mime, &bytes[..end], false);
                assert!(matches!(part, Dimensions::More | Dimensions::Known(..)), "{mime} {end} {part:?}");
            }
            assert_eq!(dimensions(mime, &bytes[..4], true), Dimensions::Broken);
        }
        let broken: &[(&str, &[u8])] = &[
            ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIDAT"),
            ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\0\x02"),
            ("image/jpeg", b"\xff\xd8\xff\xda\0\x02"),
            ("image/jpeg", b"\xff\xd8\xff\xe0\0\0"),
            ("image/jpeg", b"\xff\xd8no"),
        ];
        for (mime, bytes) in broken {
            assert_eq!(dimensions(mime, bytes, false), Dimensions::Broken, "{mime}");
        }
        assert_eq!(dimensions("audio/ogg", b"OggS", true), Dimensions::None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0..5usize) {
            let mime = ["image/png", "image/gif", "image/jpeg", "image/webp", "image/bmp"][kind];
            let start: &[u8] = if kind == 2 { b"\xff\xd8\xff" } else { b"RIFF\0\0\0\0WEBPVP8" };
            let _ = dimensions(mime, &bytes, false);
            let _ = dimensions(mime, &[start, &bytes].concat(), true);
        }
    }
}
