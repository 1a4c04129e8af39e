//! What a process used between a tenth and nine tenths of its work: without its start and its end.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::ledger::Ledger;
use crate::meter::{Meter, OFTEN, middle};
use crate::process::Sample;

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Readings {
    /// CPU time in seconds, by messages accepted.
    points: Vec<(u64, f64)>,
    /// The largest resident memory, bytes.
    pub(super) resident_peak: u64,
}

impl Readings {
    fn add(&mut self, distinct: u64, sample: Sample) {
        let cpu_seconds = sample.user_seconds + sample.system_seconds;
        self.points.push((distinct, cpu_seconds));
        self.resident_peak = self.resident_peak.max(sample.resident_peak_bytes);
    }

    /// CPU time for each acceptance over the middle 80 % of `expected`, microseconds.
    pub(super) fn cpu_micros(&self, expected: u64) -> f64 {
        middle(&self.points, expected).map_or(f64::NAN, |(before, after, work)| {
            (after - before) * 1e6 / work as f64
        })
    }
}

/// Measures a process until asked for the result, or until it ends.
pub(super) fn start(pid: u32, ledger: Arc<Ledger>) -> Meter<Readings> {
    Meter::start(OFTEN, Readings::default(), move |readings| {
        let Ok(sample) = Sample::take(pid) else {
            return ControlFlow::Break(());
        };
        readings.add(ledger.distinct(), sample);
        ControlFlow::Continue(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_and_end_do_not_count() {
        let mut readings = Readings::default();
        // A dear start, then 10 us each, then a dear end.
        for (distinct, user_seconds) in [
            (0, 1.0),
            (100, 2.0),
            (500, 2.004),
            (900, 2.008),
            (1_000, 9.0),
        ] {
            let sample = Sample {
                user_seconds,
                resident_peak_bytes: distinct * 2,
                ..Sample::default()
            };
            readings.add(distinct, sample);
        }
        assert!((readings.cpu_micros(1_000) - 10.0).abs() < 1e-6);
        assert_eq!(readings.resident_peak, 2_000);
        assert!(Readings::default().cpu_micros(10).is_nan());
    }
}
