//! What everybody on the machine used between a tenth and nine tenths of the work, without its start
//! and its end: the nodes, and where they are looked at the servers and this program.

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Result;

use crate::harness::usage::{Sample, family};
use crate::harness::{Meter, OFTEN, middle};
use crate::ledger::Ledger;

/// Who is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Subjects {
    pub(super) nodes: Vec<u32>,
    pub(super) postgresql: Option<u32>,
    pub(super) rabbitmq: Option<u32>,
    pub(super) instrument: Option<u32>,
}

/// CPU time of each, in seconds or in microseconds for each acceptance; not a number where nobody
/// knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// All nodes together.
    pub engine: f64,
    /// All processes of PostgreSQL.
    pub postgresql: f64,
    /// All processes of RabbitMQ.
    pub rabbitmq: f64,
    /// This program.
    pub instrument: f64,
}

impl Times {
    const UNKNOWN: Self = Self {
        engine: f64::NAN,
        postgresql: f64::NAN,
        rabbitmq: f64::NAN,
        instrument: f64::NAN,
    };

    fn with(self, other: Self, join: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            engine: join(self.engine, other.engine),
            postgresql: join(self.postgresql, other.postgresql),
            rabbitmq: join(self.rabbitmq, other.rabbitmq),
            instrument: join(self.instrument, other.instrument),
        }
    }

    /// All multiplied.
    #[must_use]
    pub fn by(self, factor: f64) -> Self {
        self.with(self, |time, _| time * factor)
    }
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings {
    points: Vec<(u64, Times)>,
    /// Resident memory of the largest node at most, bytes.
    pub(super) resident_peak: u64,
}

impl Readings {
    fn take(&mut self, distinct: u64, subjects: &Subjects) {
        let of = |pid: Option<u32>, look: fn(u32) -> Result<Sample>| {
            let sample = pid.and_then(|pid| look(pid).ok());
            sample.map_or(f64::NAN, |sample| sample.cpu_seconds())
        };
        let nodes = subjects.nodes.iter();
        let nodes: Vec<Sample> = nodes.filter_map(|pid| Sample::take(*pid).ok()).collect();
        // One that has ended would look like time that was given back.
        if nodes.len() < subjects.nodes.len() {
            return;
        }
        let peak = nodes.iter().map(|node| node.resident_peak_bytes).max();
        self.resident_peak = self.resident_peak.max(peak.unwrap_or(0));
        let times = Times {
            engine: nodes.iter().map(Sample::cpu_seconds).sum(),
            postgresql: of(subjects.postgresql, family),
            rabbitmq: of(subjects.rabbitmq, family),
            instrument: of(subjects.instrument, Sample::take),
        };
        self.points.push((distinct, times));
    }

    /// Microseconds for each acceptance over the middle 80 % of `expected`.
    pub(super) fn micros(&self, expected: u64) -> Times {
        middle(&self.points, expected).map_or(Times::UNKNOWN, |(before, after, work)| {
            after.with(before, |after, before| (after - before) * 1e6 / work as f64)
        })
    }
}

/// Measures until asked for the result.
pub(super) fn start(subjects: Subjects, ledger: Arc<Ledger>) -> Meter<Readings> {
    Meter::start(OFTEN, Readings::default(), move |readings| {
        readings.take(ledger.distinct(), &subjects);
        ControlFlow::Continue(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(engine: f64, postgresql: f64) -> Times {
        Times {
            engine,
            postgresql,
            ..Times::UNKNOWN
        }
    }

    #[test]
    fn start_and_end_do_not_count_and_what_nobody_knows_stays_unknown() {
        let readings = Readings {
            // A dear start, then 10 us each, then a dear end.
            points: vec![
                (0, times(1.0, 5.0)),
                (100, times(2.0, 6.0)),
                (900, times(2.008, 6.04)),
                (1_000, times(9.0, 9.0)),
            ],
            resident_peak: 0,
        };
        let each = readings.micros(1_000);
        assert!((each.engine - 10.0).abs() < 1e-6);
        assert!((each.by(2.0).postgresql - 100.0).abs() < 1e-6);
        assert!(each.rabbitmq.is_nan());
        assert!(Readings::default().micros(10).engine.is_nan());
    }

    #[test]
    fn a_node_that_has_ended_gives_no_time_back() {
        let mut readings = Readings::default();
        let mut subjects = Subjects {
            nodes: vec![std::process::id(), u32::MAX],
            ..Subjects::default()
        };
        readings.take(1, &subjects);
        assert!(readings.points.is_empty());
        subjects.nodes.pop();
        readings.take(1, &subjects);
        assert!(readings.resident_peak > 0);
        let known = readings.points.first().unwrap().1;
        assert!(!known.engine.is_nan() && known.postgresql.is_nan());
    }
}
