//! Settings of the webhooks that Herald sends.

use std::time::Duration;

use super::reader::Reader;
use super::{networks, tls};
use crate::domain::AddressGuard;
use crate::tls::Files;

/// How webhooks are sent.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// To which addresses.
    pub guard: AddressGuard,
    /// Most requests in flight to one webhook on this node.
    pub concurrency: usize,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Whom HTTPS servers' certificates must be signed by.
    pub tls: Files,
    /// Time of nothing but failures after which a webhook is disabled.
    pub disable_after: Duration,
}

impl Webhooks {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let connect = Duration::from_millis(100)..=Duration::from_secs(300);
        let disable = Duration::from_secs(1)..=Duration::from_secs(90 * 86_400);
        Self {
            guard: AddressGuard::new(networks::read(reader, "webhooks.allowed_networks")),
            concurrency: reader.integer("webhooks.concurrency", 1..=1_000, "requests"),
            connect_timeout: reader.duration("webhooks.connect_timeout", connect),
            tls: tls::authorities(reader, "webhooks"),
            disable_after: reader.duration("webhooks.disable_after", disable),
        }
    }
}
