//! What everybody on the machine used between a tenth and nine tenths of the work: the nodes, the
//! servers as far as they run here, and this program.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::ledger::Ledger;
use crate::meter::{Meter, OFTEN, middle};
use crate::process::{self, Sample};

/// Who is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Subjects {
    pub(super) nodes: Vec<u32>,
    pub(super) postgresql: Option<u32>,
    pub(super) rabbitmq: Option<u32>,
}

/// CPU time of each, in seconds or in microseconds for each acceptance; not a number where nobody
/// knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Times {
    pub(super) engine: f64,
    pub(super) postgresql: f64,
    pub(super) rabbitmq: f64,
    pub(super) instrument: f64,
}

impl Times {
    fn with(self, other: Self, join: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            engine: join(self.engine, other.engine),
            postgresql: join(self.postgresql, other.postgresql),
            rabbitmq: join(self.rabbitmq, other.rabbitmq),
            instrument: join(self.instrument, other.instrument),
        }
    }

    /// All multiplied.
    pub(super) fn by(self, factor: f64) -> Self {
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
        let seconds = |sample: Sample| sample.user_seconds + sample.system_seconds;
        let of = |pid: Option<u32>, look: fn(u32) -> std::io::Result<Sample>| {
            let sample = pid.and_then(|pid| look(pid).ok());
            sample.map_or(f64::NAN, seconds)
        };
        let nodes: Vec<Sample> = subjects
            .nodes
            .iter()
            .filter_map(|pid| Sample::take(*pid).ok())
            .collect();
        // One that has ended would look like time that was given back.
        if nodes.len() < subjects.nodes.len() {
            return;
        }
        let peak = nodes.iter().map(|node| node.resident_peak_bytes).max();
        self.resident_peak = self.resident_peak.max(peak.unwrap_or(0));
        let times = Times {
            engine: nodes.into_iter().map(seconds).sum(),
            postgresql: of(subjects.postgresql, process::family),
            rabbitmq: of(subjects.rabbitmq, process::family),
            instrument: of(Some(std::process::id()), Sample::take),
        };
        self.points.push((distinct, times));
    }

    /// Microseconds for each acceptance over the middle 80 % of `expected`.
    pub(super) fn micros(&self, expected: u64) -> Times {
        let nothing = Times {
            engine: f64::NAN,
            postgresql: f64::NAN,
            rabbitmq: f64::NAN,
            instrument: f64::NAN,
        };
        middle(&self.points, expected).map_or(nothing, |(before, after, work)| {
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
            rabbitmq: f64::NAN,
            instrument: 1.0,
        }
    }

    #[test]
    fn start_and_end_do_not_count_and_what_nobody_knows_stays_unknown() {
        let readings = Readings {
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
        let gone = Subjects {
            nodes: vec![std::process::id(), u32::MAX],
            ..Subjects::default()
        };
        readings.take(1, &gone);
        assert!(readings.points.is_empty());
        let here = Subjects {
            nodes: vec![std::process::id()],
            ..Subjects::default()
        };
        readings.take(1, &here);
        assert!(readings.resident_peak > 0);
        assert!(
            readings
                .points
                .iter()
                .all(|(_, times)| times.postgresql.is_nan())
        );
    }
}
