//! Questions to the ledger. They walk over all entries, so they are for the end of a run.

use std::collections::HashSet;
use std::hash::Hash;

use hdrhistogram::Histogram;
use uuid::Uuid;

use super::entry::{Entry, Moment, SentTwice, Subject};
use super::shard::{Shard, locked, recipient_hash};
use super::{Ledger, SHARDS, new_histogram};

impl Ledger {
    /// How many times notification `id` was accepted, over all its recipients.
    #[must_use]
    pub fn count_of(&self, id: Uuid) -> u32 {
        self.entries_of(id).iter().map(Entry::count).sum()
    }

    /// How many times `recipient` was sent notification `id`.
    #[must_use]
    pub fn count_for(&self, id: Uuid, recipient: &str) -> u32 {
        locked(&self.shard_of_id(id).ids)
            .get(&(id, recipient_hash(recipient)))
            .map_or(0, Entry::count)
    }

    /// The entries of notification `id`, one per recipient.
    #[must_use]
    pub fn entries_of(&self, id: Uuid) -> Vec<Entry> {
        locked(&self.shard_of_id(id).ids)
            .iter()
            .filter(|((key, _), _)| *key == id)
            .map(|(_, entry)| *entry)
            .collect()
    }

    /// The entries of published message `sequence`, one per recipient.
    #[must_use]
    pub fn entries_of_sequence(&self, sequence: u64) -> Vec<Entry> {
        locked(&self.shard_of_sequence(sequence).sequences)
            .iter()
            .filter(|((key, _), _)| *key == sequence)
            .map(|(_, entry)| *entry)
            .collect()
    }

    /// How many different notification ids were accepted.
    #[must_use]
    pub fn notifications(&self) -> usize {
        let mut seen = HashSet::new();
        self.each_id(|id, _| {
            seen.insert(id);
        });
        seen.len()
    }

    /// How many different published sequences were accepted.
    #[must_use]
    pub fn sequences(&self) -> usize {
        self.seen_sequences().len()
    }

    /// Expected notification ids that no provider accepted.
    #[must_use]
    pub fn missing(&self, expected: impl IntoIterator<Item = Uuid>) -> Vec<Uuid> {
        let mut seen = HashSet::new();
        self.each_id(|id, _| {
            seen.insert(id);
        });
        absent(&seen, expected)
    }

    /// Expected sequences that no provider accepted.
    #[must_use]
    pub fn missing_sequences(&self, expected: impl IntoIterator<Item = u64>) -> Vec<u64> {
        absent(&self.seen_sequences(), expected)
    }

    /// Expected (sequence, number of recipients) pairs that got fewer recipients, with how many
    /// are lacking. For push, where one message goes to each device.
    #[must_use]
    pub fn lacking_recipients(
        &self,
        expected: impl IntoIterator<Item = (u64, u32)>,
    ) -> Vec<(u64, u32)> {
        let mut seen = std::collections::HashMap::<u64, u32>::new();
        self.each_sequence(|sequence, _| *seen.entry(sequence).or_default() += 1);
        expected
            .into_iter()
            .filter_map(|(sequence, recipients)| {
                let got = seen.get(&sequence).copied().unwrap_or(0);
                (got < recipients).then_some((sequence, recipients - got))
            })
            .collect()
    }

    /// Messages that one recipient got more than once, by sequence where there was a marker, else
    /// by notification id; in order.
    #[must_use]
    pub fn sent_twice(&self) -> Vec<SentTwice> {
        let mut found = Vec::new();
        let mut marked = false;
        self.each_sequence(|sequence, entry| {
            marked = true;
            note_repeated(&mut found, Subject::Sequence(sequence), entry);
        });
        if !marked {
            self.each_id(|id, entry| note_repeated(&mut found, Subject::Notification(id), entry));
        }
        found.sort_by_key(|twice| twice.subject);
        found
    }

    /// Instants of all first acceptances in microseconds since the ledger was made, ascending.
    #[must_use]
    pub fn instants(&self) -> Vec<u64> {
        let mut instants = Vec::new();
        self.each_sequence(|_, entry| instants.push(entry.first_micros()));
        if instants.is_empty() {
            self.each_id(|_, entry| instants.push(entry.first_micros()));
        }
        instants.sort_unstable();
        instants
    }

    /// The first acceptances of all published messages, in the order in which they came.
    #[must_use]
    pub fn moments(&self) -> Vec<Moment> {
        let mut moments = Vec::new();
        for shard in &self.shards {
            for ((sequence, recipient), entry) in locked(&shard.sequences).iter() {
                moments.push(Moment {
                    sequence: *sequence,
                    at_micros: entry.first_micros(),
                    latency_micros: entry.latency_micros(),
                    recipient: *recipient,
                    provider: entry.provider(),
                });
            }
        }
        moments.sort_unstable_by_key(|moment| moment.at_micros);
        moments
    }

    /// Publish-to-acceptance latency in microseconds of the sequences that `wanted` picks, for
    /// example those of one lane.
    #[must_use]
    pub fn latency_of(&self, wanted: impl Fn(u64) -> bool) -> Histogram<u64> {
        let mut histogram = new_histogram();
        self.each_sequence(|sequence, entry| {
            if wanted(sequence) {
                histogram.saturating_record(entry.latency_micros().max(1));
            }
        });
        histogram
    }

    fn seen_sequences(&self) -> HashSet<u64> {
        let mut seen = HashSet::new();
        self.each_sequence(|sequence, _| {
            seen.insert(sequence);
        });
        seen
    }

    fn each_sequence(&self, mut visit: impl FnMut(u64, &Entry)) {
        for shard in &self.shards {
            for ((sequence, _), entry) in locked(&shard.sequences).iter() {
                visit(*sequence, entry);
            }
        }
    }

    fn each_id(&self, mut visit: impl FnMut(Uuid, &Entry)) {
        for shard in &self.shards {
            for ((id, _), entry) in locked(&shard.ids).iter() {
                visit(*id, entry);
            }
        }
    }

    pub(super) fn shard_of_sequence(&self, sequence: u64) -> &Shard {
        self.shard(sequence)
    }

    pub(super) fn shard_of_id(&self, id: Uuid) -> &Shard {
        // The low half: the high half of a version 7 id is the time and would fill one shard.
        self.shard(id.as_u64_pair().1)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the index is taken modulo the fixed length"
    )]
    fn shard(&self, number: u64) -> &Shard {
        &self.shards[(number % SHARDS as u64) as usize]
    }
}

fn note_repeated(found: &mut Vec<SentTwice>, subject: Subject, entry: &Entry) {
    if entry.count() > 1 {
        found.push(SentTwice {
            subject,
            count: entry.count(),
            answers_lost: entry.answers_lost(),
        });
    }
}

fn absent<T: Copy + Eq + Hash>(seen: &HashSet<T>, expected: impl IntoIterator<Item = T>) -> Vec<T> {
    expected
        .into_iter()
        .filter(|item| !seen.contains(item))
        .collect()
}
