//! The id by which a caller and our log speak of the same request.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use jan_core::id;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 128;

/// A request's id: the caller's own if it is sane, else a new one.
#[derive(Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).filter(|value| is_sane(value.as_bytes()));
        Self(given.cloned().unwrap_or_else(made))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// A new id: random for this process, then counted. It only has to be found again, not to be hard to guess, and asking the
/// system for randomness would cost every request a system call.
fn made() -> HeaderValue {
    static PROCESS: LazyLock<String> = LazyLock::new(|| id::random("req_", 10));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    HeaderValue::try_from(format!("{}{count:06x}", *PROCESS))
        .unwrap_or(HeaderValue::from_static("req_unknown"))
}

/// Letters, digits and the few signs that ids are made of: nothing that could break a log line apart.
fn is_sane(bytes: &[u8]) -> bool {
    let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(sane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_any_other_is_replaced() {
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
