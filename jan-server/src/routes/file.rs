//! A kept file as a reply: its bytes or a part of them, said to be what they are and nothing that a browser would run.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jan_core::media::MediaObject;
use jan_core::{Error, ErrorKind, Result};
use jan_media::{ReadableMedia, is_inline};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::call::Call;
use crate::http::body::Body;
use crate::http::conditional::{Part, is_known, not_modified, part};
use crate::http::error::to_response;
use crate::http::reply::Reply;

/// Should a browser show it as a page after all, that page may do nothing.
const NOTHING_RUNS: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
/// What stands in a header's `filename*` as it is (RFC 8187).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The file, or what of it the request wants. `cache` says how long it may be kept.
pub(crate) async fn file(call: &Call, found: &ReadableMedia, cache: HeaderValue) -> Reply {
    let object = &found.object;
    let tag = tag(object);
    if is_known(&call.headers, &tag) {
        return about(not_modified(), object, cache);
    }
    let (status, range) = match part(&call.headers, &tag, object.bytes) {
        Part::Whole => (StatusCode::OK, None),
        Part::Bytes(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Part::Outside => return outside(call, object.bytes),
    };
    let length = range.as_ref().map_or(object.bytes, |range| range.end - range.start);
    let mut response = Response::new(Body::file(found.read(range.clone()).await?, length));
    *response.status_mut() = status;
    if let Some(range) = range {
        let last = range.end.saturating_sub(1);
        let part = value(format!("bytes {}-{last}/{}", range.start, object.bytes))?;
        response.headers_mut().insert(CONTENT_RANGE, part);
    }
    describe(response.headers_mut(), object)?;
    about(response, object, cache)
}

/// The head of the same reply. Nothing is read.
pub(crate) fn head(call: &Call, object: &MediaObject, cache: HeaderValue) -> Reply {
    if is_known(&call.headers, &tag(object)) {
        return about(not_modified(), object, cache);
    }
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(object.bytes));
    describe(response.headers_mut(), object)?;
    about(response, object, cache)
}

/// The bytes of an id never change, so their hash says all about them.
fn tag(object: &MediaObject) -> String {
    format!("\"{}\"", object.sha256)
}

/// What is said with and without bytes.
fn about(mut response: Response<Body>, object: &MediaObject, cache: HeaderValue) -> Reply {
    let headers = response.headers_mut();
    headers.insert(ETAG, value(tag(object))?);
    headers.insert(CACHE_CONTROL, cache);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn describe(headers: &mut HeaderMap, object: &MediaObject) -> Result<()> {
    // Texts were found to be UTF-8 when they came.
    let charset = if object.mime.starts_with("text/") { "; charset=utf-8" } else { "" };
    headers.insert(CONTENT_TYPE, value(format!("{}{charset}", object.mime))?);
    headers.insert(CONTENT_DISPOSITION, value(disposition(&object.mime, object.filename.as_deref()))?);
    headers.insert(CONTENT_SECURITY_POLICY, NOTHING_RUNS);
    Ok(())
}

/// Whether it is shown or saved, and under which name: once for old clients in plain letters, once as it is.
fn disposition(mime: &str, name: Option<&str>) -> String {
    let manner = if is_inline(mime) { "inline" } else { "attachment" };
    let Some(name) = name else { return manner.to_owned() };
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || " -._()".contains(letter);
    let plain: String = name.chars().map(|letter| if harmless(letter) { letter } else { '_' }).collect();
    format!("{manner}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, PLAIN))
}

/// The refusal of a range, which says how much there is.
fn outside(call: &Call, length: u64) -> Reply {
    let error =
        Error::new(ErrorKind::OutOfRange, format!("The file has {length} bytes.")).with_param("Range");
    let mut response = to_response(&error, &call.error_form());
    response.headers_mut().insert(CONTENT_RANGE, value(format!("bytes */{length}"))?);
    Ok(response)
}

fn value(text: String) -> Result<HeaderValue> {
    HeaderValue::try_from(text).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_runs_nothing_is_shown_in_place() {
        assert_eq!(disposition("image/png", None), "inline");
        for mime in ["image/svg+xml", "text/html", "application/pdf", "image/tiff"] {
            assert_eq!(disposition(mime, None), "attachment", "{mime}");
        }
        let named = disposition("image/png", Some("mein \"Bild\" ü.png"));
        assert_eq!(
            named,
            "inline; filename=\"mein _Bild_ _.png\"; filename*=UTF-8''mein%20%22Bild%22%20%C3%BC.png"
        );
    }

    proptest! {
        #[test]
        fn every_name_is_a_header(name in "\\PC{0,40}") {
            prop_assert!(value(disposition("image/png", Some(&name))).is_ok());
        }
    }
}
