//! Settings that all provider accounts share.

use std::time::Duration;

use super::reader::Reader;

/// How providers are called.
#[derive(Debug, Clone)]
pub struct Providers {
    /// Most requests in flight for one account on this node.
    pub concurrency: usize,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Most bytes read of an answer.
    pub max_response_bytes: usize,
    /// How long an account is left alone after its credentials were refused.
    pub refused_credentials_pause: Duration,
}

impl Providers {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let bytes = 1_024..=16_777_216;
        let connect = Duration::from_millis(100)..=Duration::from_secs(300);
        let pause = Duration::from_secs(1)..=Duration::from_secs(86_400);
        Self {
            concurrency: reader.integer("providers.concurrency", 1..=10_000, "requests"),
            connect_timeout: reader.duration("providers.connect_timeout", connect),
            max_response_bytes: reader.integer("providers.max_response_bytes", bytes, "bytes"),
            refused_credentials_pause: reader
                .duration("providers.refused_credentials_pause", pause),
        }
    }
}
