//! Which addresses are public: everybody's to reach, and none of ours.

// Addresses alone: what opens sockets is in `std`.
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::Network;

/// Which addresses may be reached for somebody who is not to reach ours: public ones, and what is allowed
/// beyond. Clones share it.
#[derive(Debug, Clone)]
pub struct AddressGuard {
    beyond: Arc<[Network]>,
}

impl AddressGuard {
    /// With what is allowed beyond public addresses.
    #[must_use]
    pub fn new(beyond: impl Into<Arc<[Network]>>) -> Self {
        Self {
            beyond: beyond.into(),
        }
    }

    /// Whether an address may be reached.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        is_public(address) || self.beyond.iter().any(|network| network.contains(address))
    }
}

/// Whether an address is public. What is not: private, shared, link-local and loopback addresses; those for
/// benchmarks and documents; those that lead to another one (6to4, Teredo, NAT64, IPv4 written as IPv6);
/// multicast, and all that is reserved (IANA's special-purpose registries).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 31, 196, _]
            | [192, 52, 193, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [192, 175, 48, _]
            | [198, 18..=19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..]
    )
}

/// Only 2000::/3 is handed out to anybody.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let handed_out = matches!(first, 0x2000..=0x3fff);
    let special = match first {
        // IETF protocols with Teredo, benchmarks and ORCHID; documents.
        0x2001 => second < 0x0200 || second == 0x0db8,
        // 6to4.
        0x2002 => true,
        // AS112.
        0x2620 => second == 0x004f,
        // Documents.
        0x3fff => second < 0x1000,
        _ => false,
    };
    handed_out && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_beyond_public_addresses_is_allowed_and_no_more() {
        let guard = AddressGuard::new(["127.0.0.0/8".parse().unwrap()]);
        for (address, is_allowed) in [
            ("1.1.1.1", true),
            ("127.0.0.9", true),
            ("::ffff:127.0.0.9", true),
            ("::1", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(
                guard.allows(address.parse().unwrap()),
                is_allowed,
                "{address}"
            );
        }
    }

    #[test]
    fn only_what_everybody_may_reach_is_public() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn what_is_ours_reserved_or_leads_elsewhere_is_not() {
        for other in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }
}
