//! Where a client finds this server, as its own request shows it, so that it can follow every link that it gets.

use http::HeaderMap;
use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, Scheme};

/// What the head of a request says of it, besides its headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    /// The path under which a router of axum's has mounted the server.
    #[cfg(feature = "axum")]
    nested: Option<axum::extract::NestedPath>,
}

impl Home {
    pub(crate) fn of(head: &Parts) -> Self {
        Self {
            scheme: head.uri.scheme().cloned(),
            authority: head.uri.authority().cloned(),
            #[cfg(feature = "axum")]
            nested: head.extensions.get().cloned(),
        }
    }

    /// The host that the client named, with its port.
    pub(crate) fn host(&self, headers: &HeaderMap) -> Option<Authority> {
        let named = || headers.get(HOST)?.to_str().ok()?.parse().ok();
        let host = self.authority.clone().or_else(named)?;
        // What stands before an `@` is nobody's host.
        (!host.as_str().contains('@')).then_some(host)
    }

    /// A path with variable parts says nothing of this request's.
    fn prefix(&self) -> Option<&str> {
        #[cfg(feature = "axum")]
        if let Some(nested) = &self.nested {
            return Some(nested.as_str()).filter(|path| !path.contains('{'));
        }
        None
    }

    /// What stands before the paths of our routes in a link: the host that the request named, and `mounted_at`, the path
    /// under which the server is mounted, or else what a router of axum's says of it. Without a host, the path alone.
    pub(crate) fn base(&self, headers: &HeaderMap, mounted_at: Option<&str>) -> String {
        let mounted = mounted_at.or(self.prefix()).unwrap_or_default().trim_matches('/');
        let slash = if mounted.is_empty() { "" } else { "/" };
        match self.host(headers) {
            // Without a public address nobody says that there is TLS before us, unless HTTP/2 does.
            Some(host) => {
                let scheme = if self.scheme == Some(Scheme::HTTPS) { "https" } else { "http" };
                format!("{scheme}://{host}{slash}{mounted}")
            }
            None => format!("{slash}{mounted}"),
        }
    }
}
