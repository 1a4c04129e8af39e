//! Opens TCP to a name: every address that it has gets its turn (RFC 8305), so that one that swallows
//! what is sent to it costs a moment, not the connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

/// RFC 8305, 5: until the next address is tried beside the ones before.
const STAGGER: Duration = Duration::from_millis(250);

/// The first connection that comes about. Has no limit of its own.
pub(super) async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    first(in_turn(lookup_host((host, port)).await?)).await
}

/// The families in turn, the first one first (RFC 8305, 4).
fn in_turn(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.peekable();
    let Some(six_first) = addresses.peek().map(SocketAddr::is_ipv6) else {
        return vec![];
    };
    let (preferred, others): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv6() == six_first);
    let mut others = others.into_iter();
    let mut turns: Vec<SocketAddr> = preferred
        .into_iter()
        .flat_map(|address| std::iter::once(address).chain(others.next()))
        .collect();
    turns.extend(others);
    turns
}

async fn first(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let (mut rest, mut trying) = (addresses.into_iter(), FuturesUnordered::new());
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        match rest.next() {
            Some(address) => trying.push(TcpStream::connect(address)),
            None if trying.is_empty() => return Err(failure),
            None => {}
        }
        let others_wait = rest.len() > 0;
        tokio::select! {
            Some(tried) = trying.next() => match tried {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            },
            () = sleep(STAGGER), if others_wait => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn all(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let given = all(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let turns = all(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(in_turn(given.into_iter()), turns);
        let given = all(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]);
        assert_eq!(in_turn(given.clone().into_iter()), given);
        assert_eq!(in_turn(std::iter::empty()), []);
    }

    #[tokio::test]
    async fn an_address_behind_dead_ones_is_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        // A port that is closed, and a network that has no machine (RFC 5737).
        let dead = all(&["127.0.0.1:1", "192.0.2.1:25"]);
        let stream = first([dead, vec![here]].concat()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), here);
        assert!(first(all(&["127.0.0.1:1"])).await.is_err());
        assert!(first(vec![]).await.is_err());
    }
}
