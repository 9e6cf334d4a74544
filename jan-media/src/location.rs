//! Removes the location from images (`strip_location`): GPS data of EXIF in JPEG, PNG, WebP, TIFF, HEIC and AVIF, and
//! XMP that contains GPS data. Everything else stays, in particular the orientation.
//!
//! An image is held in memory for this, since its EXIF may be at its end. Proprietary blocks of camera makers (maker
//! notes) are not understood and stay.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use jan_core::{BoxStream, Result};
use sha2::{Digest, Sha256};

use crate::inspect::{Requirements, not_as_announced};

/// The marker before EXIF data, in JPEG, HEIC and others.
const EXIF: &[u8] = b"Exif\0\0";
/// The marker before XMP data in a JPEG.
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The number of bytes by which an image is recognised.
const HEAD: usize = 12;
/// The TIFF tags that point to the GPS directory and to the EXIF directory.
const GPS: u16 = 0x8825;
const EXIF_DIRECTORY: u16 = 0x8769;
/// The minimum of the limit on bytes read and written for one image; four times the image's size is added to it.
const MIN_WORK: usize = 1 << 20;
/// The largest number of directories in one EXIF block; more indicate a loop.
const MAX_DIRECTORIES: usize = 32;

/// The same bytes; if they are an image, without its location. The announced length and hash describe the bytes before
/// the change, so they are checked here and removed from the requirements.
///
/// # Errors
/// The stream's errors; `not_as_announced` when length or hash differ.
pub(crate) async fn without_location(
    mut bytes: BoxStream<Result<Bytes>>,
    requirements: &mut Requirements,
) -> Result<BoxStream<Result<Bytes>>> {
    let mut held = BytesMut::new();
    while held.len() < HEAD {
        let Some(piece) = bytes.try_next().await? else { break };
        held.extend_from_slice(&piece);
    }
    if is_picture(&held) {
        while held.len() as u64 <= requirements.max_bytes {
            let Some(piece) = bytes.try_next().await? else {
                return stripped(held, requirements);
            };
            held.extend_from_slice(&piece);
        }
    }
    Ok(stream::once(async { Ok(held.freeze()) }).chain(bytes).boxed())
}

fn stripped(mut held: BytesMut, requirements: &mut Requirements) -> Result<BoxStream<Result<Bytes>>> {
    if requirements.length.take().is_some_and(|length| length != held.len() as u64) {
        return Err(not_as_announced("has more or fewer bytes"));
    }
    let other = |hash: String| !hash.eq_ignore_ascii_case(&hex::encode(Sha256::digest(&held)));
    if requirements.sha256.take().is_some_and(other) {
        return Err(not_as_announced("has another SHA-256"));
    }
    strip(&mut held);
    Ok(stream::once(async { Ok(held.freeze()) }).boxed())
}

fn is_picture(head: &[u8]) -> bool {
    let at = |place: usize, what: &[u8]| head.get(place..).is_some_and(|rest| rest.starts_with(what));
    let starts: [&[u8]; 4] = [b"\xff\xd8\xff", PNG, b"II*\0", b"MM\0*"];
    starts.iter().any(|start| at(0, start)) || (at(0, b"RIFF") && at(8, b"WEBP")) || at(4, b"ftyp")
}

/// Removes the location from an image in place. No byte changes its position.
fn strip(picture: &mut [u8]) {
    // Directories may point to the same bytes repeatedly, so the work is limited. A normal image needs a small part of
    // the limit.
    let mut work = MIN_WORK + 4 * picture.len();
    if picture.starts_with(PNG) {
        return chunks_of_png(picture, &mut work);
    }
    if picture.starts_with(b"RIFF") {
        chunks_of_webp(picture, &mut work);
    }
    if picture.starts_with(b"II*\0") || picture.starts_with(b"MM\0*") {
        tiff(picture, &mut work);
        bare_xmp(picture);
    }
    if picture.get(4..8) == Some(b"ftyp") {
        for start in [b"\0\0\0\0II*\0", b"\0\0\0\0MM\0*"] {
            // EXIF is an item of its own here: the offset of its TIFF data after this number, which is 0, and then the
            // TIFF data.
            tiffs_behind(picture, start, 4, &mut work);
        }
        bare_xmp(picture);
    }
    tiffs_behind(picture, EXIF, EXIF.len(), &mut work);
    let mut from = 0;
    while let Some(place) = find(picture, from, XMP) {
        from = place + XMP.len();
        // The two bytes before the marker are the length of the segment, themselves included.
        let length = place.checked_sub(2).and_then(|at| picture.get(at..)?.first_chunk().copied());
        let length = length.map_or(0, |length| usize::from(u16::from_be_bytes(length)));
        let end = (place + length).saturating_sub(2).clamp(from, picture.len());
        xmp(picture.get_mut(from..end).unwrap_or_default());
    }
}

