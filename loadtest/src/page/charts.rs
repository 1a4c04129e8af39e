//! Which charts a page has, and their values over time.

use std::collections::BTreeSet;

use serde::Serialize;

use super::grid::Grid;
use crate::evidence::{Evidence, quantile_of};
use crate::harness::usage::Sample;
use crate::lane::{Channel, Lane, Priority};
use crate::watch::{Glimpse, Waiting, value_at};

const MEGABYTE: f64 = 1e6;

/// A name, and a value for each piece of time that has one.
type Line = (String, Vec<Option<f64>>);

/// All charts over one axis of time.
#[derive(Serialize)]
pub(super) struct Charts<'a> {
    /// The middles of the pieces of time, seconds.
    at: Vec<f64>,
    /// What happened, and when.
    marks: Vec<(f64, &'a str)>,
    charts: Vec<Chart>,
}

#[derive(Serialize)]
struct Chart {
    title: &'static str,
    unit: String,
    log: bool,
    lines: Vec<Line>,
}

impl Chart {
    /// Lines without a single value are left out.
    fn new(title: &'static str, unit: impl Into<String>, mut lines: Vec<Line>) -> Self {
        lines.retain(|(_, values)| values.iter().any(Option::is_some));
        Self {
            title,
            unit: unit.into(),
            log: false,
            lines,
        }
    }

    fn logarithmic(mut self) -> Self {
        self.log = true;
        self
    }
}

/// What happened, and all charts in which anything was measured.
pub(super) fn all(evidence: &Evidence) -> Charts<'_> {
    let grid = grid(evidence);
    let lanes: BTreeSet<Lane> = evidence
        .acts
        .iter()
        .flat_map(|act| act.published.expected.lanes().into_keys())
        .collect();
    let mut charts = vec![throughput(evidence, &grid)];
    let channels: BTreeSet<_> = lanes.iter().map(|lane| lane.channel).collect();
    if channels.len() > 1 {
        charts.push(by_channel(evidence, &grid, &channels));
    }
    charts.push(latency(evidence, &grid));
    let priorities: BTreeSet<_> = lanes.iter().map(|lane| lane.priority).collect();
    if priorities.len() > 1 {
        charts.push(by_priority(evidence, &grid, &priorities));
    }
    charts.extend([waiting(evidence, &grid), processors(evidence, &grid)]);
    charts.extend([node_memory(evidence, &grid), other_memory(evidence, &grid)]);
    charts.retain(|chart| !chart.lines.is_empty());
    let marks = evidence.marks.iter();
    Charts {
        at: grid.middles(),
        marks: marks
            .map(|mark| (grid.seconds(mark.at_micros), mark.what.as_str()))
            .collect(),
        charts,
    }
}

/// From the first thing that was seen to the last.
fn grid(evidence: &Evidence) -> Grid {
    let glimpses = &evidence.timeline.glimpses;
    let seen = glimpses.first().map(|glimpse| glimpse.at_micros);
    let begin = seen.into_iter().chain(evidence.engine_started_micros).min();
    let begin = begin
        .or_else(|| evidence.acts.iter().map(|act| act.began_micros).min())
        .unwrap_or(0);
    let last_seen = glimpses.last().map_or(0, |glimpse| glimpse.at_micros);
    let last_accepted = evidence.moments.last().map_or(0, |moment| moment.at_micros);
    Grid::over(begin, last_seen.max(last_accepted))
}

fn throughput(evidence: &Evidence, grid: &Grid) -> Chart {
    let glimpses = evidence.timeline.glimpses.iter();
    let published: Vec<_> = glimpses
        .map(|glimpse| (glimpse.at_micros, glimpse.published as f64))
        .collect();
    let accepted = evidence.moments.iter().map(|moment| moment.at_micros);
    let lines = vec![
        ("accepted by providers".to_owned(), grid.rate(accepted)),
        ("published".to_owned(), grid.growth(&published)),
    ];
    Chart::new("Throughput", "messages a second", lines)
}

fn by_channel(evidence: &Evidence, grid: &Grid, channels: &BTreeSet<Channel>) -> Chart {
    let line = |channel: &Channel| {
        let own = evidence.moments.iter().filter(|moment| {
            let lane = evidence.lane_of(moment.sequence);
            lane.is_some_and(|lane| lane.channel == *channel)
        });
        let instants: Vec<_> = own.map(|moment| moment.at_micros).collect();
        // The in-app channel has no provider, so nobody sees its acceptances.
        (!instants.is_empty()).then(|| (channel.to_string(), grid.rate(instants.into_iter())))
    };
    let lines = channels.iter().filter_map(line).collect();
    Chart::new("Accepted by channel", "messages a second", lines)
}

/// The latencies of what was accepted within each piece of time, ascending.
fn latencies(evidence: &Evidence, grid: &Grid, wanted: impl Fn(u64) -> bool) -> Vec<Vec<u64>> {
    let moments = evidence.moments.iter();
    let wanted = moments.filter(|moment| wanted(moment.sequence));
    let mut pieces = grid.pieces(wanted.map(|moment| (moment.at_micros, moment.latency_micros)));
    pieces.iter_mut().for_each(|piece| piece.sort_unstable());
    pieces
}

