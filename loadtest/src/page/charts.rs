//! Which charts a page has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::chart::{Chart, Colours, Line};
use super::escaped;
use super::grid::Grid;
use crate::evidence::{Evidence, quantile_of};
use crate::lane::{Channel, Lane, Priority};
use crate::process::Sample;
use crate::watch::Glimpse;

const MEGABYTE: f64 = 1e6;

/// What happened, and all charts.
pub(super) fn all(evidence: &Evidence) -> String {
    let grid = grid(evidence);
    let mut html = happenings(evidence, &grid);
    html.push_str("<section class=\"charts\"><h2>Over time</h2>\n");
    let lanes = lanes(evidence);
    let channels: BTreeSet<_> = lanes.iter().map(|lane| lane.channel).collect();
    let priorities: BTreeSet<_> = lanes.iter().map(|lane| lane.priority).collect();
    let mut charts = vec![throughput(evidence, &grid)];
    if channels.len() > 1 {
        charts.push(by_channel(evidence, &grid, &channels));
    }
    charts.push(latency(evidence, &grid));
    if priorities.len() > 1 {
        charts.push(by_priority(evidence, &grid, &priorities));
    }
    charts.extend([waiting(evidence, &grid), processors(evidence, &grid)]);
    charts.extend([node_memory(evidence, &grid), other_memory(evidence, &grid)]);
    for chart in charts {
        html.push_str(&chart.html(&grid, &evidence.marks));
    }
    html.push_str("</section>\n");
    html
}

/// From the first thing that was seen to the last.
fn grid(evidence: &Evidence) -> Grid {
    let glimpses = &evidence.timeline.glimpses;
    let begin = glimpses
        .first()
        .map(|glimpse| glimpse.at_micros)
        .into_iter()
        .chain(evidence.engine_started_micros)
        .min();
    let begin = begin
        .or_else(|| evidence.acts.iter().map(|act| act.began_micros).min())
        .unwrap_or(0);
    let last_seen = glimpses.last().map_or(0, |glimpse| glimpse.at_micros);
    let last_accepted = evidence.moments.last().map_or(0, |moment| moment.at_micros);
    Grid::over(begin, last_seen.max(last_accepted))
}

fn happenings(evidence: &Evidence, grid: &Grid) -> String {
    if evidence.marks.is_empty() {
        return String::new();
    }
    let mut html = "<section><h2>What happened</h2>\n<ol class=\"marks\">\n".to_owned();
    for mark in &evidence.marks {
        let at = mark.at_micros.saturating_sub(grid.begin_micros) as f64 / 1e6;
        let _ = writeln!(
            html,
            "<li>{} <span>{at:.1} s</span></li>",
            escaped(&mark.what)
        );
    }
    html.push_str("</ol></section>\n");
    html
}

/// The lanes that were published to.
fn lanes(evidence: &Evidence) -> BTreeSet<Lane> {
    evidence
        .acts
        .iter()
        .flat_map(|act| act.published.expected.lanes().into_keys())
        .collect()
}

fn throughput(evidence: &Evidence, grid: &Grid) -> Chart {
    let published: Vec<_> = evidence
        .timeline
        .glimpses
        .iter()
        .map(|glimpse| (glimpse.at_micros, glimpse.published as f64))
        .collect();
    Chart {
        title: "Throughput",
        unit: "messages a second".to_owned(),
        log: false,
        colours: Colours::Hues,
        lines: vec![
            Line {
                name: "accepted by providers".to_owned(),
                values: grid.rate(evidence.moments.iter().map(|moment| moment.at_micros)),
            },
            Line {
                name: "published".to_owned(),
                values: grid.growth(&published),
            },
        ],
    }
}

fn by_channel(evidence: &Evidence, grid: &Grid, channels: &BTreeSet<Channel>) -> Chart {
    let mut instants: BTreeMap<Channel, Vec<u64>> = BTreeMap::new();
    for moment in &evidence.moments {
        if let Some(lane) = evidence.lane_of(moment.sequence) {
            instants
                .entry(lane.channel)
                .or_default()
                .push(moment.at_micros);
        }
    }
    // The in-app channel has no provider, so nobody sees its acceptances.
    let seen = channels
        .iter()
        .filter_map(|channel| Some((channel, instants.get(channel)?)));
    let line = |(channel, instants): (&Channel, &Vec<u64>)| Line {
        name: channel.to_string(),
        values: grid.rate(instants.iter().copied()),
    };
    Chart {
        title: "Accepted by channel",
        unit: "messages a second".to_owned(),
        log: false,
        colours: Colours::Hues,
        lines: seen.map(line).collect(),
    }
}

/// The latencies of what was accepted within each piece of time, ascending.
fn latencies(evidence: &Evidence, grid: &Grid, wanted: impl Fn(u64) -> bool) -> Vec<Vec<u64>> {
    let mut pieces = vec![Vec::new(); grid.count];
    for moment in evidence
        .moments
        .iter()
        .filter(|moment| wanted(moment.sequence))
    {
        if let Some(piece) = grid
            .index(moment.at_micros)
            .and_then(|index| pieces.get_mut(index))
        {
            piece.push(moment.latency_micros);
        }
    }
    pieces.iter_mut().for_each(|piece| piece.sort_unstable());
    pieces
}

fn quantiles(pieces: &[Vec<u64>], quantile: f64) -> Vec<Option<f64>> {
    let ms = |micros: u64| micros as f64 / 1e3;
    pieces
        .iter()
        .map(|piece| quantile_of(piece, quantile).map(ms))
        .collect()
}

