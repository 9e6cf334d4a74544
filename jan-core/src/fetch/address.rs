//! Decides which IP addresses belong to the public internet. Pure functions without names and sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address may be connected to. The variants are ordered: of two addresses that are encoded in one, the
/// greater (more restricted) counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// A public address.
    Public,
    /// This machine or a private network. Allowed only where private addresses are allowed.
    Private,
    /// An address without web pages, or one of a cloud's metadata service, which returns credentials. Only an entry of
    /// the allow-list opens it.
    Never,
}

/// A range of addresses. IPv4 addresses are stored in their IPv6-mapped form (`::ffff:a.b.c.d`), so that one type
/// covers both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Net {
    base: u128,
    bits: u32,
}

impl Net {
    const fn v4(base: [u8; 4], bits: u32) -> Self {
        let [a, b, c, d] = base;
        Self { base: Ipv4Addr::new(a, b, c, d).to_ipv6_mapped().to_bits(), bits: 96 + bits }
    }

    const fn v6(base: [u16; 8], bits: u32) -> Self {
        let [a, b, c, d, e, f, g, h] = base;
        Self { base: Ipv6Addr::new(a, b, c, d, e, f, g, h).to_bits(), bits }
    }

    /// Parses `10.1.0.0/16`, `fd00::/8`, or a single address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        let (base, longest) = match base.parse::<IpAddr>().ok()? {
            IpAddr::V4(base) => (Self::v4(base.octets(), 32), 32),
            IpAddr::V6(base) => (Self::v6(base.segments(), 128), 128),
        };
        let bits =
            bits.map_or(Some(longest), |bits| bits.parse::<u32>().ok().filter(|bits| *bits <= longest))?;
        Some(Self { bits: base.bits - longest + bits, ..base })
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let bits = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        (bits ^ self.base).leading_zeros() >= self.bits
    }
}

/// The IPv4 ranges that are not public: IANA's registry of special-purpose addresses, and metadata services of clouds.
/// The first match counts; an address without a match is public.
const V4: &[(Net, Reach)] = &[
    (Net::v4([100, 100, 100, 200], 32), Reach::Never), // metadata of Alibaba's cloud
    (Net::v4([168, 63, 129, 16], 32), Reach::Never),   // the host under a machine in Azure
    (Net::v4([10, 0, 0, 0], 8), Reach::Private),
    (Net::v4([100, 64, 0, 0], 10), Reach::Private), // behind a carrier's NAT
    (Net::v4([127, 0, 0, 0], 8), Reach::Private),
    (Net::v4([172, 16, 0, 0], 12), Reach::Private),
    (Net::v4([192, 168, 0, 0], 16), Reach::Private),
    (Net::v4([0, 0, 0, 0], 8), Reach::Never), // "this host": Linux connects 0.0.0.0 to itself
    (Net::v4([169, 254, 0, 0], 16), Reach::Never), // link-local, and most clouds' metadata
    (Net::v4([192, 0, 0, 0], 24), Reach::Never), // protocols, and metadata of Oracle's cloud
    (Net::v4([192, 0, 2, 0], 24), Reach::Never), // documentation
    (Net::v4([192, 88, 99, 0], 24), Reach::Never), // relays of 6to4
    (Net::v4([198, 18, 0, 0], 15), Reach::Never), // benchmarks
    (Net::v4([198, 51, 100, 0], 24), Reach::Never), // documentation
    (Net::v4([203, 0, 113, 0], 24), Reach::Never), // documentation
    (Net::v4([224, 0, 0, 0], 3), Reach::Never), // multicast, reserved, broadcast
];

/// The IPv6 ranges, without forms that contain an IPv4 address. The first match counts; an address without a match is
/// not in use.
const V6: &[(Net, Reach)] = &[
    (Net::v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Reach::Private),
    (Net::v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), Reach::Never), // metadata of Amazon's cloud
    (Net::v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), Reach::Never),  // of Google's
    (Net::v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128), Reach::Never), // of Oracle's
    (Net::v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128), Reach::Never),   // of Scaleway's
    (Net::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Reach::Private),         // unique local
    (Net::v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Reach::Private),        // site-local
    (Net::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Reach::Never),          // protocols, benchmarks
    (Net::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Reach::Never),      // documentation
    (Net::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Reach::Never),          // documentation
    (Net::v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3), Reach::Public),
];

/// Whether an address may be connected to. An address that contains an IPv4 address is as restricted as that one.
pub(super) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(_) => look_up(V4, address, Reach::Public),
        IpAddr::V6(v6) => embedded(v6).unwrap_or_else(|| look_up(V6, address, Reach::Never)),
    }
}

fn look_up(table: &[(Net, Reach)], address: IpAddr, otherwise: Reach) -> Reach {
    table.iter().find(|(net, _)| net.contains(address)).map_or(otherwise, |(_, reach)| *reach)
}

