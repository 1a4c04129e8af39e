//! One (message, recipient) pair of the ledger, packed into 16 bytes.

use serde::Serialize;
use uuid::Uuid;

use crate::provider::Provider;

/// Instants are kept in ticks of 10 microseconds: 32 bits last for almost 12 hours.
const MICROS_PER_TICK: u64 = 10;

/// What is known of one (message, recipient) pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    first_tick: u32,
    latency_micros: u32,
    count: u16,
    answers_lost: u16,
    provider: Provider,
}

impl Entry {
    pub(super) fn first(provider: Provider, since_start_micros: u64, answer_lost: bool) -> Self {
        Self {
            first_tick: u32::try_from(since_start_micros / MICROS_PER_TICK).unwrap_or(u32::MAX),
            latency_micros: 0,
            count: 1,
            answers_lost: u16::from(answer_lost),
            provider,
        }
    }

    pub(super) fn with_latency(mut self, micros: u64) -> Self {
        self.latency_micros = u32::try_from(micros).unwrap_or(u32::MAX);
        self
    }

    pub(super) fn again(&mut self, answers_lost: u16) {
        self.count = self.count.saturating_add(1);
        self.answers_lost = self.answers_lost.saturating_add(answers_lost);
    }

    /// Nobody waited for the last answer any more.
    pub(super) fn lose_answer(&mut self) {
        self.answers_lost = self.answers_lost.saturating_add(1);
    }

    pub(super) fn answers_lost_now(self) -> u16 {
        self.answers_lost
    }

    /// The provider that accepted it first.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// How many times it was accepted.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::from(self.count)
    }

    /// How many of these acceptances had their answer dropped or spoiled on purpose, or were answered
    /// when nobody waited any more.
    #[must_use]
    pub fn answers_lost(&self) -> u32 {
        u32::from(self.answers_lost)
    }

    /// Instant of the first acceptance in microseconds since the ledger was made.
    #[must_use]
    pub fn first_micros(&self) -> u64 {
        u64::from(self.first_tick) * MICROS_PER_TICK
    }

    /// Publish-to-first-acceptance in microseconds; 0 when the message carried no marker.
    #[must_use]
    pub fn latency_micros(&self) -> u64 {
        u64::from(self.latency_micros)
    }
}

/// The first acceptance of a published message by one recipient, with all that a page about a run
/// wants to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The publisher's sequence number.
    pub sequence: u64,
    /// Instant in microseconds since the ledger was made.
    pub at_micros: u64,
    /// Publish to acceptance, microseconds.
    pub latency_micros: u64,
    /// Stands for the recipient.
    pub recipient: u64,
    /// Who accepted it.
    pub provider: Provider,
}

/// What an entry is filed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The publisher's sequence number, from the marker.
    Sequence(u64),
    /// The engine's notification id.
    Notification(Uuid),
}

/// A message that one recipient got more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SentTwice {
    /// Which message.
    pub subject: Subject,
    /// Acceptances for this recipient.
    pub count: u32,
    /// How many of them had their answer lost on purpose: each of these excuses one repetition.
    pub answers_lost: u32,
}

impl SentTwice {
    /// Repetitions that no lost answer explains.
    #[must_use]
    pub fn unexcused(&self) -> u32 {
        self.count
            .saturating_sub(1)
            .saturating_sub(self.answers_lost)
    }
}
