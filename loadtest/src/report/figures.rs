//! Rates and percentiles.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Acceptances per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Throughput {
    /// From the first to the last acceptance, seconds.
    pub seconds: f64,
    /// Over that whole time, per second.
    pub per_second: f64,
    /// Over the middle 80 % of the acceptances, per second: without start and end.
    pub middle_per_second: f64,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many values.
    pub count: u64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
    /// The largest.
    pub max_ms: f64,
}

impl Throughput {
    /// From instants in microseconds, ascending.
    #[must_use]
    pub fn of(instants: &[u64]) -> Self {
        let tenth = instants.len() / 10;
        let middle = instants
            .get(tenth..instants.len() - tenth)
            .unwrap_or_default();
        let (seconds, per_second) = rate(instants);
        Self {
            seconds,
            per_second,
            middle_per_second: rate(middle).1,
        }
    }
}

/// The span in seconds and the rate within it.
fn rate(instants: &[u64]) -> (f64, f64) {
    let (Some(first), Some(last)) = (instants.first(), instants.last()) else {
        return (0.0, 0.0);
    };
    let seconds = (last - first) as f64 / 1e6;
    if seconds == 0.0 {
        return (0.0, 0.0);
    }
    // Distances, not events: the first acceptance opens the span.
    (seconds, (instants.len() - 1) as f64 / seconds)
}

impl Percentiles {
    /// From a histogram of microseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            count: histogram.len(),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: at(1.0),
        }
    }
}
