//! Checks of an HTTP/1 request's head, beyond those of hyper (RFC 9112, 3.2 and 6.1). When this server is mounted in
//! another, that server has checked the head.

use std::net::Ipv6Addr;

use http::header::{EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Version};
use jan_core::{Error, Result};

/// Refuses a request that names no host or several, or whose body has a transfer coding that this server does not know.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the header.
pub(super) fn check<B>(request: &Request<B>) -> Result<()> {
    let headers = request.headers();
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => {
            return Err(Error::invalid("Host", "An HTTP/1.1 request needs a `Host` header."));
        }
        (None, _) => {}
        (Some(_), Some(_)) => return Err(Error::invalid("Host", "There is more than one `Host` header.")),
        (Some(host), None) if !is_host(host) => {
            return Err(Error::invalid("Host", "The `Host` header is not a name or an address, and a port."));
        }
        (Some(_), None) => {}
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Error::invalid(
            "Transfer-Encoding",
            "The only transfer coding that is known here is `chunked`.",
        )
        .with_code("unknown_transfer_coding")),
    }
}

/// Whether the client waits for `100 Continue` before it sends the body.
pub(super) fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|expects| expects.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// `name`, `name:port`, `[address]:port`.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok_and(|_| !port.starts_with('+'));
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = if rest.is_empty() { Some("") } else { rest.strip_prefix(':') };
        return address.parse::<Ipv6Addr>().is_ok() && port.is_some_and(is_port);
    }
    let (name, port) = text.split_once(':').unwrap_or((text, ""));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&byte);
    !name.is_empty() && name.bytes().all(fits) && is_port(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Result<()> {
        let mut request = Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        check(&request)
    }

    #[test]
    fn the_host_header_is_one_name_or_address() {
        for good in
            ["localhost", "a.example:8000", "127.0.0.1:1", "[::1]:8000", "[::1]", "a:", "xn--ls8h.example"]
        {
            assert!(request(&[("host", good)]).is_ok(), "{good}");
        }
        for bad in [
            "", " ", "a b", "a/b", "a,b", "me@a", "a:b", "a:99999", "http://a", "a:1:2", "::1", "[::1",
            "[::1]x", "a?b",
        ] {
            assert_eq!(request(&[("host", bad)]).unwrap_err().param(), Some("Host"), "{bad}");
        }
        assert!(request(&[]).is_err() && request(&[("host", "a"), ("host", "a")]).is_err());
        let mut old = Request::new(());
        *old.version_mut() = Version::HTTP_10;
        assert!(check(&old).is_ok());
    }

    #[test]
    fn chunked_is_the_only_accepted_transfer_coding() {
        let coded = |codings: &[&str]| {
            let headers: Vec<_> = codings.iter().map(|coding| ("transfer-encoding", *coding)).collect();
            request(&[&[("host", "a")], &headers[..]].concat())
        };
        assert!(coded(&["chunked"]).is_ok() && coded(&["Chunked"]).is_ok());
        for bad in
            [&["gzip, chunked"][..], &["gzip"], &["chunked", "chunked"], &["gzip", "chunked"], &["identity"]]
        {
            assert_eq!(coded(bad).unwrap_err().code(), "unknown_transfer_coding", "{bad:?}");
        }
    }
}
