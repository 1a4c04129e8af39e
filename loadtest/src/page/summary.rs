//! The figures that a page opens with, and its tables.

use super::with_unit;
use crate::evidence::{Evidence, number, quantile_of};
use crate::lane::{Channel, Lane, Priority};

/// The few figures that everybody asks for first.
pub(super) fn tiles(evidence: &Evidence) -> Vec<(&'static str, String)> {
    let latencies = latencies_of(evidence, |_| true);
    let ms = |quantile| quantile_of(&latencies, quantile).map(|micros| micros as f64 / 1e3);
    let counted = evidence.acts.iter().zip(&evidence.lacking);
    let lost: u64 = counted
        .filter(|(act, _)| !act.may_be_stopped)
        .map(|(_, lacking)| lacking)
        .sum();
    let twice: u32 = evidence.twice.iter().map(|one| one.count - 1).sum();
    let memory = evidence.timeline.largest_node_memory();
    let accepted = evidence.moments.len() as f64;
    vec![
        ("accepted", with_unit(Some(accepted), "")),
        ("a second", with_unit(throughput(evidence), "")),
        ("p50", with_unit(ms(0.5), "ms")),
        ("p99", with_unit(ms(0.99), "ms")),
        ("lost", lost.to_string()),
        ("sent twice", twice.to_string()),
        ("engine's CPU each", with_unit(evidence.cpu_us(None), "µs")),
        (
            "engine's memory, at most",
            with_unit(memory.map(|bytes| bytes as f64 / 1e6), "MB"),
        ),
    ]
}

fn throughput(evidence: &Evidence) -> Option<f64> {
    let (first, last) = (evidence.moments.first()?, evidence.moments.last()?);
    let seconds = (last.at_micros - first.at_micros) as f64 / 1e6;
    (seconds > 0.0).then(|| evidence.moments.len() as f64 / seconds)
}

fn latencies_of(evidence: &Evidence, wanted: impl Fn(Lane) -> bool) -> Vec<u64> {
    let moments = evidence.moments.iter();
    let picked = moments.filter(|moment| evidence.lane_of(moment.sequence).is_some_and(&wanted));
    let mut latencies: Vec<_> = picked.map(|moment| moment.latency_micros).collect();
    latencies.sort_unstable();
    latencies
}

/// Latencies of all, by channel and by priority: a name, a count, percentiles in milliseconds.
pub(super) fn latencies(evidence: &Evidence) -> Vec<Vec<String>> {
    let row = |name: &str, ascending: Vec<u64>| {
        let ms = |quantile| Some(number(quantile_of(&ascending, quantile)? as f64 / 1e3));
        let percentiles = [0.5, 0.9, 0.99, 0.999, 1.0].into_iter().filter_map(ms);
        let head = [name.to_owned(), ascending.len().to_string()];
        head.into_iter().chain(percentiles).collect::<Vec<_>>()
    };
    let mut rows = vec![row("all", latencies_of(evidence, |_| true))];
    rows.extend(Channel::ALL.map(|channel| {
        let own = latencies_of(evidence, |lane| lane.channel == channel);
        row(channel.name(), own)
    }));
    rows.extend(Priority::ALL.map(|priority| {
        let own = latencies_of(evidence, |lane| lane.priority == priority);
        row(priority.name(), own)
    }));
    // What nobody was sent has a count, and nothing else.
    rows.retain(|row| row.len() > 2);
    rows
}

/// What the database holds in the end: status, reason, count.
pub(super) fn rows(evidence: &Evidence) -> Vec<(&str, &str, u64)> {
    let rows = evidence.rows.iter().flatten();
    rows.map(|row| (row.status.as_str(), row.reason.as_str(), row.count))
        .collect()
}
