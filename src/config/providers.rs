//! Settings that all provider accounts share.

use std::time::Duration;

use super::reader::Reader;
use super::tls;
use crate::resilience::CircuitSettings;
use crate::tls::Files;

/// How providers are called.
#[derive(Debug, Clone)]
pub struct Providers {
    /// Most requests in flight for one account on this node.
    pub concurrency: usize,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Whom HTTP providers' certificates must be signed by.
    pub tls: Files,
    /// Most bytes read of an answer.
    pub max_response_bytes: usize,
    /// How long an account is left alone after it was refused (credentials, sender, limit of the day),
    /// where the provider does not say.
    pub refused_credentials_pause: Duration,
    /// Dead addresses in a minute up to which an account is believed whatever their share.
    pub dead_addresses_a_minute: u32,
    /// Longest that a notification waits in an account's queue for its turn.
    pub queue_wait: Duration,
    /// When an account is left alone because it fails.
    pub circuit: CircuitSettings,
    /// From when on an answer counts as slow.
    pub slow_after: Duration,
}

impl Providers {
    /// The defaults, for tests.
    #[cfg(test)]
    pub(crate) const fn plain() -> Self {
        Self {
            concurrency: 128,
            connect_timeout: Duration::from_secs(5),
            tls: Files {
                section: "providers",
                ca: None,
                certificate: None,
                key: None,
            },
            max_response_bytes: 65_536,
            refused_credentials_pause: Duration::from_secs(60),
            dead_addresses_a_minute: 100,
            queue_wait: Duration::from_secs(60),
            circuit: CircuitSettings {
                failure_ratio: 0.5,
                slow_ratio: 0.8,
                window: Duration::from_secs(10),
                minimum_requests: 10,
                open_for: Duration::from_secs(5),
                open_max: Duration::from_secs(120),
                concurrency: 128,
            },
            slow_after: Duration::from_secs(5),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let bytes = 1_024..=16_777_216;
        let connect = Duration::from_millis(100)..=Duration::from_secs(300);
        let pause = Duration::from_secs(1)..=Duration::from_secs(86_400);
        let wait = Duration::from_secs(1)..=Duration::from_secs(3_600);
        let concurrency = reader.integer("providers.concurrency", 1..=10_000, "requests");
        Self {
            concurrency,
            connect_timeout: reader.duration("providers.connect_timeout", connect),
            tls: tls::authorities(reader, "providers"),
            max_response_bytes: reader.integer("providers.max_response_bytes", bytes, "bytes"),
            refused_credentials_pause: reader
                .duration("providers.refused_credentials_pause", pause),
            dead_addresses_a_minute: reader.integer(
                "providers.dead_addresses_a_minute",
                1..=1_000_000,
                "addresses",
            ),
            queue_wait: reader.duration("providers.queue_wait", wait),
            circuit: circuit(reader, concurrency),
            slow_after: reader.duration(
                "providers.circuit.slow_after",
                Duration::from_millis(1)..=Duration::from_secs(3_600),
            ),
        }
    }
}

fn circuit(reader: &mut Reader<'_>, concurrency: usize) -> CircuitSettings {
    let hour = Duration::from_secs(3_600);
    let least = Duration::from_millis(100);
    let open_for = reader.duration("providers.circuit.open_for", least..=hour);
    let open_max = reader.duration("providers.circuit.open_max", least..=hour * 24);
    // A zero is the stand-in of a value that has been refused already.
    if open_max < open_for && !open_max.is_zero() {
        let () = reader.refuse(
            "providers.circuit.open_max",
            "is below providers.circuit.open_for",
            "at least providers.circuit.open_for",
        );
    }
    CircuitSettings {
        failure_ratio: reader.fraction("providers.circuit.failure_ratio", 0.01..=1.0),
        slow_ratio: reader.fraction("providers.circuit.slow_ratio", 0.01..=1.0),
        window: reader.duration("providers.circuit.window", Duration::from_secs(1)..=hour),
        minimum_requests: reader.integer(
            "providers.circuit.minimum_requests",
            1..=1_000_000,
            "requests",
        ),
        open_for,
        open_max,
        concurrency: u32::try_from(concurrency).unwrap_or(u32::MAX),
    }
}