/// Cleans every TIFF block that begins `skipped` bytes after such a marker.
fn tiffs_behind(picture: &mut [u8], mark: &[u8], skipped: usize, work: &mut usize) {
    let mut from = 0;
    while let Some(place) = find(picture, from, mark).filter(|_| *work > 0) {
        from = place + skipped;
        tiff(picture.get_mut(from..).unwrap_or_default(), work);
    }
}

/// Cleans XMP in TIFF, HEIC and AVIF, where no marker precedes it.
fn bare_xmp(picture: &mut [u8]) {
    let (start, end) = (b"<x:xmpmeta", b"</x:xmpmeta>");
    let mut from = 0;
    while let Some(place) = find(picture, from, start) {
        let Some(stop) = find(picture, place, end) else { return };
        from = stop + end.len();
        xmp(picture.get_mut(place..from).unwrap_or_default());
    }
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memchr::memmem::find(rest, what).map(|place| from + place)
}

/// Cleans a PNG, whose chunks have a length, a type, data, and a checksum over type and data.
fn chunks_of_png(picture: &mut [u8], work: &mut usize) {
    let mut at = PNG.len();
    while let Some(head) = picture.get(at..).and_then(|rest| rest.first_chunk::<8>()).copied() {
        let [a, b, c, d, kind @ ..] = head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some(end) = (at + 8).checked_add(length).filter(|end| end + 4 <= picture.len()) else { return };
        let Some((name, data)) = picture.get_mut(at + 4..end).and_then(|chunk| chunk.split_first_chunk_mut())
        else {
            return;
        };
        let changed = match &kind {
            b"eXIf" => tiff(data, work),
            b"iTXt" | b"tEXt" | b"zTXt" => text_of_png(name, data),
            _ => false,
        };
        if changed {
            let sum = crc32fast::hash(picture.get(at + 4..end).unwrap_or_default());
            if let Some(place) = picture.get_mut(end..end + 4) {
                place.copy_from_slice(&sum.to_be_bytes());
            }
        }
        at = end + 4;
    }
}

/// Cleans a text chunk of a PNG: XMP, or EXIF in an encoding of some programs. A chunk that cannot be examined becomes
/// an empty chunk of an unknown type, which readers ignore.
fn text_of_png(kind: &mut [u8; 4], data: &mut [u8]) -> bool {
    let Some(end) = memchr::memchr(0, data) else { return false };
    let keyword = data.get(..end).unwrap_or_default();
    let is_raw = keyword.starts_with(b"Raw profile type ")
        && [&b"exif"[..], b"EXIF", b"APP1", b"xmp", b"XMP"].iter().any(|kind| keyword.ends_with(kind));
    let is_xmp = keyword == b"XML:com.adobe.xmp";
    let body = data.get_mut(end + 1..).unwrap_or_default();
    // A compression flag and a method precede the text; a compressed text is not examined.
    let compressed = is_xmp && body.first() == Some(&1);
    if is_raw || compressed {
        *kind = *b"jaNk";
        data.fill(0);
        return true;
    }
    is_xmp && xmp(body.get_mut(2..).unwrap_or_default())
}

/// Cleans a WebP, whose chunks have a type, a length, and data padded to an even length.
fn chunks_of_webp(picture: &mut [u8], work: &mut usize) {
    let mut at = 12;
    while let Some(head) = picture.get(at..).and_then(|rest| rest.first_chunk::<8>()).copied() {
        let [kind @ .., a, b, c, d] = head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let end = (at + 8).saturating_add(length).min(picture.len());
        let data = picture.get_mut(at + 8..end).unwrap_or_default();
        match &kind {
            b"EXIF" => tiff(data, work),
            b"XMP " => xmp(data),
            _ => false,
        };
        at = end.saturating_add(length % 2);
    }
}

