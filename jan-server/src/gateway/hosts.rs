//! Guards a server that lets everybody in against the web pages that its user visits. A page can make its own name lead to
//! this computer and then read what the server says (DNS rebinding), and it can send requests whose replies it cannot read.
//! So the server answers only under names that are its own, and changes nothing for a page that may not call.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderValue, Method};
use jan_core::{Error, ErrorKind, Result};

/// The hosts that a server answers for: what the `Host` of a request may name.
///
/// A server that lets callers in without a credential ([`crate::AllowAll`]) answers as [`Hosts::local`] unless the builder is
/// told otherwise ([`crate::ServerBuilder::hosts`]); any other answers as [`Hosts::any`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Option<Named>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Named {
    names: Vec<String>,
    addresses: bool,
}

impl Hosts {
    /// Every host, and every page that can reach it. Right where each caller shows a credential that a page of somebody else
    /// does not have, or where a host application checks this itself.
    pub fn any() -> Self {
        Self(None)
    }

    /// The names and addresses of this computer, and of the public URL if there is one. A request that changes something
    /// and comes from a page that CORS does not allow, and that is not of the same host, is refused.
    pub fn local() -> Self {
        Self(Some(Named::default()))
    }

    /// And this name (`chat.example`).
    #[must_use]
    pub fn and(mut self, name: impl Into<String>) -> Self {
        if let Some(named) = &mut self.0 {
            named.names.push(name.into());
        }
        self
    }

    /// And every address in figures (`192.168.1.5`): a page cannot make one lead elsewhere. For a server that listens not only
    /// for its own computer.
    #[must_use]
    pub fn and_addresses(mut self) -> Self {
        if let Some(named) = &mut self.0 {
            named.addresses = true;
        }
        self
    }

    /// Refuses what is asked of a host that is not this server's, or changes something for a page that neither `may` call nor
    /// is of this host.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`] saying which name or page, and where it would be allowed.
    pub(crate) fn admit(&self, head: &Parts, may: impl Fn(&HeaderValue) -> bool) -> Result<()> {
        let Some(named) = &self.0 else { return Ok(()) };
        // HTTP/2 names the host in the URI, HTTP/1 in a header; whoever names none is not a browser.
        let host = head.headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        for asked in host.iter().chain(&authority) {
            if !named.has(name_of(asked)) {
                let message = format!(
                    "This server answers only under its own names, so that web pages cannot use it, and `{}` is not among them. If it \
                     should be, list it in `auth.hosts`, set `public_url`, or say so with `ServerBuilder::hosts`.",
                    name_of(asked)
                );
                return Err(Error::new(ErrorKind::Forbidden, message).with_code("host_not_allowed"));
            }
        }
        admit_page(head, may)
    }
}

/// Refuses a request that changes something for a page that is neither of this host nor one that `may` call.
///
/// # Errors
/// [`ErrorKind::Forbidden`].
pub(crate) fn admit_page(head: &Parts, may: impl Fn(&HeaderValue) -> bool) -> Result<()> {
    let Some(page) = head.headers.get(ORIGIN).filter(|_| changes(&head.method)) else { return Ok(()) };
    let host = head.headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    let host = host.or(head.uri.authority().map(http::uri::Authority::as_str));
    if may(page) || host.is_some_and(|host| is_page_of(page, host)) {
        return Ok(());
    }
    let message = "This page may not call: its origin is not among `cors.origins`.";
    Err(Error::new(ErrorKind::Forbidden, message).with_code("origin_not_allowed"))
}

impl Named {
    fn has(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        is_local(name)
            || self.addresses && name.parse::<IpAddr>().is_ok()
            || self.names.iter().any(|known| name_of(known).eq_ignore_ascii_case(name))
    }
}

/// Whether a method may change something.
fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a page came from this host and port. The scheme may differ: whoever speaks TLS for this server takes it off.
fn is_page_of(page: &HeaderValue, host: &str) -> bool {
    let page = page.to_str().ok().and_then(|page| page.split_once("://"));
    page.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// The name or address in `name:port`, `[address]:port`.
pub(crate) fn name_of(authority: &str) -> &str {
    if let Some((address, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

/// Whether a name or address is this computer's, whoever asks for it.
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

    fn asked(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/v1/models");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn refused(hosts: &Hosts, head: &Parts) -> Option<String> {
        hosts.admit(head, |page| Cors::default().allows(page)).err().map(|error| error.code().to_owned())
    }

    #[test]
    fn only_names_of_its_own_are_answered() {
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
            assert_eq!(refused(&local, &asked("GET", &[("host", good)])), None, "{good}");
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
                refused(&local, &asked("GET", &[("host", bad)])).as_deref(),
                Some("host_not_allowed"),
                "{bad}"
            );
            assert_eq!(refused(&Hosts::any(), &asked("GET", &[("host", bad)])), None);
        }
        let lan = asked("GET", &[("host", "192.168.1.5:8000")]);
        assert!(refused(&local, &lan).is_some() && refused(&local.clone().and_addresses(), &lan).is_none());
        assert_eq!(refused(&local, &asked("GET", &[])), None);
        let mut http2 = asked("GET", &[]);
        http2.uri = "http://evil.example/v1/models".parse().unwrap();
        assert!(refused(&local, &http2).is_some());
    }

    #[test]
    fn nothing_is_changed_for_a_page_that_may_not_call() {
        let hosts = Hosts::local().and("chat.example");
        let page =
            |method, host, origin| refused(&hosts, &asked(method, &[("host", host), ("origin", origin)]));
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
        let mounted = asked("POST", &[("host", "a.example"), ("origin", "https://b.example")]);
        assert_eq!(refused(&Hosts::any(), &mounted), None);
    }
}