/// The reach of the IPv4 address that this address contains and that a gateway would forward to. Local-use NAT64
/// (`64:ff9b:1::/48`) is not handled here: each network chooses where the IPv4 address is in it, so such an address is
/// never public.
fn embedded(address: Ipv6Addr) -> Option<Reach> {
    let v4 = |high: u16, low: u16| {
        reach(IpAddr::V4(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))))
    };
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => return None, // the loopback, no 0.0.0.1
        [0, 0, 0, 0, 0, 0, high, low] => v4(high, low), // IPv4-compatible
        [0, 0, 0, 0, 0, 0xffff, high, low] => v4(high, low), // IPv4-mapped
        [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low), // IPv4-translated
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low), // NAT64
        [0x2002, high, low, ..] => v4(high, low), // 6to4
        // Teredo: the server's address, and the client's address with all bits inverted.
        [0x2001, 0, high, low, .., x, y] => v4(high, low).max(v4(!x, !y)),
        // ISATAP: an interface identifier that can follow any prefix.
        [.., 0 | 0x200, 0x5efe, high, low] => v4(high, low).max(look_up(V6, address.into(), Reach::Never)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(address: &str) -> Reach {
        reach(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_public() {
        for address in "
            1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255
            128.0.0.1 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255
            192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 2606:4700:4700::1111
            2a00:1450:4001:81b::200e 2001:200::1 2001:db9::1 64:ff9b::808:808 ::ffff:8.8.8.8
            2002:808:808::1
        "
        .split_whitespace()
        {
            assert_eq!(of(address), Reach::Public, "{address}");
        }
    }

    #[test]
    fn private_networks_are_private_to_their_last_address() {
        for address in "
            10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255 172.16.0.0
            172.31.255.255 192.168.0.0 192.168.255.255 ::1 fc00:: fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
            fec0::1 feff::1 ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::a00:1 2002:c0a8:1::1
            2001:0:808:808::f5ff:fffe
        "
        .split_whitespace()
        {
            assert_eq!(of(address), Reach::Private, "{address}");
        }
    }

    #[test]
    fn special_addresses_are_never_reachable() {
        for address in "
            0.0.0.0 0.255.255.255 100.100.100.200 168.63.129.16 169.254.169.254 169.254.0.0 192.0.0.192
            192.0.2.1 192.88.99.1 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
            239.255.255.255 240.0.0.1 255.255.255.255 :: fd00:ec2::254 fd20:ce::254 fe80::1 febf::1 ff02::1
            100::1 2001:2::1 2001:20::1 2001:db8::1 3fff::1 64:ff9b:1::1 64:ff9b::a9fe:a9fe
            ::ffff:169.254.169.254 ::ffff:0:169.254.169.254 2002:a9fe:a9fe::1 2001:0:a9fe:a9fe::f7f7:f7f7
            2606:4700::5efe:169.254.169.254 fe80::200:5efe:8.8.8.8 4000::1 5f00::1
        "
        .split_whitespace()
        {
            assert_eq!(of(address), Reach::Never, "{address}");
        }
    }

    #[test]
    fn ranges_are_parsed_and_contain_their_addresses() {
        let holds = |net: &str, address: &str| Net::parse(net).unwrap().contains(address.parse().unwrap());
        assert!(holds("10.1.0.0/16", "10.1.255.255") && !holds("10.1.0.0/16", "10.2.0.0"));
        assert!(holds("10.1.2.3", "10.1.2.3") && !holds("10.1.2.3", "10.1.2.2"));
        assert!(holds("0.0.0.0/0", "255.1.2.3") && !holds("0.0.0.0/0", "2000::1"));
        assert!(holds("fd00::/8", "fd12::1") && !holds("fd00::/8", "fe00::1"));
        assert!(holds("127.0.0.1/32", "::ffff:127.0.0.1"));
        for text in
            ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "10.0.0.0/-1", "name", "1.2.3.4/8/8"]
        {
            assert_eq!(Net::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_ipv4_address_has_the_same_reach_in_all_its_ipv6_forms(bits: u32, tail: u128) {
            let v4 = Ipv4Addr::from_bits(bits);
            let (expected, bits) = (reach(v4.into()), u128::from(bits));
            let teredo = (0x2001_u128 << 112) | (0x0808_0808 << 64) | (u128::from(!v4.to_bits()));
            let forms = [
                v4.to_ipv6_mapped().to_bits(),
                (0xffff << 48) | bits,
                (0x64_ff9b_u128 << 96) | bits,
                (0x2002_u128 << 112) | (bits << 80) | (tail >> 48),
                teredo,
                (0x2606_4700_u128 << 96) | (0x5efe << 32) | bits,
            ];
            for form in forms {
                prop_assert_eq!(reach(Ipv6Addr::from_bits(form).into()), expected, "{}", Ipv6Addr::from_bits(form));
            }
            if bits != 1 {
                prop_assert_eq!(reach(Ipv6Addr::from_bits(bits).into()), expected);
            }
        }

        #[test]
        fn every_address_has_a_reach_and_only_global_unicast_is_public(bits: u128) {
            let address = Ipv6Addr::from_bits(bits);
            let public = reach(address.into()) == Reach::Public;
            prop_assert!(!public || bits >> 125 == 1 || embedded(address).is_some());
        }

        #[test]
        fn parsing_a_range_never_panics(text in "[0-9a-f.:/]{0,24}") {
            let _ = Net::parse(&text).map(|net| net.contains(Ipv4Addr::LOCALHOST.into()));
        }
    }
}
