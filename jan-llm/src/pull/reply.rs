//! What a server's reply means for the bytes that are here already. Pure: status and headers in, a decision out.
//!
//! The one danger of going on from the middle is to glue two versions of a file together. So a reply is only appended
//! if the server was told which version is here (`If-Range`), says that it goes on at exactly our length, and names no
//! other version or length than before. Everything else starts over.

use std::time::Duration;

use jan_core::{Error, ErrorKind};
use reqwest::StatusCode;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    LAST_MODIFIED, RETRY_AFTER,
};
use serde::{Deserialize, Serialize};

/// What is here of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// How many bytes.
    pub(super) len: u64,
    /// Of which version they are, if that is known.
    pub(super) version: Option<Version>,
}

/// One version of a file, as a server tells it from others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    /// A strong `ETag`, else `Last-Modified`: what `If-Range` takes.
    pub(super) validator: Option<String>,
    /// How long the whole file is.
    pub(super) total: Option<u64>,
}

impl Held {
    /// The version to ask the rest of, `None` when the file must come from its start.
    pub(super) fn resumable(&self) -> Option<&str> {
        let validator = self.version.as_ref()?.validator.as_deref();
        validator.filter(|_| self.len > 0)
    }

    /// How long the whole file is, if that is known.
    pub(super) fn total(&self) -> Option<u64> {
        self.version.as_ref()?.total
    }
}

/// What to do with the body of a successful reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Append it to what is here.
    GoesOn,
    /// Throw away what is here; the body is this version from its start.
    Anew(Version),
}

/// A try that did not work.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether the next try may do better.
    pub(super) again: bool,
    /// When to make it, if the server said so.
    pub(super) wait: Option<Duration>,
    /// What is here can never be gone on with.
    pub(super) discard: bool,
}

impl Failure {
    pub(super) fn last(error: Error) -> Self {
        Self { error, again: false, wait: None, discard: false }
    }

    pub(super) fn passing(error: Error) -> Self {
        Self { again: true, ..Self::last(error) }
    }

    /// The server and we do not agree on what is here: throw it away and ask again at once.
    fn mixed_up(why: &'static str) -> Self {
        let error = Error::upstream(why).with_code("bad_range");
        Self { wait: Some(Duration::ZERO), discard: true, ..Self::passing(error) }
    }
}

/// Decides about a reply to a request for the rest of what is `held`.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, held: &Held) -> Result<Reply, Failure> {
    let encoding = text(headers, CONTENT_ENCODING).unwrap_or("identity");
    if status.is_success() && !encoding.eq_ignore_ascii_case("identity") {
        let message = format!("The server sends the file packed as `{encoding}`, unasked.");
        return Err(Failure::last(Error::upstream(message)));
    }
    match status {
        StatusCode::OK => Ok(Reply::Anew(Version {
            validator: strong_etag(headers).or(text(headers, LAST_MODIFIED)).map(str::to_owned),
            total: text(headers, CONTENT_LENGTH).and_then(|value| value.parse().ok()),
        })),
        StatusCode::PARTIAL_CONTENT => goes_on(headers, held),
        StatusCode::RANGE_NOT_SATISFIABLE => {
            Err(Failure::mixed_up("The server's file is shorter than what is here."))
        }
        other => Err(refused(other, headers)),
    }
}

fn goes_on(headers: &HeaderMap, held: &Held) -> Result<Reply, Failure> {
    let Some(asked) = held.resumable() else {
        let message = "The server sends a part of the file though the whole was asked for.";
        return Err(Failure::last(Error::upstream(message).with_code("bad_range")));
    };
    let range = text(headers, CONTENT_RANGE).and_then(content_range);
    let fits = range.is_some_and(|(first, total)| {
        let grown = held.total().is_some_and(|known| total.is_some_and(|total| total != known));
        first == held.len && !grown
    });
    if !fits {
        return Err(Failure::mixed_up("The server sends another part of the file than was asked for."));
    }
    // Some servers do not know `If-Range` and tell the new version only here.
    let tells = if asked.starts_with('"') { strong_etag(headers) } else { text(headers, LAST_MODIFIED) };
    if tells.is_some_and(|tells| tells != asked) {
        return Err(Failure::mixed_up("The file changed on the server."));
    }
    Ok(Reply::GoesOn)
}

