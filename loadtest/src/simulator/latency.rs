//! How long a simulated provider thinks before it answers.

use std::time::Duration;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// The 99th percentile of the normal distribution, in standard deviations.
const Z99: f64 = 2.326_347_9;
/// No answer is delayed by more than this, in milliseconds: the tails of some kinds are endless.
const LONGEST_MS: f64 = 3_600_000.0;

/// A distribution of answer times; all values in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Answers at once.
    #[default]
    None,
    /// Always the same.
    Fixed {
        /// Milliseconds.
        ms: f64,
    },
    /// Evenly spread between two bounds.
    Uniform {
        /// Lower bound in milliseconds.
        min_ms: f64,
        /// Upper bound in milliseconds.
        max_ms: f64,
    },
    /// Many short, few long.
    Exponential {
        /// Mean in milliseconds.
        mean_ms: f64,
    },
    /// Log-normal by its median and its 99th percentile: what real services look like.
    LogNormal {
        /// Median in milliseconds.
        p50_ms: f64,
        /// 99th percentile in milliseconds.
        p99_ms: f64,
    },
}

impl Latency {
    /// Draws one answer time.
    pub(crate) fn draw(self, random: &mut impl Rng) -> Duration {
        let ms = match self {
            Self::None => 0.0,
            Self::Fixed { ms } => ms,
            Self::Uniform { min_ms, max_ms } => min_ms + (max_ms - min_ms) * random.random::<f64>(),
            Self::Exponential { mean_ms } => -mean_ms * positive(random).ln(),
            Self::LogNormal { p50_ms, p99_ms } => {
                let sigma = (p99_ms / p50_ms).ln() / Z99;
                p50_ms * (sigma * normal(random)).exp()
            }
        };
        Duration::try_from_secs_f64(ms.clamp(0.0, LONGEST_MS) / 1000.0).unwrap_or_default()
    }

    /// What is wrong with the numbers, if anything.
    pub(crate) fn mistake(self) -> Option<String> {
        let wrong = match self {
            Self::None => false,
            Self::Fixed { ms } => ms < 0.0,
            Self::Uniform { min_ms, max_ms } => min_ms < 0.0 || max_ms < min_ms,
            Self::Exponential { mean_ms } => mean_ms < 0.0,
            Self::LogNormal { p50_ms, p99_ms } => p50_ms <= 0.0 || p99_ms < p50_ms,
        };
        wrong.then(|| {
            format!("latency {self:?}: use milliseconds from 0 up, the lower bound or median first")
        })
    }
}

/// Above 0 and at most 1, so that its logarithm is finite.
fn positive(random: &mut impl Rng) -> f64 {
    1.0 - random.random::<f64>()
}

/// A standard normal number (Box and Muller).
fn normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * positive(random).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    fn sorted(latency: Latency) -> Vec<Duration> {
        let mut random = SmallRng::seed_from_u64(1);
        let mut drawn: Vec<_> = (0..20_000).map(|_| latency.draw(&mut random)).collect();
        drawn.sort();
        drawn
    }

    #[test]
    fn a_log_normal_meets_its_percentiles() {
        let drawn = sorted(Latency::LogNormal {
            p50_ms: 20.0,
            p99_ms: 200.0,
        });
        assert!((18..22).contains(&drawn[10_000].as_millis()));
        assert!((170..230).contains(&drawn[19_800].as_millis()));
    }

    #[test]
    fn the_others_keep_their_bounds() {
        let uniform = sorted(Latency::Uniform {
            min_ms: 5.0,
            max_ms: 6.0,
        });
        assert!(uniform[0].as_micros() >= 5_000 && uniform[19_999].as_micros() <= 6_000);
        let exponential = sorted(Latency::Exponential { mean_ms: 10.0 });
        let sum: Duration = exponential.iter().sum();
        assert!((9_500..10_500).contains(&(sum / 20_000).as_micros()));
        assert_eq!(sorted(Latency::Fixed { ms: 3.0 })[0].as_millis(), 3);
    }

    #[test]
    fn impossible_numbers_are_named() {
        assert!(Latency::Fixed { ms: -1.0 }.mistake().is_some());
        let swapped = Latency::LogNormal {
            p50_ms: 9.0,
            p99_ms: 3.0,
        };
        assert!(swapped.mistake().is_some());
        assert!(Latency::None.mistake().is_none());
    }
}
