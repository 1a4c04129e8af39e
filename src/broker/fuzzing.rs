//! The doors that a publisher's properties come through, for the fuzzer.

use lapin::BasicProperties;

use super::arrival;

/// Reads all that is read of a message's properties.
pub fn properties(properties: &BasicProperties) {
    let said = arrival::Said::of(properties);
    if let (Some(from), Some(by)) = (said.published_at, said.published_by) {
        assert!(from <= by, "{from} {by}");
    }
    if let Some(refusal) = said.refusal {
        assert!(!refusal.detail.is_empty() && refusal.detail.len() <= 1_000);
    }
}
