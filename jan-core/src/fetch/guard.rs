//! What may be asked for: the rules for a URL, a name and the addresses that a name has. Pure.

use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use super::address::{Net, Reach, reach};
use crate::{Error, Result};

/// Names that mean something near, whatever a DNS server says; with all below them.
const PRIVATE_NAMES: &[&str] = &["localhost", "localdomain", "local", "internal", "home.arpa"];

/// A host that may be fetched from although it is not public: one name, one address, or a range of addresses. It reads
/// like `files.corp.example`, `10.1.2.3`, `10.1.0.0/16`, `fd12::/16`.
///
/// A name is trusted with whatever it resolves to. A range also opens every name that resolves into it, as long as no
/// rule speaks against the name itself (`localhost`, `*.internal` and the like).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed(Entry);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Name(String),
    Net(Net),
}

impl FromStr for Allowed {
    type Err = Error;

    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for what is neither a name nor a range.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(net) = Net::parse(text) {
            return Ok(Self(Entry::Net(net)));
        }
        // A name is kept as a URL would spell it.
        match Host::parse(text) {
            Ok(Host::Domain(name)) if !name.contains('*') => Ok(Self(Entry::Name(plain(&name).to_owned()))),
            _ => Err(Error::invalid(
                "allow",
                "An allowed host is a name, an address, or a range like `10.1.0.0/16`.",
            )),
        }
    }
}

/// The rules of one fetcher.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) allow: Vec<Allowed>,
    pub(super) allow_private: bool,
    pub(super) ports: Vec<u16>,
    pub(super) allow_downgrade: bool,
}

impl Guard {
    /// Checks all of a URL that can be checked without asking anybody.
    pub(super) fn check(&self, url: &Url) -> Result<()> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(forbidden("Only http and https URLs can be fetched."));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(forbidden("A URL with a user name or password cannot be fetched."));
        }
        if !url.port_or_known_default().is_some_and(|port| self.ports.contains(&port)) {
            return Err(forbidden("URLs with this port cannot be fetched."));
        }
        let open = match url.host() {
            Some(Host::Domain(name)) => self.opens_name(name),
            Some(Host::Ipv4(address)) => self.opens_address(address.into()),
            Some(Host::Ipv6(address)) => self.opens_address(address.into()),
            None => false,
        };
        if open { Ok(()) } else { Err(not_public()) }
    }

    /// Checks a redirect: where it leads like any URL, and that it does not give up TLS on the way.
    pub(super) fn check_step(&self, from: &Url, to: &Url) -> Result<()> {
        if from.scheme() == "https" && to.scheme() == "http" && !self.allow_downgrade {
            return Err(forbidden("This URL redirects from https to http."));
        }
        self.check(to)
    }

    /// Whether a name may be connected to at all of these addresses. One that is forbidden closes the name: whoever
    /// mixes public and private answers is trying something.
    pub(super) fn opens(&self, name: &str, addresses: &[IpAddr]) -> bool {
        self.names(name)
            || (self.opens_name(name) && addresses.iter().all(|address| self.opens_address(*address)))
    }

    fn opens_name(&self, name: &str) -> bool {
        let plain = plain(name);
        let below = |near: &&str| plain.strip_suffix(*near).is_some_and(|rest| rest.ends_with('.'));
        // A name without a dot is one of the local network's, or of its search list.
        let near = !plain.contains('.') || PRIVATE_NAMES.iter().any(|near| plain == *near || below(near));
        self.allow_private || self.names(name) || !near
    }

    fn names(&self, name: &str) -> bool {
        let plain = plain(name);
        self.allow.iter().any(|Allowed(entry)| matches!(entry, Entry::Name(allowed) if allowed == plain))
    }

    fn opens_address(&self, address: IpAddr) -> bool {
        let listed = |Allowed(entry): &Allowed| matches!(entry, Entry::Net(net) if net.contains(address));
        let open = if self.allow_private { Reach::Private } else { Reach::Public };
        reach(address) <= open || self.allow.iter().any(listed)
    }
}

