//! Links to this server in replies, so that a client can follow each; and which hosts are this server, so that it is never
//! asked by itself.

use http::Uri;
use http::uri::Authority;
use jan_core::media::OwnHosts;

use super::call::Call;
use crate::media::PATH;

impl Call {
    /// What stands before the paths of our routes in a link: the public address, or else the host that this request named
    /// and the path under which the server is mounted. Without a host, the path alone.
    pub(crate) fn home(&self) -> String {
        let settings = &self.rooms.settings;
        match &settings.public_url {
            Some(public) => public.trim_end_matches('/').to_owned(),
            None => self.request.home.base(&self.headers, settings.mounted_at.as_deref()),
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
        let asked = self.request.home.host(&self.headers);
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
