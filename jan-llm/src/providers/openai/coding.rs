//! Compressed replies. We ask for none, and some upstreams compress all the same, their refusals above all: what is read
//! as a whole is decoded.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use jan_core::{Error, Result};

use super::faults::{cut, too_large};

/// How the body is coded, if it is.
pub(super) fn of(headers: &HeaderMap) -> Option<&str> {
    let coding = headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim();
    Some(coding).filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
}

/// A reply in a coding that is not understood here.
pub(super) fn unexpected(coding: &str) -> Error {
    let message = "The upstream compressed its answer, which it was asked not to do.";
    Error::upstream(message).with_code("upstream_garbage").because(format!("Content-Encoding: {coding}"))
}

/// The body without its coding, of at most `limit` bytes.
///
/// # Errors
/// When it is larger, broken, or in a coding that is not understood.
pub(super) fn decoded(coding: Option<&str>, body: Bytes, limit: usize) -> Result<Bytes> {
    let Some(coding) = coding else { return Ok(body) };
    let mut whole = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => MultiGzDecoder::new(&*body).take(most).read_to_end(&mut whole),
        "deflate" => ZlibDecoder::new(&*body).take(most).read_to_end(&mut whole),
        _ => return Err(unexpected(coding)),
    };
    read.map_err(cut)?;
    if whole.len() > limit { Err(too_large(limit)) } else { Ok(whole.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn packed(text: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn a_coded_body_is_read_within_its_limit() {
        assert_eq!(decoded(Some("GZIP"), packed(b"hello"), 5).unwrap(), "hello");
        let bomb = decoded(Some("gzip"), packed(&[b'x'; 100_000]), 1000).unwrap_err();
        assert_eq!(bomb.code(), "upstream_too_large");
        assert_eq!(decoded(None, Bytes::from_static(b"a"), 1).unwrap(), "a");
        for (coding, body) in [
            ("br", packed(b"a")),
            ("gzip", Bytes::from_static(b"no gzip")),
            ("gzip", packed(b"hello").slice(..12)),
        ] {
            assert!(decoded(Some(coding), body, 10).is_err(), "{coding}");
        }
    }
}
