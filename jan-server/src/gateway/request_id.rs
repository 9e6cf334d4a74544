//! The id by which a caller and our log speak of the same request.

use http::{HeaderMap, HeaderValue};
use jan_core::id;

pub(crate) const HEADER: &str = "x-request-id";
const LONGEST: usize = 128;

/// A request's id: the caller's own if it is sane, else a new one.
#[derive(Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).filter(|value| is_sane(value.as_bytes()));
        let made = || HeaderValue::try_from(id::short("req_"));
        Self(given.cloned().or_else(|| made().ok()).unwrap_or(HeaderValue::from_static("req_unknown")))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
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
