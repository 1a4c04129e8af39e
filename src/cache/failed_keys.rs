//! Keys that open nothing, by the address that they come from. So many a minute are looked up, and no more.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

use super::minute_counts::MinuteCounts;

/// How many keys of each address opened nothing.
#[derive(Debug)]
pub struct FailedKeys(MinuteCounts<IpAddr>);

impl FailedKeys {
    /// With so many a minute; with any, when it is 0.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self(MinuteCounts::new(most))
    }

    /// For how long no key of this address is looked up.
    pub fn blocked(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        self.0.blocked(&network(from), now)
    }

    /// One opened nothing.
    pub fn note(&self, from: IpAddr, now: Instant) {
        self.0.note(network(from), now);
    }
}

/// Whoever has one address of IPv6 has all of its network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let first = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(first))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[test]
    fn an_address_is_left_alone_for_the_rest_of_a_minute() {
        let failed = FailedKeys::new(2);
        let (start, here) = (clock::instant(), "192.0.2.1".parse().unwrap());
        let at = |seconds| start + Duration::from_secs(seconds);
        failed.note(here, at(0));
        assert_eq!(failed.blocked(here, at(1)), None);
        failed.note(here, at(10));
        assert_eq!(failed.blocked(here, at(20)), Some(Duration::from_secs(40)));
        assert_eq!(failed.blocked("192.0.2.2".parse().unwrap(), at(20)), None);
        assert_eq!(failed.blocked(here, at(61)), None);
        failed.note(here, at(61));
        assert_eq!(failed.blocked(here, at(62)), None, "a new minute");
        let any = FailedKeys::new(0);
        any.note(here, at(0));
        assert_eq!(any.blocked(here, at(0)), None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let failed = FailedKeys::new(1);
        let now = clock::instant();
        failed.note("2001:db8::1".parse().unwrap(), now);
        assert!(
            failed
                .blocked("2001:db8::ffff:2".parse().unwrap(), now)
                .is_some()
        );
        assert!(
            failed
                .blocked("2001:db8:0:1::1".parse().unwrap(), now)
                .is_none()
        );
    }
}
