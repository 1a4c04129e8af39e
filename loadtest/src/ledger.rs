//! What the providers really accepted, by the publisher's sequence and by the engine's notification id.
//!
//! Nothing here rests on the engine's word: an entry is made when a simulator accepts a request, and
//! never in any other way. One ledger may be shared by all simulators of a run. It is made for a
//! million entries: recipients are kept as a hash, instants as 10-microsecond ticks.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::time::timeout;
use uuid::Uuid;

use crate::marker::{self, Marker};
use crate::provider::Provider;

mod entry;
mod query;
mod shard;

pub use entry::{Entry, Moment, SentTwice, Subject};
pub(crate) use shard::locked;
use shard::{Shard, recipient_hash};

const SHARDS: usize = 16;
/// So much before its instant a message is not early yet: the clock steps in microseconds, and a
/// `send_at` may be kept in milliseconds.
const EARLY_MICROS: u64 = 1_000;
/// Latencies above one hour are counted as one hour.
const LONGEST_MICROS: u64 = 3_600_000_000;

/// One acceptance, as a simulator hands it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The engine's id of the notification, when the request carried it.
    pub notification_id: Option<Uuid>,
    /// Address that the provider was asked to deliver to.
    pub recipient: String,
    /// The publisher's marker, when the rendered message carried one.
    pub marker: Option<Marker>,
}

/// Running totals of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Acceptances, duplicates included.
    pub accepted: u64,
    /// Different (message, recipient) pairs accepted.
    pub distinct: u64,
    /// Acceptances beyond the first of their pair.
    pub duplicates: u64,
    /// Acceptances before the instant in their marker: a `send_at` that was not kept.
    pub early: u64,
    /// Acceptances of other runs' messages: their sequences are outside the range begun with. They
    /// are counted here and nowhere else.
    pub foreign: u64,
    /// Acceptances with neither a marker nor a notification id: nobody can be asked about them.
    pub unattributed: u64,
}

