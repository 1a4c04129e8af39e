//! The figures that a page opens with, and its tables.

use std::fmt::Write as _;

use super::{escaped, with_unit};
use crate::evidence::{Evidence, number, quantile_of};
use crate::lane::{Channel, Lane, Priority};

/// The few figures that everybody asks for first.
pub(super) fn tiles(evidence: &Evidence) -> String {
    let latencies = latencies_of(evidence, |_| true);
    let ms = |quantile| quantile_of(&latencies, quantile).map(|micros| micros as f64 / 1e3);
    let lost: u64 = evidence
        .acts
        .iter()
        .zip(&evidence.lacking)
        .filter(|(act, _)| !act.may_be_stopped)
        .map(|(_, lacking)| lacking)
        .sum();
    let twice: u32 = evidence.twice.iter().map(|one| one.count - 1).sum();
    let memory = evidence
        .timeline
        .largest_node_memory()
        .map(|bytes| bytes as f64 / 1e6);
    let cpu = evidence.cpu_us(None);
    let tiles = [
        (
            "accepted",
            with_unit(Some(evidence.moments.len() as f64), ""),
        ),
        ("a second", with_unit(throughput(evidence), "")),
        ("p50", with_unit(ms(0.5), "ms")),
        ("p99", with_unit(ms(0.99), "ms")),
        ("lost", lost.to_string()),
        ("sent twice", twice.to_string()),
        ("engine's CPU each", with_unit(cpu, "µs")),
        ("engine's memory, at most", with_unit(memory, "MB")),
    ];
    let mut html = "<ul class=\"tiles\">".to_owned();
    for (name, value) in tiles {
        let _ = write!(html, "<li><b>{value}</b><span>{name}</span></li>");
    }
    html.push_str("</ul>\n");
    html
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

/// Latencies by channel and by priority.
pub(super) fn latencies(evidence: &Evidence) -> String {
    let mut html = "<section><h2>Publish to acceptance, milliseconds</h2><div class=\"wide\"><table>\n<thead><tr><th></th>\
         <th class=\"n\">accepted</th><th class=\"n\">p50</th><th class=\"n\">p90</th><th class=\"n\">p99</th>\
         <th class=\"n\">p99.9</th><th class=\"n\">max</th></tr></thead>\n<tbody>\n"
        .to_owned();
    write_row(&mut html, "all", &latencies_of(evidence, |_| true));
    for channel in Channel::ALL {
        write_row(
            &mut html,
            channel.name(),
            &latencies_of(evidence, |lane| lane.channel == channel),
        );
    }
    for priority in Priority::ALL {
        write_row(
            &mut html,
            priority.name(),
            &latencies_of(evidence, |lane| lane.priority == priority),
        );
    }
    html.push_str("</tbody></table></div></section>\n");
    html
}

fn write_row(html: &mut String, name: &str, ascending: &[u64]) {
    if ascending.is_empty() {
        return;
    }
    let _ = write!(
        html,
        "<tr><td>{name}</td><td class=\"n\">{}</td>",
        ascending.len()
    );
    for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
        let ms = quantile_of(ascending, quantile).map_or(0.0, |micros| micros as f64 / 1e3);
        let _ = write!(html, "<td class=\"n\">{}</td>", number(ms));
    }
    html.push_str("</tr>\n");
}

/// What the database holds in the end.
pub(super) fn rows(evidence: &Evidence) -> String {
    let Some(rows) = evidence.rows.as_ref().filter(|rows| !rows.is_empty()) else {
        return String::new();
    };
    let mut html = "<section><h2>What became of the notifications</h2><div class=\"wide\"><table>\n<thead><tr>\
         <th>status</th><th>reason</th><th class=\"n\">count</th></tr></thead>\n<tbody>\n"
        .to_owned();
    for row in rows {
        let (status, reason) = (escaped(&row.status), escaped(&row.reason));
        let _ = writeln!(
            html,
            "<tr><td>{status}</td><td>{reason}</td><td class=\"n\">{}</td></tr>",
            row.count
        );
    }
    html.push_str("</tbody></table></div></section>\n");
    html
}
