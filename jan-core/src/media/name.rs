//! How media is named in requests: by its id, by its id in the form of a data URL (`data:image/png;jan_…`) for clients that
//! want to say what it is, or by a link of our own to it. All of them mean the id, so that one is never fetched from
//! ourselves, never kept as a link that ends, and never taken for another.

/// What the ids of media begin with.
pub const PREFIX: &str = "jan_";
/// How many characters follow.
const ULID: usize = 26;
/// The longest link that is looked into. Ours have a few hundred letters; what is longer is a data URL or a text.
const MAX_LINK: usize = 4096;

/// Whether this is an id of media: `jan_` and a ULID in small letters.
pub fn is_media_id(text: &str) -> bool {
    let ulid = |rest: &str| rest.len() == ULID && rest.bytes().all(is_letter);
    text.strip_prefix(PREFIX).is_some_and(ulid)
}

/// The id in `jan_…`, in `data:<mime>;jan_…`, in a path to media on the server that is asked (`/api/media/jan_…`), or in
/// the fragment of a URL (`https://bucket.example/x?signature#jan_…`: a cloud's link, as we give it), if the whole text is
/// one of these.
pub fn media_id_of(text: &str) -> Option<&str> {
    let id = match text.strip_prefix("data:") {
        None if text.trim_start().starts_with('/') => {
            return media_link(text).filter(|link| link.home.is_empty()).map(|link| link.id);
        }
        None => in_fragment(text).unwrap_or(text),
        // A real data URL can be megabytes long: its comma is not looked for, only its end is looked at.
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

/// A link to media, as every server of this kind gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaLink<'a> {
    /// The host and port that it names; empty in a path.
    pub home: &'a str,
    /// The media.
    pub id: &'a str,
    /// What stands behind its `?`: the end and the signature of one that ends.
    pub query: &'a str,
}

/// Reads a link to media, whoever's server it leads to: `/api/media/jan_…`, `/v1/media/jan_…` and `/v1/files/jan_…`, with
/// `/content` behind it or not, with any prefix before it, as a path or with `http(s)://` and a host.
pub fn media_link(text: &str) -> Option<MediaLink<'_>> {
    if text.len() > MAX_LINK {
        return None;
    }
    let text = text.trim();
    let (home, path) = match scheme_less(text) {
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
    (known && is_media_id(id)).then_some(MediaLink { home, id, query })
}

/// A cloud's link says nothing of our ids, so they stand where no server is sent them.
fn in_fragment(text: &str) -> Option<&str> {
    let (url, id) = text.rsplit_once('#').filter(|_| text.len() <= MAX_LINK)?;
    scheme_less(url).and(Some(id))
}

/// What follows `http://` or `https://`, however it is written.
fn scheme_less(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")).then_some(rest)
}

/// The hosts that are this server, as a request shows them: its public address, and the one that the client used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnHosts(Vec<String>);

impl OwnHosts {
    /// Nobody's yet: only paths are our own links.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host: `jan.example`, `127.0.0.1:8000`, or an address with all around it (`https://jan.example/ai`).
    #[must_use]
    pub fn with(mut self, host: &str) -> Self {
        let rest = scheme_less(host).unwrap_or(host);
        let host = plain_host(rest.split('/').next().unwrap_or_default());
        if !host.is_empty() && !self.0.contains(&host) {
            self.0.push(host);
        }
        self
    }

    /// Whether this host, with or without its port, is one of them. The names of one's own machine are one.
    pub fn holds(&self, host: &str) -> bool {
        self.0.contains(&plain_host(host))
    }

    /// The id in any spelling: as [`media_id_of`], and in a link that leads to one of these hosts.
    pub fn id_of<'a>(&self, text: &'a str) -> Option<&'a str> {
        media_id_of(text)
            .or_else(|| media_link(text).filter(|link| self.holds(link.home)).map(|link| link.id))
    }
}

/// A host to be compared: in small letters, without the port that its scheme has anyway, one name for one's own machine.
fn plain_host(host: &str) -> String {
    let host = host.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) && (!name.contains(':') || name.ends_with(']')) => (name, port),
        _ => (host.as_str(), ""),
    };
    let name = name.trim_end_matches('.');
    let near = name == "localhost" || name == "[::1]" || is_loopback(name);
    let name = if near { "localhost" } else { name };
    if matches!(port, "" | "80" | "443") { name.to_owned() } else { format!("{name}:{port}") }
}

fn is_loopback(name: &str) -> bool {
    name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Crockford's alphabet: no i, l, o, u.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !matches!(byte, b'i' | b'l' | b'o' | b'u'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0";

    #[test]
    fn ids_are_known_bare_and_in_data_urls() {
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
    fn every_spelling_of_a_link_of_our_own_is_its_id() {
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
                for home in homes {
                    let link = format!("{home}{path}{query}");
                    assert_eq!(ours.id_of(&link), Some(ID), "{link}");
                    assert_eq!(media_id_of(&link), None, "{link}");
                    assert_eq!(media_link(&link).unwrap().id, ID);
                }
                // Two slashes at the start would name a host.
                if !path.starts_with("//") {
                    assert_eq!(media_id_of(&format!("{path}{query}")), Some(ID), "{path}{query}");
                }
                for home in ["https://other.example", "http://127.0.0.1:8001", "https://jan.example.evil"] {
                    assert_eq!(ours.id_of(&format!("{home}{path}{query}")), None, "{home}{path}");
                }
            }
        }
        let cloud = format!("https://bucket.example/blob_1?X-Amz-Signature=x#{ID}");
        assert_eq!((media_id_of(&cloud), media_link(&cloud)), (Some(ID), None));
        let signed = format!("https://jan.example/api/media/{ID}?exp=5&sig=a");
        let link = media_link(&signed).unwrap();
        assert_eq!((link.home, link.query), ("jan.example", "exp=5&sig=a"));
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
