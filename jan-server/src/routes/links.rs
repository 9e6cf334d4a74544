//! Absolute links to this server in replies, and the hosts by which this server recognises links to itself, so that it
//! never sends a request to itself.

use http::Uri;
use http::uri::Authority;
use jan_core::media::OwnHosts;

use super::call::Call;
use crate::media::MEDIA_PATH;

impl Call {
    /// The base of links: the public URL, or else the host of this request and the path under which the server is
    /// mounted. Without a host, the path alone.
    pub(crate) fn base_url(&self) -> String {
        let settings = &self.services.settings;
        match &settings.public_url {
            Some(public) => public.trim_end_matches('/').to_owned(),
            None => self.request.base_url.build(&self.headers, settings.mounted_at.as_deref()),
        }
    }

    /// The absolute form of a link of ours. Links to other servers stay as they are.
    pub(crate) fn absolute(&self, link: String) -> String {
        absolute(&self.base_url(), link)
    }

    /// The hosts under which this server is reached.
    pub(crate) fn own_hosts(&self) -> OwnHosts {
        let media_url = self.services.media.settings().links.parse::<Uri>().ok();
        let media_host = media_url.as_ref().and_then(Uri::authority).map(Authority::as_str);
        let request_host = self.request.base_url.host(&self.headers);
        let hosts = [
            self.services.settings.public_url.as_deref(),
            media_host,
            request_host.as_ref().map(Authority::as_str),
        ];
        hosts.into_iter().flatten().fold(OwnHosts::new(), OwnHosts::with)
    }
}

/// The absolute form of a link of ours, below `base_url`. Links to other servers stay as they are.
pub(crate) fn absolute(base_url: &str, link: String) -> String {
    match link.as_bytes().first() {
        Some(b'/') if !link.starts_with("//") => format!("{base_url}{link}"),
        // A media service without a configured base for links returns only the id.
        _ if link.starts_with(jan_core::media::PREFIX) => format!("{base_url}{MEDIA_PATH}{link}"),
        _ => link,
    }
}
