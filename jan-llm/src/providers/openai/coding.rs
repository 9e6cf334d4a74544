//! Decodes compressed replies. Requests ask for uncompressed replies, but some upstreams compress anyway, most often
//! error replies. Replies that are read as a whole are decoded; compressed streams are refused.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use jan_core::{Error, Result};

use super::faults::{cut, too_large};

/// The content coding of the body; `None` when it is not encoded.
pub(super) fn content_coding(headers: &HeaderMap) -> Option<&str> {
    let coding = headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim();
    Some(coding).filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
}

/// The error for a reply in an unsupported coding.
pub(super) fn unsupported(coding: &str) -> Error {
    let message = "The upstream compressed its answer, which it was asked not to do.";
    Error::upstream(message).with_code("upstream_garbage").because(format!("Content-Encoding: {coding}"))
}

/// The decoded body, of at most `limit` bytes.
///
/// # Errors
/// When it is larger, broken, or in an unsupported coding.
pub(super) fn decoded(coding: Option<&str>, body: Bytes, limit: usize) -> Result<Bytes> {
    let Some(coding) = coding else { return Ok(body) };
    let mut whole = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => MultiGzDecoder::new(&*body).take(most).read_to_end(&mut whole),
        "deflate" => ZlibDecoder::new(&*body).take(most).read_to_end(&mut whole),
        _ => return Err(unsupported(coding)),
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
    fn an_encoded_body_is_decoded_within_its_limit() {
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
