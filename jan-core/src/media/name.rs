//! The ways in which requests name media: by its id; by its id in the form of a data URL (`data:image/png;jan_…`), for
//! clients that also state the type; or by a link to this server. All of them are read as the id. So this server never
//! fetches media from itself, never stores a link that expires, and never treats one object as two.

/// The prefix of media ids.
pub const PREFIX: &str = "jan_";
/// The number of characters after the prefix.
const ULID: usize = 26;
/// The longest link that is parsed, in bytes. Ours have a few hundred; a longer text is a data URL or a plain text.
const MAX_LINK: usize = 4096;

/// Whether `text` is a media id: `jan_` and a ULID in lower case.
pub fn is_media_id(text: &str) -> bool {
    let ulid = |rest: &str| rest.len() == ULID && rest.bytes().all(is_letter);
    text.strip_prefix(PREFIX).is_some_and(ulid)
}

/// The media id that `text` names, if the whole text has one of these forms: `jan_…`; `data:<mime>;jan_…`; a path on
/// this server (`/api/media/jan_…`); or a URL with the id in its fragment (`https://bucket.example/x?signature#jan_…`,
/// the form in which we return a cloud's links).
pub fn media_id_of(text: &str) -> Option<&str> {
    let id = match text.strip_prefix("data:") {
        None if text.trim_start().starts_with('/') => {
            return media_link(text).filter(|link| link.host.is_empty()).map(|link| link.id);
        }
        None => in_fragment(text).unwrap_or(text),
        // A real data URL can be megabytes long. So no comma is searched for; only the end is examined.
        Some(rest) => {
            let at = rest.len().checked_sub(PREFIX.len() + ULID)?;
            let (mime, id) = rest.split_at_checked(at)?;
            let mime = mime.strip_suffix(';')?;
            if mime.len() > 255 || mime.contains(',') {
                return None;
            }
            id
        }
    };
    is_media_id(id).then_some(id)
}

/// The parts of a link to media on a server of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaLink<'a> {
    /// The host and port; empty for a path.
    pub host: &'a str,
    /// The media id.
    pub id: &'a str,
    /// The query string: in a temporary link, its expiry and signature.
    pub query: &'a str,
}

/// Parses a link to media on any server of this kind: `/api/media/jan_…`, `/v1/media/jan_…` or `/v1/files/jan_…`, with
/// or without `/content` or `/metadata` at the end, with any prefix, as a path or with `http(s)://` and a host.
pub fn media_link(text: &str) -> Option<MediaLink<'_>> {
    if text.len() > MAX_LINK {
        return None;
    }
    let text = text.trim();
    let (host, path) = match scheme_less(text) {
        Some(rest) => rest.split_at(rest.find('/')?),
        None if text.starts_with("//") => {
            let rest = text.get(2..)?;
            rest.split_at(rest.find('/')?)
        }
        None => ("", text.starts_with('/').then_some(text)?),
    };
    let (path, _) = path.split_once('#').unwrap_or((path, ""));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut segments = path.rsplit('/').filter(|segment| !segment.is_empty());
    let last = segments.next()?;
    let id = if matches!(last, "content" | "metadata") { segments.next()? } else { last };
    let kind = (segments.next()?, segments.next()?);
    let known = matches!(kind, ("media", "api" | "v1") | ("files", "v1"));
    (known && is_media_id(id)).then_some(MediaLink { host, id, query })
}

/// A cloud's link does not contain our id. We put the id into the fragment, because clients do not send fragments to
/// servers.
fn in_fragment(text: &str) -> Option<&str> {
    let (url, id) = text.rsplit_once('#').filter(|_| text.len() <= MAX_LINK)?;
    scheme_less(url).and(Some(id))
}

/// The text after `http://` or `https://`, in any letter case.
fn scheme_less(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")).then_some(rest)
}

/// The host names of this server: its public address, and the host that a request's client used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnHosts(Vec<String>);

impl OwnHosts {
    /// An empty set: only paths count as links to this server.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host: `jan.example`, `127.0.0.1:8000`, or a whole URL (`https://jan.example/ai`).
    #[must_use]
    pub fn with(mut self, host: &str) -> Self {
        let rest = scheme_less(host).unwrap_or(host);
        let host = plain_host(rest.split('/').next().unwrap_or_default());
        if !host.is_empty() && !self.0.contains(&host) {
            self.0.push(host);
        }
        self
    }

    /// Whether this host, with or without a port, is in the set. All names of the local machine are treated as one
    /// host.
    pub fn contains(&self, host: &str) -> bool {
        self.0.contains(&plain_host(host))
    }

    /// The media id that `text` names: as [`media_id_of`], or by a link to one of these hosts.
    pub fn id_of<'a>(&self, text: &'a str) -> Option<&'a str> {
        media_id_of(text)
            .or_else(|| media_link(text).filter(|link| self.contains(link.host)).map(|link| link.id))
    }
}

