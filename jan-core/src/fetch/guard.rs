//! The rules for which URLs may be fetched, which names may be resolved, and which addresses may be connected to.
//! Pure.

use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use super::address::{Net, Reach, reach};
use crate::{Error, Result};

/// Names of local hosts, whatever a DNS server returns for them. All names below them are local too.
const PRIVATE_NAMES: &[&str] = &["localhost", "localdomain", "local", "internal", "home.arpa"];

/// An entry of the allow-list: a host that may be fetched from although it is not public. It is one name, one address,
/// or a range of addresses, parsed from text like `files.corp.example`, `10.1.2.3`, `10.1.0.0/16`, `fd12::/16`.
///
/// With a port (`minio:9000`, `10.1.2.3:9000`, `[fd12::1]:9000`), it allows only that port of the host, also when
/// [`super::FetchSettings::ports`] does not contain it. Without a port, it allows all ports of that setting.
///
/// An allowed name may resolve to any address. An allowed range also allows every name that resolves into it, unless
/// another rule forbids the name itself (`localhost`, `*.internal` and the like).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    rule: HostRule,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostRule {
    Name(String),
    Net(Net),
}

impl FromStr for Allowed {
    type Err = Error;

    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for text that is neither a name nor a range, with or without a port.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(
                "allow",
                "An allowed host is a name, an address, or a range like `10.1.0.0/16`; a name or an address may have a \
                 port: `minio:9000`, `[::1]:9000`.",
            )
        };
        if let Some(rule) = HostRule::parse(text) {
            return Ok(Self { rule, port: None });
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        // A range cannot have a port, and an IPv6 address without brackets cannot be told apart from its port.
        if host.contains('/') || (host.contains(':') && !host.starts_with('[')) {
            return Err(wrong());
        }
        let rule = HostRule::parse(host).ok_or_else(wrong)?;
        Ok(Self { rule, port: Some(port) })
    }
}

impl HostRule {
    fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(net) = Net::parse(bare.filter(|bare| bare.contains(':')).unwrap_or(text)) {
            return Some(Self::Net(net));
        }
        // A name is stored in the form in which a URL contains it.
        match Host::parse(text) {
            Ok(Host::Domain(name)) if !name.contains('*') => Some(Self::Name(plain(&name).to_owned())),
            _ => None,
        }
    }
}

/// The rules of one [`super::Fetcher`].
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) allow: Vec<Allowed>,
    pub(super) allow_private: bool,
    pub(super) ports: Vec<u16>,
    pub(super) allow_downgrade: bool,
}

