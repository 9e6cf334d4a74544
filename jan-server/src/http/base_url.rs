//! The URL under which the client of a request reaches this server, so that links in the reply work for that client.

use http::HeaderMap;
use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, Scheme};

/// The parts of a request's head that show this URL, besides the headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct BaseUrl {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    /// The path under which an axum router has mounted the server.
    #[cfg(feature = "axum")]
    nested: Option<axum::extract::NestedPath>,
}

impl BaseUrl {
    pub(crate) fn of(head: &Parts) -> Self {
        Self {
            scheme: head.uri.scheme().cloned(),
            authority: head.uri.authority().cloned(),
            #[cfg(feature = "axum")]
            nested: head.extensions.get().cloned(),
        }
    }

    /// The host of the request, with its port.
    pub(crate) fn host(&self, headers: &HeaderMap) -> Option<Authority> {
        let from_header = || headers.get(HOST)?.to_str().ok()?.parse().ok();
        let host = self.authority.clone().or_else(from_header)?;
        // An `@` separates user information, which a host must not contain.
        (!host.as_str().contains('@')).then_some(host)
    }

    /// The mount path that axum reports. `None` if it has parameters: their values for this request are not known.
    fn axum_path(&self) -> Option<&str> {
        #[cfg(feature = "axum")]
        if let Some(nested) = &self.nested {
            return Some(nested.as_str()).filter(|path| !path.contains('{'));
        }
        None
    }

    /// The base of links: the host of the request, then `mounted_at`, the path under which the server is mounted, or
    /// else the path that axum reports. Without a host, the path alone.
    pub(crate) fn build(&self, headers: &HeaderMap, mounted_at: Option<&str>) -> String {
        let mounted = mounted_at.or(self.axum_path()).unwrap_or_default().trim_matches('/');
        let slash = if mounted.is_empty() { "" } else { "/" };
        match self.host(headers) {
            // Without a public URL, the only sign of TLS in front of us is the scheme of an HTTP/2 request.
            Some(host) => {
                let scheme = if self.scheme == Some(Scheme::HTTPS) { "https" } else { "http" };
                format!("{scheme}://{host}{slash}{mounted}")
            }
            None => format!("{slash}{mounted}"),
        }
    }
}
