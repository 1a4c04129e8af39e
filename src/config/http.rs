//! Settings of the HTTP server.

use std::net::{Ipv4Addr, SocketAddr};

use super::reader::Reader;

/// Where the API listens.
#[derive(Debug, Clone)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Threads that answer.
    pub workers: usize,
}

impl Http {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let allowed = "an IP address and a port, for example 127.0.0.1:8080 or [::]:8080";
        let bind = reader.parsed("http.bind", allowed, |text| {
            text.parse::<SocketAddr>().ok().map(Some)
        });
        Self {
            bind: bind.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            workers: reader.integer("http.workers", 1..=64, "threads"),
        }
    }
}
