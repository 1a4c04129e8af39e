//! Ports for servers that must be told theirs before they start: an engine's HTTP, a broker of a test.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::fd::IntoRawFd;

/// Below the range that Linux takes the ports of outgoing connections from (32,768 to 60,999 in
/// `ip_local_port_range`): a port that merely was free may be a connection's before the server starts.
const RANGE: Range<u16> = 20_000..32_000;

/// A port of this machine's loopback on which nothing listens, and that no other process is given by this
/// function while this one lives.
///
/// # Errors
/// When no port is free, or no lock file can be made in the folder for temporary files.
pub fn free_port() -> io::Result<u16> {
    let folder = std::env::temp_dir().join("loadtest-ports");
    fs::create_dir_all(&folder)?;
    let size = RANGE.end - RANGE.start;
    let first = rand::random_range(0..size);
    for step in 0..size {
        let port = RANGE.start + (first + step) % size;
        // Opened for writing only to be made: it stays empty.
        let lock = File::create(folder.join(port.to_string()))?;
        if lock.try_lock().is_err() || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
            continue;
        }
        // Never closed by us: the end of this process gives the lock back.
        let _ = lock.into_raw_fd();
        return Ok(port);
    }
    let words = format!("no port from {} to {} is free", RANGE.start, RANGE.end);
    Err(io::Error::new(ErrorKind::AddrNotAvailable, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_never_one_of_outgoing_connections() {
        let given: Vec<u16> = (0..50).map(|_| free_port().unwrap()).collect();
        let mut distinct = given.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), given.len());
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let lowest: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
        assert!(given.iter().all(|port| *port < lowest));
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, given[0])).is_ok());
    }
}