impl Guard {
    /// Checks everything about a URL that needs no name resolution.
    pub(super) fn check(&self, url: &Url) -> Result<()> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(forbidden("Only http and https URLs can be fetched."));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(forbidden("A URL with a user name or password cannot be fetched."));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        let named = self.named_port(port);
        if named.is_none() && !self.ports.contains(&port) {
            return Err(forbidden("URLs with this port cannot be fetched."));
        }
        let open = match url.host() {
            Some(Host::Domain(name)) => self.opens_name(name, Some(port)),
            Some(Host::Ipv4(address)) => self.opens_address(address.into(), Some(port)),
            Some(Host::Ipv6(address)) => self.opens_address(address.into(), Some(port)),
            None => false,
        };
        if open { Ok(()) } else { Err(not_public()) }
    }

    /// Returns the port if some entry of the allow-list names it. Connections to such a port are checked separately.
    pub(super) fn named_port(&self, port: u16) -> Option<u16> {
        self.allow.iter().any(|allowed| allowed.port == Some(port)).then_some(port)
    }

    /// Checks a redirect: its target like any URL, and that it does not go from https to http.
    pub(super) fn check_step(&self, from: &Url, to: &Url) -> Result<()> {
        if from.scheme() == "https" && to.scheme() == "http" && !self.allow_downgrade {
            return Err(forbidden("This URL redirects from https to http."));
        }
        self.check(to)
    }

    /// Whether a name that resolves to these addresses may be connected to, at a port that the allow-list names or
    /// (`None`) at one of the others. One forbidden address forbids the name: a server that mixes public and private
    /// addresses may be an attack.
    pub(super) fn opens(&self, name: &str, port: Option<u16>, addresses: &[IpAddr]) -> bool {
        self.names(name, port)
            || (self.opens_name(name, port)
                && addresses.iter().all(|address| self.opens_address(*address, port)))
    }

    fn opens_name(&self, name: &str, port: Option<u16>) -> bool {
        let plain = plain(name);
        let below = |near: &&str| plain.strip_suffix(*near).is_some_and(|rest| rest.ends_with('.'));
        // A name without a dot belongs to the local network or to the resolver's search list.
        let near = !plain.contains('.') || PRIVATE_NAMES.iter().any(|near| plain == *near || below(near));
        // If a port is allowed only for addresses, the addresses that the name resolves to decide.
        let leads = self.is_usual(port) || self.allowed(port).any(|rule| matches!(rule, HostRule::Net(_)));
        self.names(name, port) || (leads && (self.allow_private || !near))
    }

    fn names(&self, name: &str, port: Option<u16>) -> bool {
        let plain = plain(name);
        self.allowed(port).any(|rule| matches!(rule, HostRule::Name(allowed) if allowed == plain))
    }

    fn opens_address(&self, address: IpAddr, port: Option<u16>) -> bool {
        let listed = |rule: &HostRule| matches!(rule, HostRule::Net(net) if net.contains(address));
        let open = if self.allow_private { Reach::Private } else { Reach::Public };
        (self.is_usual(port) && reach(address) <= open) || self.allowed(port).any(listed)
    }

    /// The hosts that the allow-list allows at this port.
    fn allowed(&self, port: Option<u16>) -> impl Iterator<Item = &HostRule> {
        let usual = self.is_usual(port);
        let at = move |allowed: &&Allowed| match allowed.port {
            None => usual,
            named => named == port,
        };
        self.allow.iter().filter(at).map(|allowed| &allowed.rule)
    }

    /// Whether a port is allowed for every host. `None` stands for a port that no entry names ([`Guard::named_port`]);
    /// it was checked with the URL.
    fn is_usual(&self, port: Option<u16>) -> bool {
        port.is_none_or(|port| self.ports.contains(&port))
    }
}

/// Parses a URL as browsers do, so that every spelling of an address becomes the same address.
pub(super) fn parse(url: &str) -> Result<Url> {
    Url::parse(url)
        .map_err(|e| Error::invalid("url", "This is not a URL.").with_code("invalid_url").because(e))
}

/// The error for every URL that is not public. The message is always the same, so it does not reveal what a name
/// resolved to.
pub(super) fn not_public() -> Error {
    forbidden("This URL cannot be fetched: it does not lead to a public address.")
}

fn forbidden(message: &'static str) -> Error {
    Error::invalid("url", message).with_code("forbidden_url")
}

