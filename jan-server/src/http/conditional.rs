//! Conditional and range requests: `If-None-Match`, `Range`, `If-Range` (RFC 9110).

use std::ops::Range;

use http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, Response, StatusCode};

use super::body::Body;

/// The bytes that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestedRange {
    /// The whole content.
    Whole,
    /// These bytes: at least one, and all of them exist.
    Bytes(Range<u64>),
    /// A range outside of the content.
    Unsatisfiable,
}

/// Whether `If-None-Match` contains `tag` (`"…"`, without `W/`): the client has this content already.
pub(crate) fn matches_etag(headers: &HeaderMap, tag: &str) -> bool {
    let mut values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| {
        value.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    })
}

/// The 304 reply to a client that has the content already.
pub(crate) fn not_modified() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

/// The part of a content with `length` bytes and the entity tag `tag` that the request asks for. The whole is returned
/// for several ranges, which the standard allows, for a range that cannot be parsed, and if `If-Range` names other
/// content.
pub(crate) fn requested_range(headers: &HeaderMap, tag: &str, length: u64) -> RequestedRange {
    let Some(range) = only(headers, RANGE) else { return RequestedRange::Whole };
    if headers.contains_key(IF_RANGE) && only(headers, IF_RANGE) != Some(tag) {
        return RequestedRange::Whole;
    }
    let Ok(parsed) = http_range_header::parse_range_header(range) else { return RequestedRange::Whole };
    if parsed.len() != 1 {
        return RequestedRange::Whole;
    }
    match parsed.validate(length).ok().as_deref() {
        Some([range]) if *range.end() < length => {
            RequestedRange::Bytes(*range.start()..range.end().saturating_add(1))
        }
        _ => RequestedRange::Unsatisfiable,
    }
}

/// The value of a header that occurs exactly once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAG: &str = "\"abc\"";

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn if_none_match_is_recognised_in_every_spelling() {
        for known in [TAG, "W/\"abc\"", "\"x\", \"abc\"", "*", "\"x\",W/\"abc\" "] {
            assert!(matches_etag(&headers(&[(IF_NONE_MATCH, known)]), TAG), "{known}");
        }
        for other in ["\"x\"", "abc", "", "w/\"abc\"", "\"abc"] {
            assert!(!matches_etag(&headers(&[(IF_NONE_MATCH, other)]), TAG), "{other}");
        }
        assert!(!matches_etag(&HeaderMap::new(), TAG));
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        use RequestedRange::{Bytes, Unsatisfiable, Whole};
        for (range, wanted) in [
            ("bytes=0-4", Bytes(0..5)),
            ("bytes=5-", Bytes(5..10)),
            ("bytes=-3", Bytes(7..10)),
            ("bytes=-30", Bytes(0..10)),
            ("bytes=9-100", Bytes(9..10)),
            ("BYTES=0-0", Bytes(0..1)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-20", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=0-1,3-4", Whole),
            ("bytes=4-1", Whole),
            ("bytes=", Whole),
            ("bytes=a-b", Whole),
            ("lines=0-4", Whole),
            ("0-4", Whole),
        ] {
            assert_eq!(requested_range(&headers(&[(RANGE, range)]), TAG, 10), wanted, "{range}");
        }
    }

    #[test]
    fn a_range_of_other_content_returns_the_whole() {
        let with = |condition: &str| {
            requested_range(&headers(&[(RANGE, "bytes=0-4"), (IF_RANGE, condition)]), TAG, 10)
        };
        assert_eq!(with(TAG), RequestedRange::Bytes(0..5));
        for other in ["\"x\"", "W/\"abc\"", "Wed, 21 Oct 2015 07:28:00 GMT", ""] {
            assert_eq!(with(other), RequestedRange::Whole, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_range_is_never_empty_and_never_outside(header in "(bytes=)?[0-9,a -]{0,24}", length in 1..50u64) {
            if let RequestedRange::Bytes(range) = requested_range(&headers(&[(RANGE, &header)]), TAG, length) {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }
    }
}