fn quantiles(pieces: &[Vec<u64>], quantile: f64) -> Vec<Option<f64>> {
    let ms = |piece: &Vec<u64>| Some(quantile_of(piece, quantile)? as f64 / 1e3);
    pieces.iter().map(ms).collect()
}

fn latency(evidence: &Evidence, grid: &Grid) -> Chart {
    let pieces = latencies(evidence, grid, |_| true);
    let lines = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)]
        .map(|(name, quantile)| (name.to_owned(), quantiles(&pieces, quantile)));
    let unit = "milliseconds, logarithmic, by the second of the acceptance";
    Chart::new("Publish to acceptance", unit, lines.into()).logarithmic()
}

fn by_priority(evidence: &Evidence, grid: &Grid, priorities: &BTreeSet<Priority>) -> Chart {
    let line = |priority: &Priority| {
        let own = |sequence| {
            let lane = evidence.lane_of(sequence);
            lane.is_some_and(|lane| lane.priority == *priority)
        };
        let pieces = latencies(evidence, grid, own);
        (priority.to_string(), quantiles(&pieces, 0.99))
    };
    let title = "Publish to acceptance by priority, p99";
    let lines = priorities.iter().map(line).collect();
    Chart::new(title, "milliseconds, logarithmic", lines).logarithmic()
}

fn waiting(evidence: &Evidence, grid: &Grid) -> Chart {
    let line = |name: &str, pick: fn(&Waiting) -> Option<u64>| {
        let seen = evidence.timeline.waiting.iter();
        let values = seen.filter_map(|one| Some((one.at_micros, pick(one)? as f64)));
        (name.to_owned(), joined(grid.last(values)))
    };
    let lines = vec![
        line("ready in RabbitMQ", |one| one.ready),
        line("in a node's hands", |one| one.in_hand),
        line("pending in PostgreSQL", |one| one.pending),
    ];
    let unit = "messages; RabbitMQ counts its queues every few seconds only";
    Chart::new("What waits", unit, lines)
}

/// Between two looks nobody looked, which is no gap: the line goes straight on.
fn joined(mut values: Vec<Option<f64>>) -> Vec<Option<f64>> {
    let known = |(index, value): (usize, &Option<f64>)| Some((index as u64, (*value)?));
    let seen: Vec<_> = values.iter().enumerate().filter_map(known).collect();
    if let (Some((first, _)), Some((last, _))) = (seen.first(), seen.last()) {
        for (index, value) in (0..).zip(&mut values) {
            if (*first..=*last).contains(&index) {
                *value = value_at(&seen, index);
            }
        }
    }
    values
}

/// A process beside the engine.
type Other = (&'static str, fn(&Glimpse) -> Option<Sample>);

const OTHERS: [Other; 3] = [
    ("PostgreSQL", |glimpse| glimpse.postgresql),
    ("RabbitMQ", |glimpse| glimpse.rabbitmq),
    ("instrument", |glimpse| glimpse.instrument),
];

fn processors(evidence: &Evidence, grid: &Grid) -> Chart {
    let timeline = &evidence.timeline;
    let engine = match timeline.nodes().len() {
        0 | 1 => "engine",
        _ => "engine, all nodes",
    };
    let mut lines = vec![(engine.to_owned(), grid.growth(&timeline.engine_cpu()))];
    lines.extend(OTHERS.map(|(name, pick)| {
        let used = timeline.cpu_of(pick);
        (name.to_owned(), grid.growth(&used))
    }));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let unit =
        format!("cores; this machine has {cores}. PostgreSQL and RabbitMQ are the whole servers");
    Chart::new("Processor time", unit, lines)
}

fn memory(
    evidence: &Evidence,
    grid: &Grid,
    pick: impl Fn(&Glimpse) -> Option<Sample>,
) -> Vec<Option<f64>> {
    let seen = |glimpse: &Glimpse| {
        let bytes = pick(glimpse)?.resident_bytes as f64;
        Some((glimpse.at_micros, bytes / MEGABYTE))
    };
    grid.last(evidence.timeline.glimpses.iter().filter_map(seen))
}

fn node_memory(evidence: &Evidence, grid: &Grid) -> Chart {
    let line = |name: &str| {
        let pick = |glimpse: &Glimpse| glimpse.nodes.get(name).map(|(_, sample)| *sample);
        (name.to_owned(), memory(evidence, grid, pick))
    };
    let lines = evidence.timeline.nodes().into_iter().map(line).collect();
    Chart::new("The engine's resident memory", "megabytes", lines)
}

fn other_memory(evidence: &Evidence, grid: &Grid) -> Chart {
    let lines = OTHERS.map(|(name, pick)| (name.to_owned(), memory(evidence, grid, pick)));
    let unit = "megabytes; the instrument remembers every acceptance";
    Chart::new("Resident memory beside the engine", unit, lines.into())
}
