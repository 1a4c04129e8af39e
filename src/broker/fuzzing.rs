//! The doors that a publisher's and a broker's bytes come through, for the fuzzer.

use lapin::BasicProperties;

use super::arrival;
pub use super::connection::fuzzing::seen;

/// Reads all that is read of a message's properties.
pub fn properties(properties: &BasicProperties) {
    let said = arrival::SaidProperties::of(properties);
    if let (Some(from), Some(by)) = (said.published_at, said.published_by) {
        assert!(from <= by, "{from} {by}");
    }
    if let Some(refusal) = said.refusal {
        assert!(!refusal.detail.is_empty() && refusal.detail.len() <= 1_000);
    }
}