fn latency(evidence: &Evidence, grid: &Grid) -> Chart {
    let pieces = latencies(evidence, grid, |_| true);
    let line = |(name, quantile): (&str, f64)| Line {
        name: name.to_owned(),
        values: quantiles(&pieces, quantile),
    };
    Chart {
        title: "Publish to acceptance",
        unit: "milliseconds, logarithmic, by the second of the acceptance".to_owned(),
        log: true,
        colours: Colours::Steps,
        lines: [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)]
            .map(line)
            .into(),
    }
}

fn by_priority(evidence: &Evidence, grid: &Grid, priorities: &BTreeSet<Priority>) -> Chart {
    let line = |priority: &Priority| {
        let is_meant = |sequence| {
            evidence
                .lane_of(sequence)
                .is_some_and(|lane| lane.priority == *priority)
        };
        Line {
            name: priority.to_string(),
            values: quantiles(&latencies(evidence, grid, is_meant), 0.99),
        }
    };
    Chart {
        title: "Publish to acceptance by priority, p99",
        unit: "milliseconds, logarithmic".to_owned(),
        log: true,
        colours: Colours::Hues,
        lines: priorities.iter().map(line).collect(),
    }
}

fn waiting(evidence: &Evidence, grid: &Grid) -> Chart {
    let waiting = &evidence.timeline.waiting;
    let values = |pick: fn(&crate::watch::Waiting) -> Option<u64>| {
        grid.last(
            waiting
                .iter()
                .filter_map(|one| Some((one.at_micros, pick(one)? as f64))),
        )
    };
    let lines = vec![
        Line {
            name: "ready in RabbitMQ".to_owned(),
            values: joined(values(|one| one.ready)),
        },
        Line {
            name: "in a node's hands".to_owned(),
            values: joined(values(|one| one.in_hand)),
        },
        Line {
            name: "pending in PostgreSQL".to_owned(),
            values: joined(values(|one| one.pending)),
        },
    ];
    Chart {
        title: "What waits",
        unit: "messages; RabbitMQ counts its queues every few seconds only".to_owned(),
        log: false,
        colours: Colours::Hues,
        lines,
    }
}

/// Between two looks nobody looked, which is no gap: the line goes straight on.
fn joined(mut values: Vec<Option<f64>>) -> Vec<Option<f64>> {
    let seen: Vec<_> = values
        .iter()
        .enumerate()
        .filter_map(|(index, value)| Some((index as u64, (*value)?)))
        .collect();
    if let (Some((first, _)), Some((last, _))) = (seen.first(), seen.last()) {
        for (index, value) in values.iter_mut().enumerate() {
            if (*first..=*last).contains(&(index as u64)) {
                *value = crate::watch::value_at(&seen, index as u64);
            }
        }
    }
    values
}

fn processors(evidence: &Evidence, grid: &Grid) -> Chart {
    let timeline = &evidence.timeline;
    let line = |name: &str, pick: fn(&Glimpse) -> Option<Sample>| Line {
        name: name.to_owned(),
        values: grid.growth(&timeline.cpu_of(pick)),
    };
    let engine = match timeline.nodes().len() {
        0 | 1 => "engine",
        _ => "engine, all nodes",
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Chart {
        title: "Processor time",
        unit: format!(
            "cores; this machine has {cores}. PostgreSQL and RabbitMQ are the whole servers"
        ),
        log: false,
        colours: Colours::Hues,
        lines: vec![
            Line {
                name: engine.to_owned(),
                values: grid.growth(&timeline.engine_cpu()),
            },
            line("PostgreSQL", |glimpse| glimpse.postgresql),
            line("RabbitMQ", |glimpse| glimpse.rabbitmq),
            line("instrument", |glimpse| glimpse.instrument),
        ],
    }
    .without_the_unseen()
}

impl Chart {
    /// Without lines that have no value at all.
    fn without_the_unseen(mut self) -> Self {
        self.lines
            .retain(|line| line.values.iter().any(Option::is_some));
        self
    }
}

fn memory(
    grid: &Grid,
    glimpses: &[Glimpse],
    pick: impl Fn(&Glimpse) -> Option<Sample>,
) -> Vec<Option<f64>> {
    let seen = |glimpse: &Glimpse| {
        Some((
            glimpse.at_micros,
            pick(glimpse)?.resident_bytes as f64 / MEGABYTE,
        ))
    };
    grid.last(glimpses.iter().filter_map(seen))
}

fn node_memory(evidence: &Evidence, grid: &Grid) -> Chart {
    let timeline = &evidence.timeline;
    let line = |name: &str| {
        let pick = |glimpse: &Glimpse| glimpse.nodes.get(name).map(|(_, sample)| *sample);
        Line {
            name: name.to_owned(),
            values: memory(grid, &timeline.glimpses, pick),
        }
    };
    Chart {
        title: "The engine's resident memory",
        unit: "megabytes".to_owned(),
        log: false,
        colours: Colours::Hues,
        lines: timeline.nodes().into_iter().map(line).collect(),
    }
}

fn other_memory(evidence: &Evidence, grid: &Grid) -> Chart {
    let line = |name: &str, pick: fn(&Glimpse) -> Option<Sample>| Line {
        name: name.to_owned(),
        values: memory(grid, &evidence.timeline.glimpses, pick),
    };
    Chart {
        title: "Resident memory beside the engine",
        unit: "megabytes; the instrument remembers every acceptance".to_owned(),
        log: false,
        colours: Colours::Hues,
        lines: vec![
            line("PostgreSQL", |glimpse| glimpse.postgresql),
            line("RabbitMQ", |glimpse| glimpse.rabbitmq),
            line("instrument", |glimpse| glimpse.instrument),
        ],
    }
    .without_the_unseen()
}