/// A name without the final dot that marks it as complete. [`Url`] has converted it to lower case.
fn plain(name: &str) -> &str {
    name.trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn guard(allow: &[&str], allow_private: bool) -> Guard {
        let allow = allow.iter().map(|text| text.parse().unwrap()).collect();
        Guard { allow, allow_private, ports: vec![80, 443, 8080], allow_downgrade: false }
    }

    fn check(guard: &Guard, url: &str) -> Result<()> {
        guard.check(&parse(url)?)
    }

    /// Forbidden hosts, in all the spellings that some URL parser accepts.
    const FORBIDDEN_HOSTS: &str = "
        127.0.0.1 127.0.0.1. 127.1 127.0.1 127.000.000.001 0177.0.0.1 0177.0.0.01 017700000001 0x7f.0.0.1
        0x7f.1 0x7F000001 2130706433 127.255.255.254 0 0x0 0.0.0.0 127。0。0。1 127.0.0.1 １２７．０．０．１ ①②⑦.⓪.⓪.①
        %31%32%37.0.0.1 127%2e0%2e0%2e1 0x7f%2e1 [::1] [0:0:0:0:0:0:0:1] [::0001] [::] [::ffff:127.0.0.1]
        [::ffff:7f00:1] [::127.0.0.1] [0:0:0:0:0:ffff:127.0.0.1] [::ffff:0:127.0.0.1] localhost LOCALHOST
        localhost. ⓛⓞⓒⓐⓛⓗⓞⓢⓣ %6cocalhost a.localhost a.b.LocalHost. localhost.localdomain
        169.254.169.254 169.254.43518 2852039166 0xa9fea9fe 0251.0376.0251.0376 0xA9.0xFE.0xA9.0xFE
        169.254.169.254. [::ffff:a9fe:a9fe] [64:ff9b::169.254.169.254] [64:ff9b:1::a9fe:a9fe]
        [2002:a9fe:a9fe::] [fd00:ec2::254] [fd20:ce::254] 100.100.100.200 168.63.129.16 192.0.0.192
        metadata.google.internal metadata.google.internal. metadata
        10.0.0.1 10.1 012.0.0.1 167772161 172.16.0.1 172.31.255.255 192.168.1.1 192.168.257 3232235777
        0xc0a80101 100.64.0.1 [fc00::1] [fd12:3456::1] [fec0::1] [fe80::1] [fe80::1%25eth0] [fe80::1%eth0]
        [::10.0.0.1] [64:ff9b::10.0.0.1] [2002:c0a8:101::1] [2001:0:808:808::3f57:fefe]
        [2606:4700::5efe:10.0.0.1] printer.local printer.local. db.internal router.home.arpa redis
        kubernetes.default.svc.local
        224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 4294967295 198.18.0.1 192.0.2.1 198.51.100.1
        203.0.113.1 192.88.99.1 [ff02::1] [2001:db8::1] [3fff::1] [100::1] [2001:2::1]
        256.256.256.256 1.2.3.4.5 0x1ffffffff 127.0.0.0x100
    ";

    #[test]
    fn every_spelling_of_a_forbidden_host_is_refused() {
        let (guard, mut read) = (guard(&[], false), 0);
        for host in FORBIDDEN_HOSTS.split_whitespace() {
            for url in
                [format!("http://{host}/"), format!("https:\\\\{host}:443/x?y#z"), format!(" HTTP://{host}")]
            {
                let error = check(&guard, &url).expect_err(&url);
                assert_eq!(error.kind(), ErrorKind::Invalid, "{url}");
                if parse(&url).is_ok() {
                    read += 1;
                    assert_eq!((error.code(), error.param()), ("forbidden_url", Some("url")), "{url}");
                }
            }
        }
        assert!(read > 40 * 3, "only {read} of the spellings were URLs at all");
    }

    #[test]
    fn public_hosts_are_allowed() {
        let guard = guard(&[], false);
        for host in "
            example.com EXAMPLE.com. 8.8.8.8 134744072 0x08.8.8.8 [2606:4700:4700::1111] [::ffff:8.8.8.8]
            [64:ff9b::8.8.8.8] bücher.example localhost.example.com mylocalhost.com internal.example.com
            notlocal.com 93.184.216.34:8080 example.com:443
        "
        .split_whitespace()
        {
            check(&guard, &format!("http://{host}/")).expect(host);
        }
    }

    #[test]
    fn other_schemes_ports_and_users_are_refused() {
        let guard = guard(&["127.0.0.1"], true);
        for url in "
            ftp://example.com/ file:///etc/passwd gopher://example.com:80/ data:text/plain,x ws://a.com
            javascript:alert(1) unix:/run/x http://example.com:22/ https://example.com:6379/
            http://example.com:0/ http://user@example.com/ http://user:pw@example.com/
            http://:pw@example.com/ http://example.com@127.0.0.1/
        "
        .split_whitespace()
        {
            assert_eq!(check(&guard, url).expect_err(url).code(), "forbidden_url", "{url}");
        }
        for url in
            ["", "example.com", "/x", "http://", "http://a b/", "http://[::1", "http://example.com:99999/"]
        {
            assert_eq!(check(&guard, url).expect_err(url).kind(), ErrorKind::Invalid, "{url}");
        }
    }

    #[test]
    fn a_redirect_must_keep_tls_and_obey_every_other_rule() {
        let mut guard = guard(&[], false);
        let step = |guard: &Guard, from: &str, to: &str| guard.check_step(&parse(from)?, &parse(to)?);
        let (plain, tls) = ("http://a.example/", "https://b.example/");
        assert!(step(&guard, plain, tls).is_ok() && step(&guard, plain, plain).is_ok());
        assert_eq!(step(&guard, tls, plain).unwrap_err().code(), "forbidden_url");
        assert_eq!(step(&guard, tls, "https://10.0.0.1/").unwrap_err().code(), "forbidden_url");
        guard.allow_downgrade = true;
        assert!(step(&guard, tls, plain).is_ok() && step(&guard, tls, "http://10.0.0.1/").is_err());
    }

    #[test]
    fn allow_private_opens_private_hosts_and_no_special_addresses() {
        let guard = guard(&[], true);
        for host in ["127.0.0.1", "localhost", "redis", "10.1.2.3", "[::1]", "[fd12::1]", "db.internal"] {
            check(&guard, &format!("http://{host}/")).expect(host);
        }
        for host in
            ["169.254.169.254", "0.0.0.0", "[fd00:ec2::254]", "[fe80::1]", "224.0.0.1", "100.100.100.200"]
        {
            check(&guard, &format!("http://{host}/")).expect_err(host);
        }
        assert!(!guard.opens("metadata.google.internal", None, &[[169, 254, 169, 254].into()]));
    }

    #[test]
    fn the_allow_list_opens_only_the_hosts_it_names() {
        let guard = guard(&["Files.Corp.Internal.", "10.1.0.0/16", "169.254.7.7", "fd12::/16"], false);
        for host in "
            files.corp.internal FILES.corp.internal. 10.1.9.9 0x0a010909 169.254.7.7 [fd12::1]
        "
        .split_whitespace()
        {
            check(&guard, &format!("http://{host}/")).expect(host);
        }
        for host in
            ["corp.internal", "x.files.corp.internal", "10.2.0.1", "169.254.7.8", "[fd13::1]", "localhost"]
        {
            check(&guard, &format!("http://{host}/")).expect_err(host);
        }
        let (inside, outside) = ([10, 1, 2, 3].into(), [10, 2, 2, 3].into());
        assert!(guard.opens("files.corp.internal", None, &[outside]));
        assert!(
            guard.opens("example.com", None, &[inside])
                && !guard.opens("example.com", None, &[inside, outside])
        );
        assert!(!guard.opens("localhost", None, &[inside]));
        for text in ["", "*", "*.corp", "10.0.0.0/40", "a b", "http://x/", "corp/8", "2130706433"] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_entry_with_a_port_opens_only_that_port() {
        let guard =
            guard(&["minio:9000", "[::1]:9000", "10.1.2.3:9001", "files.example:9002", "10.5.0.1"], false);
        for host in
            "minio:9000 MINIO.:9000 [::1]:9000 10.1.2.3:9001 files.example:9002 files.example 10.5.0.1:8080"
                .split_whitespace()
        {
            check(&guard, &format!("http://{host}/")).expect(host);
        }
        for host in
            "minio minio:8080 minio:9001 minio:9003 [::1] [::1]:9001 10.1.2.3 10.1.2.3:9000 10.5.0.1:9000
            10.5.0.1:9003 example.com:9002 8.8.8.8:9000 localhost:9000 files.example:9003"
                .split_whitespace()
        {
            check(&guard, &format!("http://{host}/")).expect_err(host);
        }
        // An allowed name with a port may resolve to any address at that port, and at no other port.
        let inside = [[10, 9, 9, 9].into()];
        assert!(
            guard.opens("files.example", Some(9002), &inside) && !guard.opens("files.example", None, &inside)
        );
        assert!(guard.opens("minio", Some(9000), &inside) && !guard.opens("minio", None, &inside));
        let named = [[10, 1, 2, 3].into()];
        assert!(guard.opens("example.com", Some(9001), &named) && !guard.opens("example.com", None, &named));
        assert!(
            !guard.opens("example.com", Some(9001), &inside) && !guard.opens("localhost", Some(9001), &named)
        );
        for text in [
            "minio:",
            "minio:0",
            "minio:65536",
            "minio:x",
            "10.0.0.0/8:80",
            "::1:9000",
            "[::1",
            ":80",
            "[minio]:80",
        ] {
            let read = text.parse::<Allowed>();
            // Without brackets this is an IPv6 address without a port.
            assert!(read.is_err() || text == "::1:9000", "{text} {read:?}");
        }
    }
}