/// Overwrites XMP that contains GPS data with spaces.
fn xmp(packet: &mut [u8]) -> bool {
    let says = memchr::memmem::find(packet, b"GPS").is_some();
    if says {
        // In a PNG, language and keyword precede the XMP and end with zero bytes, which stay.
        let start = memchr::memchr(b'<', packet).unwrap_or_default();
        packet.get_mut(start..).unwrap_or_default().fill(b' ');
    }
    says
}

/// Cleans EXIF data. It has the TIFF format: directories of entries, which point to values and to other directories by
/// their offset in the block.
fn tiff(block: &mut [u8], work: &mut usize) -> bool {
    let little = match block.first_chunk() {
        Some(b"II*\0") => true,
        Some(b"MM\0*") => false,
        _ => return false,
    };
    let mut tiff = Tiff { block, little, work };
    let (mut changed, mut next) = (false, Vec::from_iter(tiff.u32(4)));
    for _ in 0..MAX_DIRECTORIES {
        let Some(directory) = next.pop() else { break };
        changed |= tiff.remove_gps(directory as usize, &mut next);
    }
    changed
}

struct Tiff<'a> {
    block: &'a mut [u8],
    little: bool,
    /// How many more bytes may be read or written.
    work: &'a mut usize,
}

impl Tiff<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.block.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.block.get(at..)?.first_chunk()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn set_u16(&mut self, at: usize, value: u16) {
        let bytes = if self.little { value.to_le_bytes() } else { value.to_be_bytes() };
        if let Some(place) = self.block.get_mut(at..at + 2) {
            place.copy_from_slice(&bytes);
        }
    }

    /// Removes the GPS entry from a directory, together with the data that it points to, and adds the directories that
    /// follow to `next`.
    fn remove_gps(&mut self, directory: usize, next: &mut Vec<u32>) -> bool {
        let Some(count) = self.u16(directory) else { return false };
        if !self.affords(12 * usize::from(count)) {
            return false;
        }
        let (first, mut kept, mut changed) = (directory + 2, 0, false);
        for number in 0..usize::from(count) {
            let entry = first + 12 * number;
            match self.u16(entry) {
                Some(GPS) => {
                    if let Some(gps) = self.u32(entry + 8) {
                        self.wipe(gps as usize);
                    }
                    changed = true;
                    continue;
                }
                Some(EXIF_DIRECTORY) => next.extend(self.u32(entry + 8)),
                Some(_) => {}
                None => return changed,
            }
            let to = first + 12 * kept;
            if to != entry && entry + 12 <= self.block.len() {
                self.block.copy_within(entry..entry + 12, to);
            }
            kept += 1;
        }
        let end = first + 12 * usize::from(count);
        next.extend(self.u32(end).filter(|next| *next != 0));
        if changed {
            // The offset of the next directory moves up behind the remaining entries.
            let to = first + 12 * kept;
            if end + 4 <= self.block.len() {
                self.block.copy_within(end..end + 4, to);
            }
            if let Some(rest) = self.block.get_mut(to + 4..(end + 4).min(self.block.len())) {
                rest.fill(0);
            }
            self.set_u16(directory, u16::try_from(kept).unwrap_or_default());
        }
        changed
    }

    /// Fills a directory and its values with zeros.
    fn wipe(&mut self, directory: usize) {
        let count = usize::from(self.u16(directory).unwrap_or_default());
        if !self.affords(12 * count) {
            return;
        }
        for entry in (0..count).map(|number| directory + 2 + 12 * number) {
            let (Some(kind), Some(values), Some(place)) =
                (self.u16(entry + 2), self.u32(entry + 4), self.u32(entry + 8))
            else {
                break;
            };
            let size = match kind {
                3 | 8 => 2,
                4 | 9 | 11 => 4,
                5 | 10 | 12 => 8,
                _ => 1,
            };
            let length = (values as usize).saturating_mul(size);
            if length > 4 {
                self.zero(place as usize, length);
            }
        }
        self.zero(directory, 2 + 12 * count);
    }

    fn zero(&mut self, at: usize, length: usize) {
        let end = at.saturating_add(length).min(self.block.len());
        if self.affords(end.saturating_sub(at)) {
            self.block.get_mut(at..end).unwrap_or_default().fill(0);
        }
    }

    /// Uses up `work` bytes of the limit; false when the limit is exceeded.
    fn affords(&mut self, work: usize) -> bool {
        let remaining = self.work.checked_sub(work);
        *self.work = remaining.unwrap_or_default();
        remaining.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::MediaSettings;

    /// EXIF with an orientation of 6 and a latitude of 52 degrees, in either byte order.
    pub(crate) fn exif(little: bool) -> Vec<u8> {
        let n16 = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let n32 = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut out = if little { b"II".to_vec() } else { b"MM".to_vec() };
        out.extend([&n16(42)[..], &n32(8), &n16(3)].concat());
        out.extend([&n16(0x0112)[..], &n16(3), &n32(1), &n16(6), &n16(0)].concat());
        out.extend([&n16(GPS)[..], &n16(4), &n32(1), &n32(50)].concat());
        out.extend([&n16(0x9003)[..], &n16(2), &n32(1), b"a\0\0\0"].concat());
        out.extend(n32(0));
        assert_eq!(out.len(), 50);
        out.extend([&n16(1)[..], &n16(2), &n16(5), &n32(3), &n32(68), &n32(0)].concat());
        assert_eq!(out.len(), 68);
        for n in [52, 1, 31, 1, 7, 1] {
            out.extend(n32(n));
        }
        out
    }

    /// Asserts that the location is removed and everything else is unchanged.
    fn assert_clean(block: &[u8], little: bool) {
        let mut copy = block.to_vec();
        let mut work = usize::MAX;
        let tiff = Tiff { block: &mut copy, little, work: &mut work };
        assert_eq!(tiff.u16(8), Some(2), "two entries are left");
        let [first, second] = [10, 22].map(|at| (tiff.u16(at).unwrap(), tiff.u16(at + 8).unwrap()));
        assert_eq!((first.0, first.1), (0x0112, 6), "how it is turned stays");
        assert_eq!(second.0, 0x9003);
        assert_eq!(tiff.u32(34), Some(0), "no directory follows");
        assert!(copy[50..92].iter().all(|byte| *byte == 0), "{copy:?}");
    }

    #[test]
    fn the_location_is_removed_from_every_type_of_image() {
        for little in [true, false] {
            let block = exif(little);
            let at = |picture: &[u8]| {
                memchr::memmem::find(picture, if little { b"II*\0" } else { b"MM\0*" }).unwrap()
            };
            let png = |kind: &[u8], data: &[u8]| {
                let body = [kind, data].concat();
                let sum = crc32fast::hash(&body).to_be_bytes();
                [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], &body, &sum].concat()
            };
            let size = u16::try_from(block.len() + 8).unwrap().to_be_bytes();
            let length = u32::try_from(block.len()).unwrap().to_le_bytes();
            let pictures = [
                [b"\xff\xd8\xff\xe1", &size[..], EXIF, &block, b"\xff\xda"].concat(),
                [PNG, &png(b"eXIf", &block), &png(b"IEND", b"")].concat(),
                [b"RIFF\0\0\0\0WEBPEXIF", &length[..], &block].concat(),
                block.clone(),
                [b"\0\0\0\x18ftypheic....", EXIF, &block].concat(),
            ];
            for picture in pictures {
                assert!(is_picture(&picture));
                let mut clean = picture.clone();
                strip(&mut clean);
                assert_eq!(clean.len(), picture.len());
                assert_clean(&clean[at(&clean)..], little);
                if clean.starts_with(PNG) {
                    assert_eq!(clean, [PNG, &png(b"eXIf", &clean[16..108]), &png(b"IEND", b"")].concat());
                }
                let once = clean.clone();
                strip(&mut clean);
                assert_eq!(clean, once, "what is clean stays");
            }
        }
        // AVIF: the item contains the offset of its TIFF data; XMP has no marker.
        let xmp = b"<x:xmpmeta exif:GPSLatitude='52,31N'></x:xmpmeta>";
        let mut avif = [&b"\0\0\0\x1cftypavif....\0\0\0\0"[..], &exif(true), xmp].concat();
        strip(&mut avif);
        assert_clean(&avif[20..], true);
        assert!(memchr::memmem::find(&avif, b"52,31").is_none());
        let xmp = b"<x:xmpmeta exif:GPSLatitude='52,31N'/>";
        let size = u16::try_from(2 + XMP.len() + xmp.len()).unwrap().to_be_bytes();
        let mut jpeg = [b"\xff\xd8\xff\xe1", &size[..], XMP, xmp, b"\xff\xda<GPS"].concat();
        strip(&mut jpeg);
        assert!(memchr::memmem::find(&jpeg, b"52,31").is_none() && jpeg.ends_with(b"\xff\xda<GPS"));
        let other = b"<x:xmpmeta dc:title='Berlin'/>";
        let mut kept = [b"\xff\xd8\xff\xe1", &size[..], XMP, other].concat();
        let before = kept.clone();
        strip(&mut kept);
        assert_eq!(kept, before);
    }

    #[test]
    fn an_image_with_repeated_offsets_is_cleaned_in_bounded_time() {
        let mut picture = b"II*\0\x08\0\0\0\x01\0\x25\x88\x04\0\x01\0\0\0\x20\0\0\0".to_vec();
        picture.resize(32, 0);
        picture.extend(0xffff_u16.to_le_bytes());
        for _ in 0..0xffff {
            picture.extend(b"\x01\0\x01\0\0\0\0\x10\0\0\x10\0");
        }
        picture.resize(8 << 20, 7);
        // Without a limit this would write half a terabyte.
        strip(&mut picture);
    }

    #[tokio::test]
    async fn announced_length_and_hash_are_checked_and_other_files_are_streamed() {
        let bytes = exif(true);
        let stream = |bytes: &[u8]| {
            let pieces: Vec<_> = bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            stream::iter(pieces).boxed()
        };
        let requirements = |length: usize, hash: &[u8]| {
            let mut requirements = Requirements::new(&MediaSettings::default(), None);
            (requirements.length, requirements.sha256) =
                (Some(length as u64), Some(hex::encode(Sha256::digest(hash))));
            requirements
        };
        let mut right = requirements(bytes.len(), &bytes);
        let clean: Vec<Bytes> =
            without_location(stream(&bytes), &mut right).await.unwrap().try_collect().await.unwrap();
        assert_clean(&clean.concat(), true);
        assert_eq!((right.length, right.sha256), (None, None));
        for mut wrong in [requirements(bytes.len() - 1, &bytes), requirements(bytes.len(), b"other")] {
            assert!(without_location(stream(&bytes), &mut wrong).await.is_err());
        }
        let text = b"this is no picture, whatever Exif\0\0II*\0 says";
        let mut right = requirements(text.len(), text);
        let same = without_location(stream(text), &mut right).await.unwrap();
        let same: Vec<Bytes> = same.try_collect().await.unwrap();
        assert!(same.len() > 1 && same.concat() == text && right.length.is_some());
        // A file that is too large is refused later by the inspection, and is not held in memory here.
        let mut small = Requirements { max_bytes: 20, ..Requirements::new(&MediaSettings::default(), None) };
        let passed: Vec<Bytes> =
            without_location(stream(&bytes), &mut small).await.unwrap().try_collect().await.unwrap();
        assert!(passed[0].len() < 40 && passed.concat() == bytes);
    }

    proptest! {
        #[test]
        fn nothing_panics(junk in proptest::collection::vec(any::<u8>(), 0..120), kind in 0..5usize) {
            let head: [&[u8]; 5] = [b"\xff\xd8\xffExif\0\0II*\0", PNG, b"RIFF\0\0\0\0WEBPEXIF", b"II*\0", b"MM\0*"];
            let mut picture = [head[kind], &junk].concat();
            strip(&mut picture);
            let mut malformed = exif(kind % 2 == 0);
            for (place, byte) in junk.chunks_exact(2).map(|pair| (usize::from(pair[0]), pair[1])) {
                if let Some(at) = malformed.get_mut(place) {
                    *at = byte;
                }
            }
            strip(&mut malformed);
        }
    }
}
