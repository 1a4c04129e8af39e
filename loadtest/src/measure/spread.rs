//! Several measurements of the same thing.

use serde::Serialize;

/// The middle of some values and how far they lie apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The value in the middle; of an even number the mean of both in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// How many there were.
    pub count: usize,
}

impl Spread {
    /// Of values in any order; what is not a number is left out.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values
            .into_iter()
            .filter(|value| value.is_finite())
            .collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
        let count = sorted.len();
        let upper = at(count / 2);
        Self {
            median: match count % 2 {
                0 => f64::midpoint(at((count / 2).saturating_sub(1)), upper),
                _ => upper,
            },
            min: at(0),
            max: at(count.saturating_sub(1)),
            count,
        }
    }

    /// Of the ratios of two rows of values, round by round: each is divided by what was measured
    /// beside it, so that a machine that was busy in one round does not show.
    #[must_use]
    pub fn of_ratios(values: &[f64], base: &[f64]) -> Self {
        Self::of(values.iter().zip(base).map(|(value, base)| value / base))
    }

    /// The median and, of several values, the smallest and the largest.
    #[must_use]
    pub fn shown(&self, decimals: usize) -> String {
        let Self {
            median, min, max, ..
        } = self;
        match self.count {
            0 => "unknown".to_owned(),
            1 => format!("{median:.decimals$}"),
            _ => format!("{median:.decimals$} ({min:.decimals$}..{max:.decimals$})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_nothing_that_is_no_number_counts() {
        let odd = Spread::of([3.0, 1.0, f64::NAN, 2.0]);
        assert_eq!(
            (odd.median, odd.min, odd.max, odd.count),
            (2.0, 1.0, 3.0, 3)
        );
        assert_eq!(Spread::of([4.0, 1.0]).median, 2.5);
        assert_eq!(Spread::of([7.0]).median, 7.0);
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The second round met a machine that was half as fast for both.
        let spread = Spread::of_ratios(&[80.0, 40.0], &[100.0, 50.0]);
        assert_eq!((spread.median, spread.min, spread.max), (0.8, 0.8, 0.8));
        assert_eq!(Spread::of_ratios(&[1.0], &[0.0]).count, 0);
    }
}
