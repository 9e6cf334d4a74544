//! Where a client finds this server, as its own request shows it, so that it can follow every link that it gets; and which
//! hosts are this server, so that it is never asked by itself.

use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Uri};
use jan_core::media::OwnHosts;

use super::call::Call;
use crate::media::PATH;

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
    fn host(&self, headers: &HeaderMap) -> Option<Authority> {
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
}

impl Call {
    /// What stands before the paths of our routes in a link: the public address, or else the host that this request named
    /// and the path under which the server is mounted. Without a host, the path alone.
    pub(crate) fn home(&self) -> String {
        let settings = &self.rooms.settings;
        if let Some(public) = &settings.public_url {
            return public.trim_end_matches('/').to_owned();
        }
        let mounted = settings.mounted_at.as_deref().or(self.home.prefix()).unwrap_or_default();
        let mounted = mounted.trim_matches('/');
        let slash = if mounted.is_empty() { "" } else { "/" };
        match self.home.host(&self.headers) {
            // Without a public address nobody says that there is TLS before us, unless HTTP/2 does.
            Some(host) => {
                let scheme = if self.home.scheme == Some(Scheme::HTTPS) { "https" } else { "http" };
                format!("{scheme}://{host}{slash}{mounted}")
            }
            None => format!("{slash}{mounted}"),
        }
    }

    /// A link of ours as a client can follow it. What leads elsewhere stays as it is.
    pub(crate) fn absolute(&self, link: String) -> String {
        absolute(&self.home(), link)
    }

    /// The hosts that are this server.
    pub(crate) fn own_hosts(&self) -> OwnHosts {
        let of_media = self.rooms.media.settings().links.parse::<Uri>().ok();
        let of_media = of_media.as_ref().and_then(Uri::authority).map(Authority::as_str);
        let asked = self.home.host(&self.headers);
        let hosts =
            [self.rooms.settings.public_url.as_deref(), of_media, asked.as_ref().map(Authority::as_str)];
        hosts.into_iter().flatten().fold(OwnHosts::new(), OwnHosts::with)
    }
}

/// A link of ours behind `home`. What leads elsewhere stays as it is.
pub(crate) fn absolute(home: &str, link: String) -> String {
    match link.as_bytes().first() {
        Some(b'/') if !link.starts_with("//") => format!("{home}{link}"),
        // Media whose links were not told where they lead.
        _ if link.starts_with(jan_core::media::PREFIX) => format!("{home}{PATH}{link}"),
        _ => link,
    }
}
