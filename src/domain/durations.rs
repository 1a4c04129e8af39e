//! How long many things took: a histogram whose buckets grow by a twentieth, so that a percentile is right to
//! within a fortieth, and histograms can be added up. Bucket 0 is below a millisecond; whoever fills it (the
//! database) finds the bucket.

use std::collections::BTreeMap;

/// By how much a bucket is wider than the one before.
const GROWTH: f64 = 1.05;
/// The last bucket: a year and more.
const LAST: i16 = 500;

/// Counts of durations, by bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DurationHistogram(BTreeMap<i16, i64>);

impl DurationHistogram {
    /// From buckets and how many fell into each. What is no bucket counts as the last.
    #[must_use]
    pub fn of(buckets: impl IntoIterator<Item = (i16, i64)>) -> Self {
        let mut histogram = Self::default();
        for (bucket, count) in buckets {
            histogram.add(bucket, count);
        }
        histogram
    }

    /// Adds so many durations of a bucket.
    pub fn add(&mut self, bucket: i16, count: i64) {
        *self.0.entry(bucket.clamp(0, LAST)).or_default() += count;
    }

    /// Adds another one.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            self.add(*bucket, *count);
        }
    }

    /// The buckets that hold anything, in order, and how many each holds.
    #[must_use]
    pub fn columns(&self) -> (Vec<i16>, Vec<i64>) {
        self.0
            .iter()
            .map(|(bucket, count)| (*bucket, *count))
            .unzip()
    }

    /// The duration in milliseconds that a share of all (in thousandths) did not exceed; `None` of nothing.
    #[must_use]
    pub fn percentile(&self, thousandths: i64) -> Option<i64> {
        let all: i64 = self.0.values().sum();
        if all <= 0 {
            return None;
        }
        let wanted = (all.saturating_mul(thousandths) + 999) / 1_000;
        let mut seen = 0;
        for (bucket, count) in &self.0 {
            seen += count;
            if seen >= wanted {
                return Some(middle(*bucket));
            }
        }
        None
    }
}

/// The middle of a bucket, in milliseconds.
fn middle(bucket: i16) -> i64 {
    if bucket == 0 {
        return 0;
    }
    let low = GROWTH.powi(i32::from(bucket) - 1);
    whole(low * (1.0 + GROWTH) / 2.0)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the last bucket is about a year of milliseconds"
)]
fn whole(milliseconds: f64) -> i64 {
    milliseconds.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bucket of a duration in milliseconds.
    fn bucket(milliseconds: i32) -> i16 {
        let edges = std::iter::successors(Some(1.0_f64), |edge| Some(edge * GROWTH));
        let below = edges.take_while(|edge| *edge <= f64::from(milliseconds));
        i16::try_from(below.count()).unwrap()
    }

    #[test]
    fn a_percentile_is_right_to_within_a_fortieth() {
        let mut histogram = DurationHistogram::default();
        assert_eq!(histogram.percentile(500), None);
        for milliseconds in 1..=10_000 {
            histogram.add(bucket(milliseconds), 1);
        }
        for (thousandths, exact) in [(500, 5_000_i64), (950, 9_500), (990, 9_900)] {
            let found = histogram.percentile(thousandths).unwrap();
            assert!(
                (found - exact).abs() * 40 <= exact + 40,
                "{thousandths}: {found}"
            );
        }
        assert_eq!(bucket(0), 0);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let mut one = DurationHistogram::of([(3, 2), (900, 1)]);
        one.merge(&DurationHistogram::of([(3, 1), (4, 5)]));
        assert_eq!(one.columns(), (vec![3, 4, LAST], vec![3, 5, 1]));
    }
}