/// Reads a URL as browsers do, so that every spelling of an address becomes that address.
pub(super) fn parse(url: &str) -> Result<Url> {
    Url::parse(url).map_err(|e| Error::invalid("url", "This is not a URL.").code("invalid_url").because(e))
}

/// The message is the same for all that is not public, and says nothing of what a name resolved to.
pub(super) fn not_public() -> Error {
    forbidden("This URL cannot be fetched: it does not lead to a public address.")
}

fn forbidden(message: &'static str) -> Error {
    Error::invalid("url", message).code("forbidden_url")
}

/// A name without the dot that says it is complete. [`Url`] has made it lower case.
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

    /// Hosts that mean a forbidden place, in all the spellings that somebody's parser takes.
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
    fn no_spelling_of_a_forbidden_host_passes() {
        let (guard, mut read) = (guard(&[], false), 0);
        for host in FORBIDDEN_HOSTS.split_whitespace() {
            for url in
                [format!("http://{host}/"), format!("https:\\\\{host}:443/x?y#z"), format!(" HTTP://{host}")]
            {
                let error = check(&guard, &url).expect_err(&url);
                assert_eq!(error.kind(), ErrorKind::Invalid, "{url}");
                if parse(&url).is_ok() {
                    read += 1;
                    assert_eq!(
                        (error.get_code(), error.get_param()),
                        ("forbidden_url", Some("url")),
                        "{url}"
                    );
                }
            }
        }
        assert!(read > 40 * 3, "only {read} of the spellings were URLs at all");
    }

    #[test]
    fn public_hosts_pass() {
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
            assert_eq!(check(&guard, url).expect_err(url).get_code(), "forbidden_url", "{url}");
        }
        for url in
            ["", "example.com", "/x", "http://", "http://a b/", "http://[::1", "http://example.com:99999/"]
        {
            assert_eq!(check(&guard, url).expect_err(url).kind(), ErrorKind::Invalid, "{url}");
        }
    }

    #[test]
    fn a_redirect_keeps_tls_and_every_other_rule() {
        let mut guard = guard(&[], false);
        let step = |guard: &Guard, from: &str, to: &str| guard.check_step(&parse(from)?, &parse(to)?);
        let (plain, tls) = ("http://a.example/", "https://b.example/");
        assert!(step(&guard, plain, tls).is_ok() && step(&guard, plain, plain).is_ok());
        assert_eq!(step(&guard, tls, plain).unwrap_err().get_code(), "forbidden_url");
        assert_eq!(step(&guard, tls, "https://10.0.0.1/").unwrap_err().get_code(), "forbidden_url");
        guard.allow_downgrade = true;
        assert!(step(&guard, tls, plain).is_ok() && step(&guard, tls, "http://10.0.0.1/").is_err());
    }

    #[test]
    fn what_is_private_opens_and_what_is_never_open_does_not() {
        let guard = guard(&[], true);
        for host in ["127.0.0.1", "localhost", "redis", "10.1.2.3", "[::1]", "[fd12::1]", "db.internal"] {
            check(&guard, &format!("http://{host}/")).expect(host);
        }
        for host in
            ["169.254.169.254", "0.0.0.0", "[fd00:ec2::254]", "[fe80::1]", "224.0.0.1", "100.100.100.200"]
        {
            check(&guard, &format!("http://{host}/")).expect_err(host);
        }
        assert!(!guard.opens("metadata.google.internal", &[[169, 254, 169, 254].into()]));
    }

    #[test]
    fn the_allow_list_opens_what_it_names_and_no_more() {
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
        assert!(guard.opens("files.corp.internal", &[outside]));
        assert!(guard.opens("example.com", &[inside]) && !guard.opens("example.com", &[inside, outside]));
        assert!(!guard.opens("localhost", &[inside]));
        for text in ["", "*", "*.corp", "10.0.0.0/40", "a b", "http://x/", "corp/8", "2130706433"] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}