/// A host in the form in which hosts are compared: lower case, without a default port, and with one name for the local
/// machine.
fn plain_host(host: &str) -> String {
    let host = host.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) && (!name.contains(':') || name.ends_with(']')) => (name, port),
        _ => (host.as_str(), ""),
    };
    let name = name.trim_end_matches('.');
    let is_local = name == "localhost" || name == "[::1]" || is_loopback(name);
    let name = if is_local { "localhost" } else { name };
    if matches!(port, "" | "80" | "443") { name.to_owned() } else { format!("{name}:{port}") }
}

fn is_loopback(name: &str) -> bool {
    name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a byte is in Crockford's alphabet in lower case, which has no i, l, o, u.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !matches!(byte, b'i' | b'l' | b'o' | b'u'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0";

    #[test]
    fn ids_are_recognised_alone_and_in_data_urls() {
        let id = crate::id::ulid(PREFIX, 1_700_000_000_000);
        assert!(is_media_id(&id), "{id}");
        for text in [id.clone(), format!("data:image/png;{id}"), format!("data:;{id}")] {
            assert_eq!(media_id_of(&text), Some(id.as_str()), "{text}");
        }
        let others =
            [id.to_uppercase(), format!("{id}0"), format!(" {id}"), format!("data:{id}"), id[1..].to_owned()];
        for text in others.iter().map(String::as_str).chain(["", "jan_", "data:", "data:,a;b", "jan_é"]) {
            assert_eq!(media_id_of(text), None, "{text}");
        }
        assert_eq!(media_id_of(&format!("data:text/plain,a;{id}")), None, "a data URL with text in it");
    }

    #[test]
    fn every_form_of_a_link_to_this_server_is_read_as_the_id() {
        let ours = OwnHosts::new().with("https://Jan.example/ai").with("127.0.0.1:8000");
        let paths = [
            "/api/media/$",
            "/v1/media/$",
            "/media/v1/media/$",
            "/media/api/media/$",
            "/v1/files/$",
            "/v1/files/$/content",
            "/v1/media/$/content",
            "/ai/api/media/$",
            "//api//media/$/",
        ];
        let homes = [
            "https://jan.example",
            "http://JAN.example",
            "HTTPS://jan.example:443",
            "//jan.example",
            "http://127.0.0.1:8000",
            "http://localhost:8000",
            "http://[::1]:8000",
        ];
        for path in paths.map(|path| path.replace('$', ID)) {
            for query in ["", "?exp=1&sig=x", "?v=2", "#top", "?a=/b#c"] {
                for host in homes {
                    let link = format!("{host}{path}{query}");
                    assert_eq!(ours.id_of(&link), Some(ID), "{link}");
                    assert_eq!(media_id_of(&link), None, "{link}");
                    assert_eq!(media_link(&link).unwrap().id, ID);
                }
                // Two slashes at the start would name a host.
                if !path.starts_with("//") {
                    assert_eq!(media_id_of(&format!("{path}{query}")), Some(ID), "{path}{query}");
                }
                for host in ["https://other.example", "http://127.0.0.1:8001", "https://jan.example.evil"] {
                    assert_eq!(ours.id_of(&format!("{host}{path}{query}")), None, "{host}{path}");
                }
            }
        }
        let cloud = format!("https://bucket.example/blob_1?X-Amz-Signature=x#{ID}");
        assert_eq!((media_id_of(&cloud), media_link(&cloud)), (Some(ID), None));
        let signed = format!("https://jan.example/api/media/{ID}?exp=5&sig=a");
        let link = media_link(&signed).unwrap();
        assert_eq!((link.host, link.query), ("jan.example", "exp=5&sig=a"));
        let others = [
            "/api/media/",
            "/api/media/x",
            "/other/$",
            "/media/$",
            "/api/media/$/x",
            "/api/media/$x",
            "api/media/$",
        ];
        for other in others.map(|other| other.replace('$', ID)) {
            assert_eq!(media_id_of(&other), None, "{other}");
            assert_eq!(ours.id_of(&format!("https://jan.example{other}")), None, "{other}");
        }
        for text in ["ftp://jan.example/api/media/$", "see /api/media/$", "https://jan.example?/api/media/$"]
        {
            assert_eq!(ours.id_of(&text.replace('$', ID)), None, "{text}");
        }
        assert_eq!(OwnHosts::new().id_of(&signed), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(data:|https?://|//?)?.{0,60}(;|/api/media/)?(jan_[0-9a-z]{20,30})?(\\?.{0,9})?") {
            let _ = media_id_of(&text);
            let _ = media_link(&text);
            let _ = OwnHosts::new().with(&text).id_of(&text);
        }
    }
}
