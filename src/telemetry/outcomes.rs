//! Outcomes counted by channel, status and reason.

use std::sync::OnceLock;

use metrics::Counter;

use super::declarations as declared;
use super::registry::Registry;
use super::table::WordTable;
use crate::domain::{Channel, Reason, Status};

/// Counters of the outcomes of one provider, or of those that never chose one.
pub(super) struct Outcomes {
    provider: String,
    registry: Registry,
    /// Registered when first seen, for most combinations never happen.
    slots: WordTable<OnceLock<Counter>>,
}

impl Outcomes {
    /// Counters for a provider; the empty name stands for "none chosen".
    pub(super) fn of(registry: Registry, provider: &str) -> Self {
        let slots = Channel::ALL.len() * Status::ALL.len() * (Reason::ALL.len() + 1);
        Self {
            provider: provider.to_owned(),
            registry,
            slots: WordTable::of(0..slots, |_| OnceLock::new()),
        }
    }

    /// Counts one outcome.
    pub(super) fn count(&self, channel: Channel, status: Status, reason: Option<Reason>) {
        self.slots
            .at(slot(channel, status, reason))
            .get_or_init(|| self.register(channel, status, reason))
            .increment(1);
    }

    fn register(&self, channel: Channel, status: Status, reason: Option<Reason>) -> Counter {
        let labels = [
            ("channel", channel.as_str()),
            ("provider", self.provider.as_str()),
            ("status", status.as_str()),
            ("reason", reason.map_or("", Reason::as_str)),
        ];
        self.registry.counter(&declared::SETTLED, &labels)
    }
}

const fn slot(channel: Channel, status: Status, reason: Option<Reason>) -> usize {
    let reason = match reason {
        None => 0,
        Some(reason) => reason.index() + 1,
    };
    let pair = channel.index() * Status::ALL.len() + status.index();
    pair * (Reason::ALL.len() + 1) + reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_slot_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        let reasons = || std::iter::once(None).chain(Reason::ALL.iter().copied().map(Some));
        for channel in Channel::ALL {
            for status in Status::ALL {
                for reason in reasons() {
                    seen.insert(slot(*channel, *status, reason));
                }
            }
        }
        let slots = Channel::ALL.len() * Status::ALL.len() * reasons().count();
        assert_eq!(seen.len(), slots);
        assert_eq!(seen.last(), Some(&(slots - 1)));
    }
}
