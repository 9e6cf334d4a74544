//! Which web pages may call the API from a browser.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::http::body::Body;

const ALLOWED_HEADERS: &str = "Authorization, Content-Type, X-API-Key, Idempotency-Key, X-Request-Id, Mcp-Session-Id, \
                               mcp-protocol-version, Accept";
const EXPOSED_HEADERS: &str = "X-Request-Id, X-Auth-Method, X-Conversation-Id, X-Applied-Prompt-Modules, \
                               Idempotent-Replayed, ETag, Content-Range, Retry-After, retry-after-ms, x-should-retry, \
                               X-RateLimit-Limit-Minute, X-RateLimit-Remaining-Minute";

/// The origins that may call: those listed, or pages served from this very computer when none are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cors {
    origins: Vec<String>,
}

impl Cors {
    /// `origins` as a browser writes them (`https://chat.example`); `*` lets every page call.
    pub(crate) fn new(origins: Vec<String>) -> Self {
        Self { origins }
    }

    fn allows(&self, origin: &str) -> bool {
        if self.origins.is_empty() {
            return is_local(origin);
        }
        self.origins.iter().any(|known| known == "*" || known == origin)
    }

    /// Marks a reply as readable by the page that asked, if it may.
    pub(crate) fn mark(&self, request: &HeaderMap, reply: &mut HeaderMap) {
        let Some(origin) = request.get(ORIGIN) else { return };
        reply.append(VARY, HeaderValue::from_static("Origin"));
        if origin.to_str().is_ok_and(|origin| self.allows(origin)) {
            reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            reply.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            reply.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        }
    }

    /// The answer to a browser that asks before it calls a route with these methods.
    pub(crate) fn preflight(&self, methods: &str) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        if let Ok(methods) = HeaderValue::from_str(methods) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
        response
    }
}

fn is_local(origin: &str) -> bool {
    let Some((_, host)) = origin.split_once("://") else { return false };
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    matches!(name, "localhost" | "127.0.0.1" | "[::1]") || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_pages_may_call_unless_others_are_listed() {
        let open = Cors::default();
        for good in
            ["http://localhost:3000", "http://127.0.0.1", "https://app.localhost", "http://[::1]:5173"]
        {
            assert!(open.allows(good), "{good}");
        }
        for bad in [
            "https://evil.example",
            "null",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example:80",
        ] {
            assert!(!open.allows(bad), "{bad}");
        }
        let listed = Cors::new(vec!["https://chat.example".into()]);
        assert!(listed.allows("https://chat.example") && !listed.allows("http://localhost:3000"));
    }
}