/// The record of all acceptances.
#[derive(Debug)]
pub struct Ledger {
    shards: Vec<Shard>,
    latency: Vec<Mutex<Option<Histogram<u64>>>>,
    started_micros: u64,
    accepted: AtomicU64,
    distinct: AtomicU64,
    unattributed: AtomicU64,
    early: AtomicU64,
    foreign: AtomicU64,
    first_sequence: AtomicU64,
    end_sequence: AtomicU64,
    changed: Notify,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            latency: Provider::ALL.iter().map(|_| Mutex::new(None)).collect(),
            started_micros: marker::now_micros(),
            accepted: AtomicU64::new(0),
            distinct: AtomicU64::new(0),
            unattributed: AtomicU64::new(0),
            early: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
            first_sequence: AtomicU64::new(0),
            end_sequence: AtomicU64::new(u64::MAX),
            changed: Notify::new(),
        }
    }

    /// Writes down that `provider` accepted a message now. `answer_lost` says that the engine will
    /// not get to know of it (the answer is dropped or spoiled), so that it may rightly send again.
    pub fn accept(&self, provider: Provider, acceptance: &Acceptance, answer_lost: bool) {
        if acceptance
            .marker
            .is_some_and(|marker| self.is_foreign(marker.sequence))
        {
            self.foreign.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let now = marker::now_micros();
        let recipient = recipient_hash(&acceptance.recipient);
        let entry = Entry::first(
            provider,
            now.saturating_sub(self.started_micros),
            answer_lost,
        );
        let mut new = false;
        if let Some(id) = acceptance.notification_id {
            new = self.shard_of_id(id).add_id(id, recipient, entry);
        }
        if let Some(marker) = acceptance.marker {
            let waited = now.saturating_sub(marker.published_micros);
            let sequence = marker.sequence;
            if now.saturating_add(EARLY_MICROS) < marker.published_micros {
                self.early.fetch_add(1, Ordering::Relaxed);
            }
            new = self.shard_of_sequence(sequence).add_sequence(
                sequence,
                recipient,
                entry.with_latency(waited),
            );
            if new {
                self.record_latency(provider, waited);
            }
        }
        if acceptance.notification_id.is_none() && acceptance.marker.is_none() {
            self.unattributed.fetch_add(1, Ordering::Relaxed);
        }
        if new {
            self.distinct.fetch_add(1, Ordering::Relaxed);
        }
        self.accepted.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Microseconds since the ledger was made: the clock of its instants.
    #[must_use]
    pub fn clock_micros(&self) -> u64 {
        marker::now_micros().saturating_sub(self.started_micros)
    }

    /// Writes down that the engine went away before it was told of an acceptance: as with an answer
    /// that is dropped on purpose, it may rightly send again.
    pub fn lose_answer(&self, acceptance: &Acceptance) {
        let recipient = recipient_hash(&acceptance.recipient);
        if let Some(id) = acceptance.notification_id {
            self.shard_of_id(id).lose_answer_of_id(id, recipient);
        }
        if let Some(Marker { sequence, .. }) = acceptance.marker {
            self.shard_of_sequence(sequence)
                .lose_answer_of_sequence(sequence, recipient);
        }
    }

    /// Forgets everything and takes only messages with these sequences from now on: what an earlier
    /// run left in the queues is then not mistaken for this run's.
    pub fn begin(&self, sequences: Range<u64>) {
        self.first_sequence
            .store(sequences.start, Ordering::Release);
        self.end_sequence.store(sequences.end, Ordering::Release);
        self.clear();
    }

    fn is_foreign(&self, sequence: u64) -> bool {
        let first = self.first_sequence.load(Ordering::Acquire);
        let end = self.end_sequence.load(Ordering::Acquire);
        sequence < first || sequence >= end
    }

    /// Forgets everything, for the next measurement with the same simulators.
    pub fn clear(&self) {
        for shard in &self.shards {
            shard.clear();
        }
        for slot in &self.latency {
            *locked(slot) = None;
        }
        self.accepted.store(0, Ordering::Release);
        self.distinct.store(0, Ordering::Release);
        self.unattributed.store(0, Ordering::Release);
        self.early.store(0, Ordering::Release);
        self.foreign.store(0, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Running totals; cheap enough for a progress line.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let accepted = self.accepted.load(Ordering::Acquire);
        let distinct = self.distinct.load(Ordering::Acquire);
        let unattributed = self.unattributed.load(Ordering::Acquire);
        Totals {
            accepted,
            distinct,
            duplicates: accepted
                .saturating_sub(distinct)
                .saturating_sub(unattributed),
            early: self.early.load(Ordering::Acquire),
            foreign: self.foreign.load(Ordering::Acquire),
            unattributed,
        }
    }

    /// Acceptances so far, duplicates included.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Acquire)
    }

    /// Different (message, recipient) pairs accepted so far.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        self.distinct.load(Ordering::Acquire)
    }

    /// Waits until `condition` holds; it is asked again after each acceptance, without polling.
    /// Returns whether it came true within `limit`.
    pub async fn wait_until(&self, limit: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        let wait = async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                // Registered before the question is asked, so that no acceptance slips between.
                changed.as_mut().enable();
                if condition(self) {
                    return;
                }
                changed.await;
            }
        };
        timeout(limit, wait).await.is_ok()
    }

    /// Waits until at least `count` acceptances are recorded; false when `limit` passed first.
    pub async fn wait_for_accepted(&self, count: u64, limit: Duration) -> bool {
        self.wait_until(limit, |ledger| ledger.accepted() >= count)
            .await
    }

    /// Waits until notification `id` was accepted; false when `limit` passed first.
    pub async fn wait_for_notification(&self, id: Uuid, limit: Duration) -> bool {
        self.wait_until(limit, |ledger| ledger.count_of(id) > 0)
            .await
    }

    /// Publish-to-acceptance latency in microseconds, of all providers or of one; the first
    /// acceptance of each (message, recipient) counts.
    #[must_use]
    pub fn latency(&self, provider: Option<Provider>) -> Histogram<u64> {
        let mut sum = new_histogram();
        for (kind, slot) in Provider::ALL.iter().zip(&self.latency) {
            if provider.is_some_and(|wanted| wanted != *kind) {
                continue;
            }
            if let Some(part) = locked(slot).as_ref() {
                // Equal bounds by construction, so adding cannot fail.
                let _ = sum.add(part);
            }
        }
        sum
    }

    fn record_latency(&self, provider: Provider, micros: u64) {
        if let Some(slot) = self.latency.get(provider.index()) {
            locked(slot)
                .get_or_insert_with(new_histogram)
                .saturating_record(micros.max(1));
        }
    }
}

/// A histogram of microseconds, 1 to one hour, three significant digits.
pub(crate) fn new_histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LONGEST_MICROS, 3) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("the histogram's bounds are constants it accepts: {error}"),
    }
}

#[cfg(test)]
mod tests;
