//! What a process used between a tenth and nine tenths of its work: without its start and its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::ledger::Ledger;
use crate::process::Sample;

const EVERY: Duration = Duration::from_millis(50);

/// A process at one moment of its work.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    distinct: u64,
    cpu_seconds: f64,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Readings {
    points: Vec<Point>,
    /// The largest resident memory, bytes.
    pub(super) resident_peak: u64,
}

impl Readings {
    fn add(&mut self, distinct: u64, sample: Sample) {
        self.points.push(Point {
            distinct,
            cpu_seconds: sample.user_seconds + sample.system_seconds,
        });
        self.resident_peak = self.resident_peak.max(sample.resident_peak_bytes);
    }

    /// CPU time for each acceptance over the middle 80 % of `expected`, microseconds.
    pub(super) fn cpu_micros(&self, expected: u64) -> f64 {
        let (from, to) = (expected / 10, expected - expected / 10);
        let first = self.points.iter().find(|point| point.distinct >= from);
        let last = self.points.iter().rfind(|point| point.distinct <= to);
        match (first, last) {
            (Some(first), Some(last)) if last.distinct > first.distinct => {
                let work = (last.distinct - first.distinct) as f64;
                (last.cpu_seconds - first.cpu_seconds) * 1e6 / work
            }
            _ => f64::NAN,
        }
    }
}

/// Measures a process until asked for the result.
pub(super) struct Meter {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Readings>,
}

impl Meter {
    pub(super) fn start(pid: u32, ledger: Arc<Ledger>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(read(pid, ledger, stopped));
        Self { stop, task }
    }

    pub(super) async fn finish(self) -> Readings {
        // A task that has ended already has all there is.
        let _ = self.stop.send(());
        self.task.await.unwrap_or_default()
    }
}

async fn read(pid: u32, ledger: Arc<Ledger>, mut stopped: oneshot::Receiver<()>) -> Readings {
    let mut readings = Readings::default();
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            _ = &mut stopped => true,
            _ = tick.tick() => false,
        };
        let Ok(sample) = Sample::take(pid) else {
            return readings;
        };
        readings.add(ledger.distinct(), sample);
        if last {
            return readings;
        }
    }
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
