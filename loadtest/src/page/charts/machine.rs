//! What the machine did: what waited, processor time, memory.

use crate::evidence::Evidence;
use crate::page::chart::{Chart, Colours, Line};
use crate::page::grid::Grid;
use crate::process::Sample;
use crate::watch::Glimpse;

const MEGABYTE: f64 = 1e6;

pub(super) fn waiting(evidence: &Evidence, grid: &Grid) -> Chart {
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

pub(super) fn processors(evidence: &Evidence, grid: &Grid) -> Chart {
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

pub(super) fn node_memory(evidence: &Evidence, grid: &Grid) -> Chart {
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

pub(super) fn other_memory(evidence: &Evidence, grid: &Grid) -> Chart {
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
