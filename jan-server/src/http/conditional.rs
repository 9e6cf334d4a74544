//! What a client has already, and which part of the rest it wants: `If-None-Match`, `Range`, `If-Range` (RFC 9110).

use std::ops::Range;

use http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, Response, StatusCode};

use super::body::Body;

/// Which part of something is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// These bytes, at least one and none that it does not have.
    Bytes(Range<u64>),
    /// Bytes that it does not have.
    Outside,
}

/// Whether the client says that it has what `tag` (`"…"`, without `W/`) stands for.
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let mut known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|known| known.to_str().ok());
    known.any(|known| {
        known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    })
}

/// The reply to whoever has it.
pub(crate) fn not_modified() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

/// The part of `length` bytes, now called `tag`, that is wanted. Several parts at once are answered with the whole, which
/// the standard leaves to us, and so is a range that cannot be read, or of what is another thing by now.
pub(crate) fn part(headers: &HeaderMap, tag: &str, length: u64) -> Part {
    let Some(range) = only(headers, RANGE) else { return Part::Whole };
    if headers.contains_key(IF_RANGE) && only(headers, IF_RANGE) != Some(tag) {
        return Part::Whole;
    }
    let Ok(parsed) = http_range_header::parse_range_header(range) else { return Part::Whole };
    if parsed.len() != 1 {
        return Part::Whole;
    }
    match parsed.validate(length).ok().as_deref() {
        Some([range]) if *range.end() < length => Part::Bytes(*range.start()..range.end().saturating_add(1)),
        _ => Part::Outside,
    }
}

/// The value of a header that is there once.
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

    fn asked(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_is_known_is_seen_in_every_spelling() {
        for known in [TAG, "W/\"abc\"", "\"x\", \"abc\"", "*", "\"x\",W/\"abc\" "] {
            assert!(is_known(&asked(&[(IF_NONE_MATCH, known)]), TAG), "{known}");
        }
        for other in ["\"x\"", "abc", "", "w/\"abc\"", "\"abc"] {
            assert!(!is_known(&asked(&[(IF_NONE_MATCH, other)]), TAG), "{other}");
        }
        assert!(!is_known(&HeaderMap::new(), TAG));
    }

    #[test]
    fn a_range_is_what_the_standard_says() {
        use Part::{Bytes, Outside, Whole};
        for (range, wanted) in [
            ("bytes=0-4", Bytes(0..5)),
            ("bytes=5-", Bytes(5..10)),
            ("bytes=-3", Bytes(7..10)),
            ("bytes=-30", Bytes(0..10)),
            ("bytes=9-100", Bytes(9..10)),
            ("BYTES=0-0", Bytes(0..1)),
            ("bytes=10-", Outside),
            ("bytes=10-20", Outside),
            ("bytes=-0", Outside),
            ("bytes=0-1,3-4", Whole),
            ("bytes=4-1", Whole),
            ("bytes=", Whole),
            ("bytes=a-b", Whole),
            ("lines=0-4", Whole),
            ("0-4", Whole),
        ] {
            assert_eq!(part(&asked(&[(RANGE, range)]), TAG, 10), wanted, "{range}");
        }
    }

    #[test]
    fn a_range_of_something_else_is_the_whole() {
        let with = |condition: &str| part(&asked(&[(RANGE, "bytes=0-4"), (IF_RANGE, condition)]), TAG, 10);
        assert_eq!(with(TAG), Part::Bytes(0..5));
        for other in ["\"x\"", "W/\"abc\"", "Wed, 21 Oct 2015 07:28:00 GMT", ""] {
            assert_eq!(with(other), Part::Whole, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_never_outside(range in "(bytes=)?[0-9,a -]{0,24}", length in 1..50u64) {
            if let Part::Bytes(part) = part(&asked(&[(RANGE, &range)]), TAG, length) {
                prop_assert!(part.start < part.end && part.end <= length);
            }
        }
    }
}
