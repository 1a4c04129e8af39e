//! How many connections there are, and from where. One too many is told so and closed.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use socket2::SockRef;

use crate::domain::Network;

/// What a connection too many is told, where it can read it.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Counts connections; a value for each lives as long as it does. Clones share the count.
#[derive(Debug, Clone)]
pub(super) struct OpenConnections {
    most: usize,
    /// `None` is as many as there may be.
    most_per_address: Option<usize>,
    write_timeout: Duration,
    /// Whoever is behind them is not one address.
    proxies: Arc<[Network]>,
    counted: Arc<Mutex<ConnectionCounts>>,
}

#[derive(Debug, Default)]
struct ConnectionCounts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct CountedConnection {
    connections: OpenConnections,
    address: IpAddr,
}

/// Counts a connection for as long as it lives; one too many is told so and closed.
pub(super) fn enter(connections: &OpenConnections, stream: &dyn Any, data: &mut Extensions) {
    let plain = stream.downcast_ref::<TcpStream>();
    let secured = stream.downcast_ref::<TlsStream<TcpStream>>();
    let socket = plain.or_else(|| secured.map(|secured| secured.get_ref().0));
    let Some((socket, address)) = socket.and_then(|it| Some((it, it.peer_addr().ok()?.ip())))
    else {
        return;
    };
    connections.cut_off_unread(socket);
    match connections.enter(address) {
        Some(counted) => {
            data.insert(counted);
        }
        None => {
            if plain.is_some() {
                // Whoever does not read it is closed all the same.
                let _ = socket.try_write(TOO_MANY);
            }
            let _ = SockRef::from(socket).shutdown(std::net::Shutdown::Both);
        }
    }
}

impl OpenConnections {
    pub(super) fn new(
        most: usize,
        most_per_address: usize,
        write_timeout: Duration,
        proxies: Arc<[Network]>,
    ) -> Self {
        Self {
            most,
            most_per_address: (most_per_address > 0).then_some(most_per_address),
            write_timeout,
            proxies,
            counted: Arc::default(),
        }
    }

    /// Has the system cut off a client that takes nothing of its answer for so long: the server waits for ever.
    #[cfg(target_os = "linux")]
    fn cut_off_unread(&self, socket: &TcpStream) {
        let set = SockRef::from(socket).set_tcp_user_timeout(Some(self.write_timeout));
        if let Err(error) = set {
            tracing::debug!(%error, "a connection has no time limit for its answers");
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn cut_off_unread(&self, _: &TcpStream) {}

    /// Counts one from this address; `None` when it is one too many.
    pub(super) fn enter(&self, address: IpAddr) -> Option<CountedConnection> {
        let is_proxy = self.proxies.iter().any(|it| it.contains(address));
        let mut counted = self.counted();
        let here = counted.by_address.get(&address).copied().unwrap_or(0);
        let most_here = self.most_per_address.filter(|_| !is_proxy);
        if counted.all >= self.most || most_here.is_some_and(|most| here >= most) {
            return None;
        }
        counted.all += 1;
        counted.by_address.insert(address, here + 1);
        Some(CountedConnection {
            connections: self.clone(),
            address,
        })
    }

    fn counted(&self) -> MutexGuard<'_, ConnectionCounts> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let mut counted = self.connections.counted();
        counted.all = counted.all.saturating_sub(1);
        if let Entry::Occupied(mut here) = counted.by_address.entry(self.address) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn connections_are_counted_until_they_end_and_a_proxy_is_nobodys_address() {
        let proxies: Arc<[Network]> = ["10.0.0.9".parse().unwrap()].into();
        let connections = OpenConnections::new(4, 2, LONG, proxies);
        let (ana, ben) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let proxy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
        let first = connections.enter(ana.into()).unwrap();
        let _second = connections.enter(ana.into()).unwrap();
        assert!(
            connections.enter(ana.into()).is_none(),
            "two of one address"
        );
        drop(first);
        let _again = connections.enter(ana.into()).unwrap();
        let _third = connections.enter(ben.into()).unwrap();
        let fourth = connections.enter(proxy).unwrap();
        assert!(connections.enter(proxy).is_none(), "four of all");
        drop(fourth);
        assert!(connections.enter(proxy).is_some());
        assert_eq!(connections.counted().by_address.len(), 2);
        let many = OpenConnections::new(100, 1, LONG, connections.proxies.clone());
        let _all = [(); 9].map(|()| many.enter(proxy).unwrap());
    }
}
