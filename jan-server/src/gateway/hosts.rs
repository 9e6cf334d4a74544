//! Protects a server that needs no credential against web pages that its user visits. A page can make its own host name
//! resolve to this computer and then read the replies (DNS rebinding), and it can send requests whose replies it cannot
//! read. So the server answers only under its own host names, and changes nothing for a page that may not call.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderValue, Method};
use jan_core::{Error, ErrorKind, Result};

/// The host names that a server answers for: what the `Host` header of a request may contain.
///
/// Default for a server that accepts callers without a credential ([`crate::AllowAll`]): [`Hosts::local`]. Default for
/// any other server: [`Hosts::any`]. Set by [`crate::ServerBuilder::hosts`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Option<HostList>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct HostList {
    names: Vec<String>,
    addresses: bool,
}

impl Hosts {
    /// Every host name, for every page that can reach the server. Use it where each caller sends a credential that
    /// other web pages do not have, or where an application in front of the server checks hosts itself.
    pub fn any() -> Self {
        Self(None)
    }

    /// The names and addresses of this computer, and the host of the public URL if there is one. Also refuses a request
    /// that changes something, if it comes from a page that CORS does not allow and that has another host.
    pub fn local() -> Self {
        Self(Some(HostList::default()))
    }

    /// Adds a host name (`chat.example`). Does nothing after [`Hosts::any`].
    #[must_use]
    pub fn and(mut self, name: impl Into<String>) -> Self {
        if let Some(list) = &mut self.0 {
            list.names.push(name.into());
        }
        self
    }

    /// Adds every numeric IP address (`192.168.1.5`), for a server that other machines can reach. This is safe: a page
    /// cannot make a numeric address resolve to another machine.
    #[must_use]
    pub fn and_addresses(mut self) -> Self {
        if let Some(list) = &mut self.0 {
            list.addresses = true;
        }
        self
    }

    /// Refuses a request for a host name that is not this server's, and a request that changes something for a page
    /// that neither `is_allowed` accepts nor has the same host.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`] with the host name, and the settings that would allow it.
    pub(crate) fn check(&self, head: &Parts, is_allowed: impl Fn(&HeaderValue) -> bool) -> Result<()> {
        let Some(list) = &self.0 else { return Ok(()) };
        // HTTP/2 has the host in the URI, HTTP/1 in a header. A request without a host does not come from a browser.
        let host = head.headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        for authority in host.iter().chain(&authority) {
            if !list.has(host_name(authority)) {
                let message = format!(
                    "This server answers only under its own names, so that web pages cannot use it, and `{}` is not among them. If it \
                     should be, list it in `auth.hosts`, set `public_url`, or say so with `ServerBuilder::hosts`.",
                    host_name(authority)
                );
                return Err(Error::new(ErrorKind::Forbidden, message).with_code("host_not_allowed"));
            }
        }
        check_origin(head, is_allowed)
    }
}

/// Refuses a request that changes something for a page that neither has the same host nor is accepted by `is_allowed`.
///
/// # Errors
/// [`ErrorKind::Forbidden`].
pub(crate) fn check_origin(head: &Parts, is_allowed: impl Fn(&HeaderValue) -> bool) -> Result<()> {
    let Some(page) = head.headers.get(ORIGIN).filter(|_| changes(&head.method)) else { return Ok(()) };
    let host = head.headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    let host = host.or(head.uri.authority().map(http::uri::Authority::as_str));
    if is_allowed(page) || host.is_some_and(|host| is_page_of(page, host)) {
        return Ok(());
    }
    let message = "This page may not call: its origin is not among `cors.origins`.";
    Err(Error::new(ErrorKind::Forbidden, message).with_code("origin_not_allowed"))
}

impl HostList {
    fn has(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        is_local(name)
            || self.addresses && name.parse::<IpAddr>().is_ok()
            || self.names.iter().any(|known| host_name(known).eq_ignore_ascii_case(name))
    }
}

/// Whether requests with this method may change something.
fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the page has this host and port. The scheme may differ: a proxy may accept TLS for this server.
fn is_page_of(page: &HeaderValue, host: &str) -> bool {
    let page = page.to_str().ok().and_then(|page| page.split_once("://"));
    page.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// The name or address without the port, of `name:port` or `[address]:port`.
pub(crate) fn host_name(authority: &str) -> &str {
    if let Some((address, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

/// Whether a name or address always means the computer that uses it: `localhost`, names below it, and loopback
/// addresses.
pub(crate) fn is_local(name: &str) -> bool {
    let is_under =
        |name: &str| name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"));
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => is_under(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::cors::Cors;
    use http::Request;

    fn request(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/v1/models");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn rejection(hosts: &Hosts, head: &Parts) -> Option<String> {
        hosts.check(head, |page| Cors::default().allows(page)).err().map(|error| error.code().to_owned())
    }

    #[test]
    fn requests_are_answered_only_under_the_servers_own_names() {
        let local = Hosts::local().and("chat.example").and("jan:8000");
        for good in [
            "localhost",
            "LOCALHOST:8000",
            "app.localhost",
            "localhost.",
            "127.0.0.1:8000",
            "127.1.2.3",
            "[::1]:8000",
            "[::ffff:127.0.0.1]",
            "chat.example",
            "Chat.Example:443",
            "jan",
            "jan:9000",
        ] {
            assert_eq!(rejection(&local, &request("GET", &[("host", good)])), None, "{good}");
        }
        let others = [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:127.0.0.1",
            "",
            "0.0.0.0",
            "x.chat.example",
        ];
        for bad in others {
            assert_eq!(
                rejection(&local, &request("GET", &[("host", bad)])).as_deref(),
                Some("host_not_allowed"),
                "{bad}"
            );
            assert_eq!(rejection(&Hosts::any(), &request("GET", &[("host", bad)])), None);
        }
        let lan = request("GET", &[("host", "192.168.1.5:8000")]);
        assert!(
            rejection(&local, &lan).is_some() && rejection(&local.clone().and_addresses(), &lan).is_none()
        );
        assert_eq!(rejection(&local, &request("GET", &[])), None);
        let mut http2 = request("GET", &[]);
        http2.uri = "http://evil.example/v1/models".parse().unwrap();
        assert!(rejection(&local, &http2).is_some());
    }

    #[test]
    fn requests_that_change_something_are_refused_for_pages_that_may_not_call() {
        let hosts = Hosts::local().and("chat.example");
        let page =
            |method, host, origin| rejection(&hosts, &request(method, &[("host", host), ("origin", origin)]));
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            for bad in
                ["https://evil.example", "null", "http://localhost.evil.example", "https://evil.chat.example"]
            {
                assert_eq!(
                    page(method, "localhost:8000", bad).as_deref(),
                    Some("origin_not_allowed"),
                    "{bad}"
                );
            }
            assert_eq!(page(method, "localhost:8000", "http://localhost:3000"), None);
            assert_eq!(
                page(method, "chat.example", "https://chat.example"),
                None,
                "a page of this very server"
            );
        }
        assert_eq!(page("GET", "localhost", "https://evil.example"), None, "it cannot read the reply");
        let mounted = request("POST", &[("host", "a.example"), ("origin", "https://b.example")]);
        assert_eq!(rejection(&Hosts::any(), &mounted), None);
    }
}