/// `bytes 100-199/200` or `bytes 100-199/*`: where it begins, how long the whole is.
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
            Failure::last(Error::upstream(message).with_code("pull_forbidden"))
        }
        404 | 410 => Failure::last(Error::not_found(format!("The server has no such file (HTTP {code})."))),
        408 | 425 | 429 | 500 | 502 | 503 | 504 => {
            let error = Error::upstream(format!("The server cannot send the file now (HTTP {code})."));
            let wait = text(headers, RETRY_AFTER).and_then(|value| value.trim().parse().ok());
            Failure { wait: wait.map(Duration::from_secs), ..Failure::passing(error) }
        }
        _ => {
            Failure::last(Error::upstream(format!("The server answers with HTTP {code} instead of a file.")))
        }
    }
}

/// The error that a body is no model, and what it calls itself instead.
pub(super) fn no_model(why: &str, kind: Option<&str>) -> Error {
    let kind = kind.map_or(String::new(), |kind| format!(" It calls itself `{kind}`."));
    let message = format!("What the server sends is no GGUF model that can be read: it {why}.{kind}");
    Error::new(ErrorKind::Upstream, message).with_code("not_a_model")
}

/// What a body calls itself, where that says more than "bytes".
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

    fn held(len: u64, validator: &str, total: u64) -> Held {
        Held { len, version: Some(Version { validator: Some(validator.into()), total: Some(total) }) }
    }

    #[test]
    fn a_part_is_appended_only_if_version_place_and_length_agree() {
        let here = held(100, "\"v1\"", 200);
        let ask = |range: &str, etag: &str| {
            read(StatusCode::PARTIAL_CONTENT, &headers(&[(CONTENT_RANGE, range), (ETAG, etag)]), &here)
        };
        assert_eq!(ask("bytes 100-199/200", "\"v1\"").unwrap(), Reply::GoesOn);
        assert_eq!(ask("bytes 100-199/*", "W/\"v1\"").unwrap(), Reply::GoesOn);
        for (range, etag) in [
            ("bytes 100-199/200", "\"v2\""),
            ("bytes 99-199/200", "\"v1\""),
            ("bytes 100-299/300", "\"v1\""),
            ("bytes 100-200/200", "\"v1\""),
            ("lines 100-199/200", "\"v1\""),
            ("", "\"v1\""),
        ] {
            let failure = ask(range, etag).unwrap_err();
            assert!(failure.again && failure.discard, "{range} {etag}");
        }
    }

    #[test]
    fn a_whole_body_replaces_what_is_here() {
        let headers = headers(&[(CONTENT_LENGTH, "7"), (ETAG, "W/\"weak\""), (LAST_MODIFIED, "then")]);
        let version = Version { validator: Some("then".into()), total: Some(7) };
        assert_eq!(read(StatusCode::OK, &headers, &held(3, "\"v1\"", 9)).unwrap(), Reply::Anew(version));
    }

    #[test]
    fn only_a_named_version_is_gone_on_with() {
        assert_eq!(held(5, "\"v1\"", 9).resumable(), Some("\"v1\""));
        assert_eq!(held(0, "\"v1\"", 9).resumable(), None);
        assert_eq!(Held { len: 5, version: None }.resumable(), None);
    }

    #[test]
    fn refusals_say_whether_to_come_back_and_when() {
        let busy = read(StatusCode::SERVICE_UNAVAILABLE, &headers(&[(RETRY_AFTER, "7")]), &Held::default());
        let busy = busy.unwrap_err();
        assert_eq!((busy.again, busy.wait), (true, Some(Duration::from_secs(7))));
        let gone = read(StatusCode::NOT_FOUND, &HeaderMap::new(), &Held::default()).unwrap_err();
        assert_eq!((gone.again, gone.error.kind()), (false, ErrorKind::NotFound));
        let packed = headers(&[(CONTENT_ENCODING, "gzip")]);
        assert!(!read(StatusCode::OK, &packed, &Held::default()).unwrap_err().again);
    }
}
