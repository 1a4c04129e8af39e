//! What was seen, and questions to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::usage::Sample;
use crate::simulator::Provider;

/// Everything that was seen during a run. Instants are the ledger's.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Processes, and what was published, twice a second.
    pub glimpses: Vec<Glimpse>,
    /// What waited, once a second or less often.
    pub waiting: Vec<Waiting>,
}

/// One look at the processes.
#[derive(Clone, Debug, Default)]
pub struct Glimpse {
    /// When.
    pub at_micros: u64,
    /// The engine's nodes by name: their process and what it has used.
    pub nodes: BTreeMap<String, (u32, Sample)>,
    /// All processes of the database server.
    pub postgresql: Option<Sample>,
    /// The broker.
    pub rabbitmq: Option<Sample>,
    /// This program.
    pub instrument: Option<Sample>,
    /// Messages published so far.
    pub published: u64,
    /// Requests that each simulator has read so far.
    pub requests: BTreeMap<Provider, u64>,
}

/// What waited at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// When.
    pub at_micros: u64,
    /// Messages in RabbitMQ that no node has in hand.
    pub ready: Option<u64>,
    /// Messages that a node has in hand.
    pub in_hand: Option<u64>,
    /// Notifications that wait in the database.
    pub pending: Option<u64>,
}

/// CPU seconds of something at each glimpse, growing.
type Cpu = Vec<(u64, f64)>;

impl Timeline {
    /// The names of all nodes that were ever seen.
    #[must_use]
    pub fn nodes(&self) -> BTreeSet<&str> {
        let all = self
            .glimpses
            .iter()
            .flat_map(|glimpse| glimpse.nodes.keys());
        all.map(String::as_str).collect()
    }

    /// CPU seconds of all nodes together since the first glimpse. A node that was started again begins
    /// at zero, so its earlier lives are added.
    #[must_use]
    pub fn engine_cpu(&self) -> Cpu {
        let mut seen: BTreeMap<u32, f64> = BTreeMap::new();
        let (mut sum, mut cpu) = (0.0, Vec::new());
        for (number, glimpse) in self.glimpses.iter().enumerate() {
            for (pid, sample) in glimpse.nodes.values() {
                let used = sample.user_seconds + sample.system_seconds;
                // What a node had used before anybody looked belongs to nobody's window.
                let before =
                    seen.insert(*pid, used)
                        .unwrap_or(if number == 0 { used } else { 0.0 });
                sum += used - before;
            }
            cpu.push((glimpse.at_micros, sum));
        }
        cpu
    }

    /// CPU seconds of one other process.
    #[must_use]
    pub fn cpu_of(&self, pick: impl Fn(&Glimpse) -> Option<Sample>) -> Cpu {
        let at = |glimpse: &Glimpse| {
            let sample = pick(glimpse)?;
            Some((
                glimpse.at_micros,
                sample.user_seconds + sample.system_seconds,
            ))
        };
        self.glimpses.iter().filter_map(at).collect()
    }

    /// CPU seconds that all nodes used between two instants.
    #[must_use]
    pub fn engine_cpu_between(&self, from_micros: u64, to_micros: u64) -> Option<f64> {
        let cpu = self.engine_cpu();
        Some(value_at(&cpu, to_micros)? - value_at(&cpu, from_micros)?)
    }

    /// Resident memory of all nodes together at each glimpse that saw one.
    #[must_use]
    pub fn engine_memory(&self) -> Vec<(u64, u64)> {
        self.glimpses
            .iter()
            .filter(|glimpse| !glimpse.nodes.is_empty())
            .map(|glimpse| {
                let sum = glimpse
                    .nodes
                    .values()
                    .map(|(_, sample)| sample.resident_bytes)
                    .sum();
                (glimpse.at_micros, sum)
            })
            .collect()
    }

    /// The largest resident memory of any node.
    #[must_use]
    pub fn largest_node_memory(&self) -> Option<u64> {
        let all = self
            .glimpses
            .iter()
            .flat_map(|glimpse| glimpse.nodes.values());
        all.map(|(_, sample)| sample.resident_bytes).max()
    }

    /// The most requests of a provider within any `window_micros`.
    #[must_use]
    pub fn most_requests(&self, provider: Provider, window_micros: u64) -> Option<u64> {
        let counts: Vec<(u64, u64)> = self
            .glimpses
            .iter()
            .filter_map(|glimpse| Some((glimpse.at_micros, *glimpse.requests.get(&provider)?)))
            .collect();
        let mut from = 0;
        counts
            .iter()
            .map(|(at, count)| {
                while counts
                    .get(from)
                    .is_some_and(|(begin, _)| at - begin > window_micros)
                {
                    from += 1;
                }
                count - counts.get(from).map_or(0, |(_, before)| *before)
            })
            .max()
    }
}

/// The value of a growing quantity, between two looks as if it grew evenly.
pub(crate) fn value_at(values: &[(u64, f64)], at: u64) -> Option<f64> {
    let after = values.partition_point(|(instant, _)| *instant < at);
    match (
        after.checked_sub(1).and_then(|before| values.get(before)),
        values.get(after),
    ) {
        (Some((begin, low)), Some((end, high))) => {
            let share = (at - begin) as f64 / (end - begin).max(1) as f64;
            Some(low + (high - low) * share)
        }
        (Some((_, value)), None) | (None, Some((_, value))) => Some(*value),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glimpse(at_micros: u64, pid: u32, seconds: f64, requests: u64) -> Glimpse {
        let sample = Sample {
            user_seconds: seconds,
            resident_bytes: 7,
            ..Sample::default()
        };
        Glimpse {
            at_micros,
            nodes: BTreeMap::from([("a".to_owned(), (pid, sample))]),
            requests: BTreeMap::from([(Provider::Fcm, requests)]),
            ..Glimpse::default()
        }
    }

    #[test]
    fn a_node_that_was_started_again_keeps_what_it_had_used() {
        let timeline = Timeline {
            glimpses: vec![
                glimpse(0, 1, 5.0, 0),
                glimpse(1_000_000, 1, 6.0, 10),
                glimpse(2_000_000, 2, 0.5, 40),
                glimpse(3_000_000, 2, 1.5, 50),
            ],
            ..Timeline::default()
        };
        assert_eq!(timeline.engine_cpu_between(0, 3_000_000), Some(2.5));
        assert_eq!(timeline.engine_cpu_between(500_000, 1_000_000), Some(0.5));
        assert_eq!(timeline.largest_node_memory(), Some(7));
        assert_eq!(timeline.most_requests(Provider::Fcm, 1_000_000), Some(30));
        assert_eq!(timeline.most_requests(Provider::Smtp, 1_000_000), None);
    }
}
