//! What a run showed: counts, throughput, latency and what the engine used, as text and JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::harness::usage::Usage;
use crate::lane::Channel;
use crate::ledger::{Ledger, SentTwice};
use crate::publisher::Published;
use crate::simulator::{Simulator, Stats};

mod figures;
mod text;

pub use figures::{Percentiles, Throughput};

/// How many sequences of each kind of fault are listed.
const SHOWN: usize = 20;

/// The result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The run's name, which its idempotency keys begin with.
    pub run: String,
    /// Seed of the load.
    pub seed: u64,
    /// Rate asked for, per second; 0 is flat out.
    pub rate: f64,
    /// Whether everything expected was there before patience ended.
    pub settled: bool,
    /// Counts.
    pub counts: Counts,
    /// Acceptances per second.
    pub throughput: Throughput,
    /// Publish-to-acceptance latency of all messages.
    pub latency: Percentiles,
    /// The same by channel and by priority.
    pub latency_by: BTreeMap<String, Percentiles>,
    /// CPU and memory of the engine, when its process was named.
    pub engine: Option<EngineCost>,
    /// CPU and memory of this program: publisher and simulators.
    pub instrument: Option<Usage>,
    /// The simulators' own counters.
    pub simulators: BTreeMap<&'static str, Stats>,
    /// The first sequences that are missing.
    pub missing: Vec<u64>,
    /// The first messages that were sent twice.
    pub sent_twice: Vec<SentTwice>,
    /// The first sequences that were sent and must not have been (expired ones).
    pub forbidden: Vec<u64>,
}

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages handed to the broker.
    pub published: u64,
    /// Messages the broker confirmed.
    pub confirmed: u64,
    /// Messages that no queue took.
    pub unroutable: u64,
    /// Messages refused or unanswered.
    pub failed: u64,
    /// Acceptances that the confirmed messages must lead to.
    pub expected: u64,
    /// Acceptances by providers, repetitions included.
    pub accepted: u64,
    /// Different (message, recipient) pairs accepted.
    pub distinct: u64,
    /// Acceptances beyond the first of their pair.
    pub duplicates: u64,
    /// Repetitions that no lost answer explains.
    pub unexcused_duplicates: u64,
    /// Expected acceptances that never came: lost.
    pub missing: u64,
    /// Messages sent that must not have been.
    pub forbidden: u64,
    /// Acceptances before the message's `send_at`.
    pub early: u64,
    /// Acceptances of other runs' messages, left in the queues; they count nowhere else.
    pub foreign: u64,
    /// Requests that broke a provider's description.
    pub malformed: u64,
}

/// What the engine used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EngineCost {
    /// Times and memory.
    #[serde(flatten)]
    pub usage: Usage,
    /// CPU time per distinct acceptance, microseconds.
    pub cpu_micros_per_notification: f64,
}

/// What a report is made from.
#[derive(Debug)]
pub struct Findings<'a> {
    /// The run's name.
    pub run: String,
    /// Seed of the load.
    pub seed: u64,
    /// Rate asked for, per second.
    pub rate: f64,
    /// Whether everything expected came.
    pub settled: bool,
    /// What was published.
    pub published: &'a Published,
    /// What was accepted.
    pub ledger: &'a Ledger,
    /// The simulators.
    pub simulators: &'a [Simulator],
    /// What the engine used.
    pub engine: Option<Usage>,
    /// What this program used.
    pub instrument: Option<Usage>,
}

impl Report {
    /// Compares what was published with what was accepted.
    #[must_use]
    pub fn new(findings: Findings<'_>) -> Self {
        let ledger = findings.ledger;
        let lacking = ledger.lacking_recipients(findings.published.expected.wanted());
        let twice = ledger.sent_twice();
        let forbidden = sent_among(ledger, findings.published.expected.forbidden());
        let simulators: BTreeMap<_, _> = findings
            .simulators
            .iter()
            .map(|simulator| (simulator.provider().name(), simulator.stats()))
            .collect();
        let mut counts = counts(findings.published, ledger);
        counts.unexcused_duplicates = twice.iter().map(|one| u64::from(one.unexcused())).sum();
        counts.missing = lacking.iter().map(|(_, lacking)| u64::from(*lacking)).sum();
        counts.forbidden = forbidden.len() as u64;
        counts.malformed = simulators.values().map(|stats| stats.malformed).sum();
        Self {
            settled: findings.settled,
            run: findings.run,
            seed: findings.seed,
            rate: findings.rate,
            throughput: Throughput::of(&ledger.instants()),
            latency: Percentiles::of(&ledger.latency(None)),
            latency_by: latency_by(findings.published, ledger),
            engine: findings
                .engine
                .map(|usage| EngineCost::new(usage, counts.distinct)),
            instrument: findings.instrument,
            simulators,
            missing: lacking
                .iter()
                .take(SHOWN)
                .map(|(sequence, _)| *sequence)
                .collect(),
            sent_twice: twice.into_iter().take(SHOWN).collect(),
            forbidden: forbidden.into_iter().take(SHOWN).collect(),
            counts,
        }
    }

    /// Why the run is not good; empty when it is.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let counts = &self.counts;
        let named = [
            (counts.missing, "expected acceptances are missing"),
            (
                counts.unexcused_duplicates,
                "repetitions have no lost answer to excuse them",
            ),
            (
                counts.forbidden,
                "messages were sent that must not have been",
            ),
            (counts.malformed, "requests broke a provider's description"),
            (counts.unroutable, "messages found no queue"),
            (counts.failed, "messages were refused by the broker"),
        ];
        named
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}

fn counts(published: &Published, ledger: &Ledger) -> Counts {
    let totals = ledger.totals();
    Counts {
        published: published.published,
        confirmed: published.confirmed,
        unroutable: published.unroutable,
        failed: published.failed,
        expected: published.expected.acceptances(),
        accepted: totals.accepted,
        distinct: totals.distinct,
        duplicates: totals.duplicates,
        early: totals.early,
        foreign: totals.foreign,
        ..Counts::default()
    }
}

/// Those of `sequences` that were accepted at all.
fn sent_among(ledger: &Ledger, sequences: impl Iterator<Item = u64>) -> Vec<u64> {
    let sequences: Vec<_> = sequences.collect();
    let absent: std::collections::HashSet<_> = ledger
        .missing_sequences(sequences.iter().copied())
        .into_iter()
        .collect();
    sequences
        .into_iter()
        .filter(|sequence| !absent.contains(sequence))
        .collect()
}

fn latency_by(published: &Published, ledger: &Ledger) -> BTreeMap<String, Percentiles> {
    let lane_of = |sequence| published.expected.lane(sequence);
    let lanes = published.expected.lanes();
    let mut by = BTreeMap::new();
    for channel in Channel::ALL {
        if lanes.keys().any(|lane| lane.channel == channel) {
            let picked =
                ledger.latency_of(|s| lane_of(s).is_some_and(|lane| lane.channel == channel));
            by.insert(channel.to_string(), Percentiles::of(&picked));
        }
    }
    for priority in crate::lane::Priority::ALL {
        if lanes.keys().any(|lane| lane.priority == priority) {
            let picked =
                ledger.latency_of(|s| lane_of(s).is_some_and(|lane| lane.priority == priority));
            by.insert(priority.to_string(), Percentiles::of(&picked));
        }
    }
    by
}

impl EngineCost {
    fn new(usage: Usage, notifications: u64) -> Self {
        Self {
            usage,
            cpu_micros_per_notification: usage.cpu_seconds() * 1e6 / notifications.max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests;
