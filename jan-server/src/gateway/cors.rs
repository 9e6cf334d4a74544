//! CORS: which web pages may call the API from a browser.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jan_core::{Error, Result};

use super::hosts::{host_name, is_local};
use crate::http::body::Body;

/// The headers that a preflight reply allows when the browser does not list those that it is going to send.
const DEFAULT_HEADERS: &str = "Authorization, Content-Type, X-API-Key, Idempotency-Key, X-Request-Id, Mcp-Session-Id, \
                             mcp-protocol-version, Accept, X-Conversation-Id, X-Tool-Call-Id";
/// The longest list of requested headers, in bytes, that is returned as allowed.
const MAX_HEADER_LIST: usize = 4096;
const EXPOSED_HEADERS: &str = "X-Request-Id, X-Auth-Method, X-Conversation-Id, X-Applied-Prompt-Modules, \
                               Idempotent-Replayed, ETag, Content-Range, Retry-After, retry-after-ms, x-should-retry, \
                               X-RateLimit-Limit-Minute, X-RateLimit-Remaining-Minute, RateLimit-Limit, \
                               RateLimit-Remaining, RateLimit-Reset";

/// The origins that may call: those that are listed, or pages served from this computer if none are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cors {
    origins: Vec<String>,
    /// Whether `*` is listed.
    any: bool,
    /// The origin of the server's public URL. Its pages may always call.
    own: Option<String>,
}

/// How a page is allowed to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// Its origin is listed.
    ByName,
    /// Only by `*`.
    ByWildcard,
}

impl Cors {
    /// `origins` are written as browsers send them (`https://chat.example`); `*` allows every page.
    ///
    /// # Errors
    /// As [`origin`].
    pub(crate) fn new(origins: &[String]) -> Result<Self> {
        let any = origins.iter().any(|listed| listed == "*");
        let named = origins.iter().filter(|listed| *listed != "*");
        Ok(Self { origins: named.map(|listed| origin(listed)).collect::<Result<_>>()?, any, own: None })
    }

    /// Also allows the pages under the server's public URL.
    pub(crate) fn and_own(mut self, public: Option<&http::Uri>) -> Self {
        let own = public.and_then(|url| Some(format!("{}://{}", url.scheme_str()?, url.authority()?)));
        self.own = own.and_then(|own| origin(&own).ok());
        self
    }

    fn allowed(&self, page: &HeaderValue) -> Option<Allowed> {
        let page = page.to_str().ok()?;
        let named = match (self.any, self.origins.is_empty()) {
            (false, true) => page.split_once("://").is_some_and(|(_, host)| is_local(host_name(host))),
            _ => self.origins.iter().any(|known| known.eq_ignore_ascii_case(page)),
        };
        let own = self.own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(page));
        if named || own { Some(Allowed::ByName) } else { self.any.then_some(Allowed::ByWildcard) }
    }

    /// Whether a page of this origin may call.
    pub(crate) fn allows(&self, page: &HeaderValue) -> bool {
        self.allowed(page).is_some()
    }

    /// Whether a page of this origin is allowed by name, and not only by `*`.
    pub(crate) fn lists(&self, page: &HeaderValue) -> bool {
        self.allowed(page) == Some(Allowed::ByName)
    }

    /// Adds the headers that let the page read the reply, if it may call. Only a page that is allowed by name may send
    /// credentials that the browser holds for this server (cookies, passwords).
    pub(crate) fn add_headers(&self, request: &HeaderMap, reply: &mut HeaderMap) {
        let Some(page) = request.get(ORIGIN) else { return };
        reply.append(VARY, HeaderValue::from_static("Origin"));
        match self.allowed(page) {
            None => return,
            Some(Allowed::ByWildcard) => {
                reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Some(Allowed::ByName) => {
                reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page.clone());
                reply.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
        }
        reply.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }

    /// The reply to a preflight request for a route with these methods. A page that may call may send every header that
    /// it asks for: the headers that clients send change with their versions, and none of them grants access to
    /// anything.
    pub(crate) fn preflight(&self, request: &HeaderMap, methods: &str) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if !request.get(ORIGIN).is_some_and(|page| self.allows(page)) {
            return response;
        }
        let headers = response.headers_mut();
        if let Ok(methods) = HeaderValue::from_str(methods) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        let requested = request.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|list| is_list(list.as_bytes()));
        let allowed = requested.cloned().unwrap_or(HeaderValue::from_static(DEFAULT_HEADERS));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
        headers.insert(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        response
    }
}

