//! Figures from evidence.

use std::collections::{HashMap, HashSet};

use super::{Act, Evidence};
use crate::ledger::Moment;
use crate::scenario::{Expect, Figure};

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const MEGABYTE: f64 = 1e6;

impl Evidence {
    /// The figure that `expect` asks for, of one phase or of all; `None` when it was not measured.
    pub(super) fn figure(&self, expect: &Expect, phase: Option<&str>) -> Option<f64> {
        let act = match phase {
            Some(name) => Some(self.acts.iter().find(|act| act.name == name)?),
            None => None,
        };
        match expect.figure {
            Figure::Throughput => rate(&self.picked(expect, act)),
            Figure::PublishedPerSecond => self.published_per_second(act),
            Figure::PeakPerSecond => Some(peak(&self.picked(expect, act))),
            Figure::P50Ms => quantile_ms(&self.picked(expect, act), 0.5),
            Figure::P90Ms => quantile_ms(&self.picked(expect, act), 0.9),
            Figure::P99Ms => quantile_ms(&self.picked(expect, act), 0.99),
            Figure::MaxMs => quantile_ms(&self.picked(expect, act), 1.0),
            Figure::Accepted => Some(self.picked(expect, act).len() as f64),
            Figure::Lost => Some(self.sum(&self.lacking, act, true)),
            Figure::SentTwice => Some(self.twice_of(act).map(|one| f64::from(one.count - 1)).sum()),
            Figure::SentTwiceUnexcused => Some(
                self.twice_of(act)
                    .map(|one| f64::from(one.unexcused()))
                    .sum(),
            ),
            Figure::Early => Some(self.totals.early as f64),
            Figure::SentExpired => Some(self.sum(&self.forbidden, act, false)),
            Figure::Malformed => Some(self.malformed as f64),
            Figure::CpuUs => self.cpu_us(act),
            Figure::RssMb => self
                .timeline
                .largest_node_memory()
                .map(|bytes| bytes as f64 / MEGABYTE),
            Figure::RssGrowth => growth(&self.timeline.engine_memory()),
            Figure::StartToFirstDeliveryS => {
                let first = self.moments.first()?.at_micros;
                Some(first.saturating_sub(self.engine_started_micros?) as f64 / SECOND as f64)
            }
            Figure::Overshoot => {
                let (provider, limit) = self
                    .rate_limits
                    .iter()
                    .find(|(one, _)| Some(*one) == expect.provider)?;
                let most = self.timeline.most_requests(*provider, MINUTE)?;
                Some(most as f64 / f64::from(*limit))
            }
            Figure::BeforeQuietHoursEnd => {
                let end = self.quiet_until_micros?;
                let early = self
                    .picked(expect, act)
                    .into_iter()
                    .filter(|moment| moment.at_micros < end);
                Some(early.count() as f64)
            }
            Figure::ReleasedWithinS => {
                let last = self.picked(expect, act).last()?.at_micros;
                Some(last.saturating_sub(self.quiet_until_micros?) as f64 / SECOND as f64)
            }
            Figure::MostPerRecipient => most_per_recipient(&self.picked(expect, act)),
            Figure::Rows => {
                let fits = |wanted: &Option<String>, given: &str| {
                    wanted.as_deref().is_none_or(|wanted| wanted == given)
                };
                let rows = self.rows.as_ref()?.iter();
                let fitting = rows.filter(|row| {
                    fits(&expect.status, &row.status) && fits(&expect.reason, &row.reason)
                });
                Some(fitting.map(|row| row.count as f64).sum())
            }
        }
    }

    /// The acceptances of an act, or of all, that `expect` is about.
    fn picked(&self, expect: &Expect, act: Option<&Act>) -> Vec<&Moment> {
        let of_lane = |sequence| {
            if expect.channel.is_none() && expect.priority.is_none() {
                return true;
            }
            self.lane_of(sequence).is_some_and(|lane| {
                expect.channel.is_none_or(|channel| channel == lane.channel)
                    && expect
                        .priority
                        .is_none_or(|priority| priority == lane.priority)
            })
        };
        self.moments
            .iter()
            .filter(|moment| act.is_none_or(|act| act.sequences.contains(&moment.sequence)))
            .filter(|moment| of_lane(moment.sequence))
            .collect()
    }

