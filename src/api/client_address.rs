//! From where a request comes: the address of its connection, or what a trusted proxy says.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;

use crate::domain::Network;

/// The header in which each proxy adds the address that it took the request from.
const FORWARDED: &str = "x-forwarded-for";

/// The address of whoever asks. Of the addresses that were passed on, the last that is no trusted proxy's is
/// believed: those before it may be anybody's words.
pub(super) fn of(request: &HttpRequest, proxies: &[Network]) -> IpAddr {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    // Only a connection without an address, which a TCP listener has not, comes from nowhere.
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let lines = request.headers().get_all(FORWARDED);
    let lines = lines.filter_map(|line| line.to_str().ok());
    believed(peer, &lines.collect::<Vec<_>>(), proxies)
}

fn believed(peer: IpAddr, lines: &[&str], proxies: &[Network]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|it| it.contains(address));
    let mut believed = peer;
    let said = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for word in said {
        if !is_proxy(believed) {
            break;
        }
        // What a trusted proxy cannot say is its own word.
        let Some(address) = address(word.trim()) else {
            break;
        };
        believed = address;
    }
    believed
}

/// An address, with or without a port.
fn address(word: &str) -> Option<IpAddr> {
    let bare = word.trim_start_matches('[').split(']').next()?;
    let exact = bare.parse::<IpAddr>().ok();
    let with_port = || word.parse::<std::net::SocketAddr>().ok().map(|it| it.ip());
    exact.or_else(with_port).map(|it| it.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_that_is_no_trusted_proxys_is_believed() {
        let proxies: Vec<Network> = ["10.0.0.0/8", "::1"].map(|it| it.parse().unwrap()).into();
        for (peer, lines, expected) in [
            ("192.0.2.1", vec!["203.0.113.9"], "192.0.2.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["203.0.113.9"], "203.0.113.9"),
            (
                "10.0.0.1",
                vec!["1.1.1.1, 203.0.113.9, 10.0.0.2"],
                "203.0.113.9",
            ),
            (
                "10.0.0.1",
                vec!["1.1.1.1", "203.0.113.9,10.0.0.2"],
                "203.0.113.9",
            ),
            ("10.0.0.1", vec!["1.1.1.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("::1", vec!["203.0.113.9:4711"], "203.0.113.9"),
            ("::1", vec!["[2001:db8::1]:4711"], "2001:db8::1"),
            ("::1", vec!["::ffff:203.0.113.9"], "203.0.113.9"),
        ] {
            let told = believed(peer.parse().unwrap(), &lines, &proxies);
            assert_eq!(
                told,
                expected.parse::<IpAddr>().unwrap(),
                "{peer} {lines:?}"
            );
        }
        assert_eq!(
            believed("10.0.0.1".parse().unwrap(), &["203.0.113.9"], &[]),
            "10.0.0.1".parse::<IpAddr>().unwrap()
        );
    }
}
