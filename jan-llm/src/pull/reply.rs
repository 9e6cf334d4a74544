//! Decides from the status and headers of a reply whether its body continues the bytes that were received before. No
//! I/O.
//!
//! Resuming must never combine the bytes of two versions of a file. So a body is appended only if the request named the
//! version (`If-Range`), the reply begins exactly at the received length, and it states no other version or total
//! length than before. Otherwise the download starts over.

use std::time::Duration;

use jan_core::{Error, ErrorKind};
use reqwest::StatusCode;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    LAST_MODIFIED, RETRY_AFTER,
};
use serde::{Deserialize, Serialize};

/// The bytes that were received before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// The number of bytes.
    pub(super) len: u64,
    /// The version of the file to which they belong, if the server stated one.
    pub(super) version: Option<Version>,
}

/// One version of a file on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    /// The value for `If-Range`: a strong `ETag`, or else `Last-Modified`.
    pub(super) validator: Option<String>,
    /// The size of the complete file in bytes.
    pub(super) total: Option<u64>,
}

impl Received {
    /// The validator with which the rest can be requested; `None` when the download must begin at the start.
    pub(super) fn resumable(&self) -> Option<&str> {
        let validator = self.version.as_ref()?.validator.as_deref();
        validator.filter(|_| self.len > 0)
    }

    /// The size of the complete file in bytes, if it is known.
    pub(super) fn total(&self) -> Option<u64> {
        self.version.as_ref()?.total
    }
}

/// What to do with the body of a successful reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Append it to the received bytes.
    Continues,
    /// Delete the received bytes; the body is this version from its start.
    StartsOver(Version),
}

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether a retry may succeed.
    pub(super) retry: bool,
    /// The wait before the retry, if the server stated one.
    pub(super) wait: Option<Duration>,
    /// Whether the received bytes must be deleted because they cannot be resumed.
    pub(super) discard: bool,
}

impl Failure {
    pub(super) fn permanent(error: Error) -> Self {
        Self { error, retry: false, wait: None, discard: false }
    }

    pub(super) fn temporary(error: Error) -> Self {
        Self { retry: true, ..Self::permanent(error) }
    }

    /// The reply does not fit the received bytes: delete them and retry immediately.
    fn mismatch(why: &'static str) -> Self {
        let error = Error::upstream(why).with_code("bad_range");
        Self { wait: Some(Duration::ZERO), discard: true, ..Self::temporary(error) }
    }
}

/// Decides about the reply to a request for the bytes after `received`.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, received: &Received) -> Result<Reply, Failure> {
    let encoding = text(headers, CONTENT_ENCODING).unwrap_or("identity");
    if status.is_success() && !encoding.eq_ignore_ascii_case("identity") {
        let message = format!("The server sends the file packed as `{encoding}`, unasked.");
        return Err(Failure::permanent(Error::upstream(message)));
    }
    match status {
        StatusCode::OK => Ok(Reply::StartsOver(Version {
            validator: strong_etag(headers).or(text(headers, LAST_MODIFIED)).map(str::to_owned),
            total: text(headers, CONTENT_LENGTH).and_then(|value| value.parse().ok()),
        })),
        StatusCode::PARTIAL_CONTENT => continuation(headers, received),
        StatusCode::RANGE_NOT_SATISFIABLE => {
            Err(Failure::mismatch("The server's file is shorter than what is here."))
        }
        other => Err(refused(other, headers)),
    }
}

fn continuation(headers: &HeaderMap, received: &Received) -> Result<Reply, Failure> {
    let Some(validator) = received.resumable() else {
        let message = "The server sends a part of the file though the whole was asked for.";
        return Err(Failure::permanent(Error::upstream(message).with_code("bad_range")));
    };
    let range = text(headers, CONTENT_RANGE).and_then(content_range);
    let fits = range.is_some_and(|(first, total)| {
        let grown = received.total().is_some_and(|known| total.is_some_and(|total| total != known));
        first == received.len && !grown
    });
    if !fits {
        return Err(Failure::mismatch("The server sends another part of the file than was asked for."));
    }
    // Some servers ignore `If-Range`, so a new version is detected only by its validator.
    let stated = if validator.starts_with('"') { strong_etag(headers) } else { text(headers, LAST_MODIFIED) };
    if stated.is_some_and(|stated| stated != validator) {
        return Err(Failure::mismatch("The file changed on the server."));
    }
    Ok(Reply::Continues)
}

/// Parses `bytes 100-199/200` or `bytes 100-199/*` to the first position and the total length.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim().parse::<u64>().ok()?, last.trim().parse::<u64>().ok()?);
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, total))
}

