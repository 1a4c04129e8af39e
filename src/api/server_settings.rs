//! How requests are taken: where the server listens, and how much it takes of whom.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use super::console_parts::ConsoleParts;
use crate::domain::Network;
use crate::domain::sendgrid_key::SendgridCallKey;

/// How requests are taken.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// Where probes and metrics are, if not there; without TLS.
    pub metrics_address: Option<SocketAddr>,
    /// How connections are secured, if they are.
    pub tls: Option<ServerConfig>,
    /// How others reach the API, if they were told.
    pub public_url: Option<String>,
    /// The operators' pages that are served, if any are.
    pub console: Option<ConsoleParts>,
    /// Threads that answer.
    pub workers: usize,
    /// Proxies whose word about whom they pass on is taken.
    pub trusted_proxies: Arc<[Network]>,
    /// What mails to the support desk are signed with, if they must be.
    pub mail_key: Option<Arc<SendgridCallKey>>,
    /// Pages of other origins that may ask.
    pub cors_origins: Arc<[String]>,
    /// Longest time that the head of a request may take: a client that sends it byte by byte holds a
    /// connection for no longer.
    pub head_timeout: Duration,
    /// Longest time from the head to the end of the body.
    pub body_timeout: Duration,
    /// Longest time that an answer may wait for a client that reads nothing of it.
    pub write_timeout: Duration,
    /// How long a connection is kept on which nothing is asked.
    pub keep_alive: Duration,
    /// Most connections.
    pub connections: usize,
    /// Most connections from one address; 0 is as many as there may be.
    pub connections_per_address: usize,
}
