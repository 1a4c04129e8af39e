//! Which charts a page has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::chart::{Chart, Colours, Line};
use super::escaped;
use super::grid::Grid;
use crate::evidence::{Evidence, quantile_of};
use crate::lane::{Channel, Lane, Priority};

mod machine;

use machine::{node_memory, other_memory, processors, waiting};

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