fn refused(status: StatusCode, headers: &HeaderMap) -> Failure {
    let code = status.as_u16();
    match code {
        401 | 403 => {
            let message = format!("The server does not give this file to everybody (HTTP {code}).");
            Failure::permanent(Error::upstream(message).with_code("pull_forbidden"))
        }
        404 | 410 => {
            Failure::permanent(Error::not_found(format!("The server has no such file (HTTP {code}).")))
        }
        408 | 425 | 429 | 500 | 502 | 503 | 504 => {
            let error = Error::upstream(format!("The server cannot send the file now (HTTP {code})."));
            let wait = text(headers, RETRY_AFTER).and_then(|value| value.trim().parse().ok());
            Failure { wait: wait.map(Duration::from_secs), ..Failure::temporary(error) }
        }
        _ => Failure::permanent(Error::upstream(format!(
            "The server answers with HTTP {code} instead of a file."
        ))),
    }
}

/// The error for a body that is not a model, with the content type that the server stated.
pub(super) fn not_a_model(why: &str, kind: Option<&str>) -> Error {
    let kind = kind.map_or(String::new(), |kind| format!(" It calls itself `{kind}`."));
    let message = format!("What the server sends is no GGUF model that can be read: it {why}.{kind}");
    Error::new(ErrorKind::Upstream, message).with_code("not_a_model")
}

/// The content type of a body, unless it is just `application/octet-stream`.
pub(super) fn kind(headers: &HeaderMap) -> Option<&str> {
    text(headers, CONTENT_TYPE).filter(|kind| !kind.contains("octet-stream"))
}

fn strong_etag(headers: &HeaderMap) -> Option<&str> {
    text(headers, ETAG).filter(|etag| etag.starts_with('"'))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn received(len: u64, validator: &str, total: u64) -> Received {
        Received { len, version: Some(Version { validator: Some(validator.into()), total: Some(total) }) }
    }

    #[test]
    fn a_part_is_appended_only_if_version_position_and_length_match() {
        let here = received(100, "\"v1\"", 200);
        let ask = |range: &str, etag: &str| {
            read(StatusCode::PARTIAL_CONTENT, &headers(&[(CONTENT_RANGE, range), (ETAG, etag)]), &here)
        };
        assert_eq!(ask("bytes 100-199/200", "\"v1\"").unwrap(), Reply::Continues);
        assert_eq!(ask("bytes 100-199/*", "W/\"v1\"").unwrap(), Reply::Continues);
        for (range, etag) in [
            ("bytes 100-199/200", "\"v2\""),
            ("bytes 99-199/200", "\"v1\""),
            ("bytes 100-299/300", "\"v1\""),
            ("bytes 100-200/200", "\"v1\""),
            ("lines 100-199/200", "\"v1\""),
            ("", "\"v1\""),
        ] {
            let failure = ask(range, etag).unwrap_err();
            assert!(failure.retry && failure.discard, "{range} {etag}");
        }
    }

    #[test]
    fn a_whole_body_replaces_the_received_bytes() {
        let headers = headers(&[(CONTENT_LENGTH, "7"), (ETAG, "W/\"weak\""), (LAST_MODIFIED, "then")]);
        let version = Version { validator: Some("then".into()), total: Some(7) };
        assert_eq!(
            read(StatusCode::OK, &headers, &received(3, "\"v1\"", 9)).unwrap(),
            Reply::StartsOver(version)
        );
    }

    #[test]
    fn only_bytes_of_a_known_version_are_resumed() {
        assert_eq!(received(5, "\"v1\"", 9).resumable(), Some("\"v1\""));
        assert_eq!(received(0, "\"v1\"", 9).resumable(), None);
        assert_eq!(Received { len: 5, version: None }.resumable(), None);
    }

    #[test]
    fn an_error_status_decides_whether_and_when_to_retry() {
        let busy =
            read(StatusCode::SERVICE_UNAVAILABLE, &headers(&[(RETRY_AFTER, "7")]), &Received::default());
        let busy = busy.unwrap_err();
        assert_eq!((busy.retry, busy.wait), (true, Some(Duration::from_secs(7))));
        let gone = read(StatusCode::NOT_FOUND, &HeaderMap::new(), &Received::default()).unwrap_err();
        assert_eq!((gone.retry, gone.error.kind()), (false, ErrorKind::NotFound));
        let packed = headers(&[(CONTENT_ENCODING, "gzip")]);
        assert!(!read(StatusCode::OK, &packed, &Received::default()).unwrap_err().retry);
    }
}
