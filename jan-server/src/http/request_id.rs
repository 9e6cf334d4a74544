//! The id of a request, in its reply, in errors and in the log.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use jan_core::id;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

/// A request's id: the one that the client sent if it is valid, else a new one.
#[derive(Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).filter(|value| is_valid(value.as_bytes()));
        Self(given.cloned().unwrap_or_else(generate))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// A new id: a random part for this process, then a counter. Request ids must be unique, but need not be hard to guess,
/// and reading random bytes would cost every request a system call.
fn generate() -> HeaderValue {
    static PROCESS: LazyLock<String> = LazyLock::new(|| id::random("req_", 10));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    HeaderValue::try_from(format!("{}{count:06x}", *PROCESS))
        .unwrap_or(HeaderValue::from_static("req_unknown"))
}

/// Letters, digits and the few characters that ids contain: nothing that could split a log line.
fn is_valid(bytes: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=MAX_LENGTH).contains(&bytes.len()) && bytes.iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_id_is_kept_and_any_other_is_replaced() {
        let id_of = |given: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_bytes(given.as_bytes()).unwrap());
            RequestId::of(&headers).as_str().to_owned()
        };
        assert_eq!(id_of("4e1f-77:a"), "4e1f-77:a");
        for bad in ["", "a b", "ä", &"x".repeat(129), "<script>"] {
            assert!(id_of(bad).starts_with("req_"), "{bad}");
        }
    }
}