    /// What is counted by act; acts whose messages may be stopped lose nothing.
    fn sum(&self, counts: &[u64], act: Option<&Act>, unless_stopped: bool) -> f64 {
        let wanted = |one: &&Act| act.is_none_or(|act| act.name == one.name);
        self.acts
            .iter()
            .zip(counts)
            .filter(|(one, _)| wanted(one) && !(unless_stopped && one.may_be_stopped))
            .map(|(_, count)| *count as f64)
            .sum()
    }

    fn published_per_second(&self, act: Option<&Act>) -> Option<f64> {
        let acts = self
            .acts
            .iter()
            .filter(|one| act.is_none_or(|act| act.name == one.name));
        let (mut count, mut from, mut to) = (0, u64::MAX, 0);
        for one in acts {
            count += one.published.confirmed;
            from = from.min(one.began_micros);
            to = to.max(one.published_micros);
        }
        let seconds = to.checked_sub(from)? as f64 / SECOND as f64;
        (seconds > 0.0).then(|| count as f64 / seconds)
    }

    /// CPU time within the window of an act, for each message that was accepted in that window.
    pub(crate) fn cpu_us(&self, act: Option<&Act>) -> Option<f64> {
        let own = |moment: &&Moment| act.is_none_or(|act| act.sequences.contains(&moment.sequence));
        let last = self.moments.iter().rev().find(own)?.at_micros;
        let first = match act {
            Some(act) => act.began_micros,
            None => self.acts.iter().map(|act| act.began_micros).min()?,
        };
        let cpu = self.timeline.engine_cpu_between(first, last)?;
        let from = self
            .moments
            .partition_point(|moment| moment.at_micros < first);
        let to = self
            .moments
            .partition_point(|moment| moment.at_micros <= last);
        (to > from && cpu > 0.0).then(|| cpu * 1e6 / (to - from) as f64)
    }
}

/// Acceptances a second between the first and the last.
fn rate(moments: &[&Moment]) -> Option<f64> {
    let (first, last) = (moments.first()?, moments.last()?);
    let seconds = (last.at_micros - first.at_micros) as f64 / SECOND as f64;
    // Distances, not events: the first acceptance opens the span.
    (seconds > 0.0).then(|| (moments.len() - 1) as f64 / seconds)
}

/// The most in any window of one second.
fn peak(moments: &[&Moment]) -> f64 {
    let (mut from, mut most) = (0, 0);
    for (number, moment) in moments.iter().enumerate() {
        while moments
            .get(from)
            .is_some_and(|first| moment.at_micros - first.at_micros >= SECOND)
        {
            from += 1;
        }
        most = most.max(number + 1 - from);
    }
    most as f64
}

fn quantile_ms(moments: &[&Moment], quantile: f64) -> Option<f64> {
    let mut latencies: Vec<_> = moments.iter().map(|moment| moment.latency_micros).collect();
    latencies.sort_unstable();
    quantile_of(&latencies, quantile).map(|micros| micros as f64 / 1e3)
}

/// The value below which this share of ascending values lies.
pub(crate) fn quantile_of(ascending: &[u64], quantile: f64) -> Option<u64> {
    let rank = (quantile * ascending.len() as f64).ceil() as usize;
    ascending.get(rank.max(1) - 1).copied()
}

fn growth(memory: &[(u64, u64)]) -> Option<f64> {
    let quarter = memory.len() / 4;
    let median = |range: std::ops::Range<usize>| {
        let mut values: Vec<_> = memory.get(range)?.iter().map(|(_, bytes)| *bytes).collect();
        values.sort_unstable();
        quantile_of(&values, 0.5)
    };
    let (early, late) = (
        median(quarter..2 * quarter)?,
        median(memory.len() - quarter..memory.len())?,
    );
    (early > 0).then(|| late as f64 / early as f64)
}

fn most_per_recipient(moments: &[&Moment]) -> Option<f64> {
    let mut got: HashMap<u64, HashSet<u64>> = HashMap::new();
    for moment in moments {
        got.entry(moment.recipient)
            .or_default()
            .insert(moment.sequence);
    }
    got.values().map(|all| all.len() as f64).reduce(f64::max)
}