/// Whether this is a list of header names.
fn is_list(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~, ".contains(byte);
    (1..=MAX_HEADER_LIST).contains(&text.len()) && text.iter().all(fits)
}

/// The origin in the form that browsers send: lower case, without a trailing slash, and without the port if it is the
/// default of the scheme.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] for text that is not an origin: without a scheme, with a path, or a pattern.
pub fn origin(text: &str) -> Result<String> {
    let wrong = || {
        let message = format!(
            "`{text}` is not an origin. One looks like `https://chat.example` or `http://localhost:3000`: a scheme, a host, \
             and the port if it is not the usual one, without a path; `*` stands for all."
        );
        Error::invalid("cors.origins", message)
    };
    let lower = text.trim().to_ascii_lowercase();
    let (scheme, host) = lower.split_once("://").ok_or_else(wrong)?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let host = match scheme {
        "http" => host.strip_suffix(":80").unwrap_or(host),
        "https" => host.strip_suffix(":443").unwrap_or(host),
        _ => host,
    };
    let scheme_fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let host_fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let fits = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(scheme_fits)
        && !host_name(host).is_empty()
        && host.bytes().all(host_fits)
        && host.parse::<http::uri::Authority>().is_ok();
    if fits { Ok(format!("{scheme}://{host}")) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors::new(&origins.iter().map(|&origin| origin.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn allows(cors: &Cors, origin: &str) -> bool {
        cors.allows(&HeaderValue::from_str(origin).unwrap())
    }

    #[test]
    fn only_local_pages_may_call_unless_others_are_listed() {
        let local = Cors::default();
        for good in
            ["http://localhost:3000", "http://127.0.0.1", "https://app.localhost", "http://[::1]:5173"]
        {
            assert!(allows(&local, good), "{good}");
        }
        for bad in [
            "https://evil.example",
            "null",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example:80",
            "http://evil.example:127.0.0.1",
        ] {
            assert!(!allows(&local, bad), "{bad}");
        }
        let listed = cors(&["https://chat.example"]);
        assert!(allows(&listed, "https://chat.example") && !allows(&listed, "http://localhost:3000"));
    }

    #[test]
    fn origins_are_normalised_to_the_form_that_browsers_send() {
        for (written, sent) in [
            ("https://Chat.Example/", "https://chat.example"),
            ("HTTPS://chat.example:443", "https://chat.example"),
            ("http://localhost:80/", "http://localhost"),
            ("http://localhost:3000", "http://localhost:3000"),
            (" https://chat.example ", "https://chat.example"),
            ("tauri://localhost", "tauri://localhost"),
            ("http://[::1]:5173", "http://[::1]:5173"),
        ] {
            assert_eq!(origin(written).unwrap(), sent);
            assert!(allows(&cors(&[written]), sent));
        }
        for wrong in [
            "chat.example",
            "localhost:3000",
            "https://chat.example/app",
            "https://",
            "https:///",
            "//chat.example",
            "https://*.example",
            "https://me@chat.example",
            "https://chat.example?x",
            "https://a b",
            "",
            "null",
            "https://ä.example",
        ] {
            let error = origin(wrong).unwrap_err();
            assert!(error.param() == Some("cors.origins") && error.message().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_wildcard_allows_every_page_but_no_stored_credentials() {
        let (both, mut request) = (cors(&["*", "https://chat.example"]), HeaderMap::new());
        let mut cors_headers = |page: &'static str| {
            request.insert(ORIGIN, HeaderValue::from_static(page));
            let mut reply = HeaderMap::new();
            both.add_headers(&request, &mut reply);
            let text = |name| reply.get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
            (text(ACCESS_CONTROL_ALLOW_ORIGIN), text(ACCESS_CONTROL_ALLOW_CREDENTIALS))
        };
        assert_eq!(cors_headers("https://any.example"), (Some("*".into()), None));
        assert_eq!(
            cors_headers("https://chat.example"),
            (Some("https://chat.example".into()), Some("true".into()))
        );
    }
}
