//! A stored file as a reply: its bytes or a part of them, with its content type, in a way that lets a browser run
//! nothing of it.

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
use crate::http::conditional::{RequestedRange, matches_etag, not_modified, requested_range};
use crate::http::error::to_response;
use crate::http::reply::Reply;

/// If a browser shows the file as a page all the same, nothing in that page may run.
const NOTHING_RUNS: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
/// The characters that need no escape in a header's `filename*` (RFC 8187).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The reply with the file, or with the part of it that the request asks for. `cache` is the value of `Cache-Control`.
pub(crate) async fn file(call: &Call, found: &ReadableMedia, cache: HeaderValue) -> Reply {
    let object = &found.object;
    let tag = tag(object);
    if matches_etag(&call.headers, &tag) {
        return with_headers(not_modified(), object, cache);
    }
    let (status, range) = match requested_range(&call.headers, &tag, object.bytes) {
        RequestedRange::Whole => (StatusCode::OK, None),
        RequestedRange::Bytes(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        RequestedRange::Unsatisfiable => return unsatisfiable(call, object.bytes),
    };
    let length = range.as_ref().map_or(object.bytes, |range| range.end - range.start);
    let mut response = Response::new(Body::file(found.read(range.clone()).await?, length));
    *response.status_mut() = status;
    if let Some(range) = range {
        let last = range.end.saturating_sub(1);
        let content_range = value(format!("bytes {}-{last}/{}", range.start, object.bytes))?;
        response.headers_mut().insert(CONTENT_RANGE, content_range);
    }
    describe(response.headers_mut(), object)?;
    with_headers(response, object, cache)
}

/// The head of the same reply. The file is not read.
pub(crate) fn head(call: &Call, object: &MediaObject, cache: HeaderValue) -> Reply {
    if matches_etag(&call.headers, &tag(object)) {
        return with_headers(not_modified(), object, cache);
    }
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(object.bytes));
    describe(response.headers_mut(), object)?;
    with_headers(response, object, cache)
}

/// The entity tag. The bytes of an id never change, so their hash identifies them.
fn tag(object: &MediaObject) -> String {
    format!("\"{}\"", object.sha256)
}

/// Adds the headers of every reply about a file, with and without bytes.
fn with_headers(mut response: Response<Body>, object: &MediaObject, cache: HeaderValue) -> Reply {
    let headers = response.headers_mut();
    headers.insert(ETAG, value(tag(object))?);
    headers.insert(CACHE_CONTROL, cache);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn describe(headers: &mut HeaderMap, object: &MediaObject) -> Result<()> {
    // Text files were checked to be UTF-8 when they were stored.
    let charset = if object.mime.starts_with("text/") { "; charset=utf-8" } else { "" };
    headers.insert(CONTENT_TYPE, value(format!("{}{charset}", object.mime))?);
    headers.insert(CONTENT_DISPOSITION, value(disposition(&object.mime, object.filename.as_deref()))?);
    headers.insert(CONTENT_SECURITY_POLICY, NOTHING_RUNS);
    Ok(())
}

/// The `Content-Disposition`: shown or saved, and the file's name, once in plain ASCII for old clients and once in
/// full.
fn disposition(mime: &str, name: Option<&str>) -> String {
    let kind = if is_inline(mime) { "inline" } else { "attachment" };
    let Some(name) = name else { return kind.to_owned() };
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " -._()".contains(letter);
    let plain: String = name.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, PLAIN))
}

/// The error for a range outside of the file; `Content-Range` contains the file's size.
fn unsatisfiable(call: &Call, length: u64) -> Reply {
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
    fn only_types_that_run_nothing_are_shown_in_the_browser() {
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
        fn every_file_name_is_a_valid_header(name in "\\PC{0,40}") {
            prop_assert!(value(disposition("image/png", Some(&name))).is_ok());
        }
    }
}
