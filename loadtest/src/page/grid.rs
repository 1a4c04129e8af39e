//! Time cut into equal pieces, so that all charts share one axis.

use super::axis::nice;
use crate::watch::value_at;

const MOST_POINTS: f64 = 120.0;
/// Two looks at the processes, so that no piece is empty.
const NARROWEST_MICROS: f64 = 1_000_000.0;
const SECOND: f64 = 1e6;

/// The pieces of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) begin_micros: u64,
    pub(super) width_micros: u64,
    pub(super) count: usize,
}

impl Grid {
    pub(super) fn over(begin_micros: u64, end_micros: u64) -> Self {
        let whole = end_micros.saturating_sub(begin_micros) as f64;
        let width = nice((whole / MOST_POINTS).max(NARROWEST_MICROS));
        Self {
            begin_micros,
            width_micros: width as u64,
            count: ((whole / width).ceil() as usize).max(1),
        }
    }

    /// The piece that holds an instant.
    pub(super) fn index(&self, at_micros: u64) -> Option<usize> {
        let since = at_micros.checked_sub(self.begin_micros)?;
        let index = usize::try_from(since / self.width_micros).ok()?;
        // The last instant of all belongs to the last piece.
        (index <= self.count).then(|| index.min(self.count - 1))
    }

    /// The middle of a piece, seconds from the beginning.
    pub(super) fn middle_s(&self, index: usize) -> f64 {
        (index as f64 + 0.5) * self.width_s()
    }

    pub(super) fn width_s(&self) -> f64 {
        self.width_micros as f64 / SECOND
    }

    pub(super) fn seconds(&self) -> f64 {
        self.count as f64 * self.width_s()
    }

    /// Where an instant lies, from 0 at the left to 1 at the right.
    pub(super) fn place(&self, at_micros: u64) -> Option<f64> {
        let since = at_micros.saturating_sub(self.begin_micros) as f64 / SECOND;
        let place = since / self.seconds();
        (place <= 1.0).then_some(place)
    }

    /// How many instants a second fall into each piece.
    pub(super) fn rate(&self, instants: impl Iterator<Item = u64>) -> Vec<Option<f64>> {
        let mut counts = vec![0.0; self.count];
        for index in instants.filter_map(|instant| self.index(instant)) {
            if let Some(count) = counts.get_mut(index) {
                *count += 1.0;
            }
        }
        counts
            .into_iter()
            .map(|count| Some(count / self.width_s()))
            .collect()
    }

    /// How fast a growing quantity grows within each piece, a second.
    pub(super) fn growth(&self, values: &[(u64, f64)]) -> Vec<Option<f64>> {
        let edge = |number: usize| self.begin_micros + self.width_micros * number as u64;
        let within = |number: usize| {
            let (first, last) = (values.first()?.0, values.last()?.0);
            let (from, to) = (edge(number).max(first), edge(number + 1).min(last));
            let seconds = to.checked_sub(from).filter(|span| *span > 0)? as f64 / SECOND;
            Some((value_at(values, to)? - value_at(values, from)?) / seconds)
        };
        (0..self.count).map(within).collect()
    }

    /// The last value seen within each piece.
    pub(super) fn last(&self, values: impl Iterator<Item = (u64, f64)>) -> Vec<Option<f64>> {
        let mut seen = vec![None; self.count];
        for (index, value) in values.filter_map(|(at, value)| Some((self.index(at)?, value))) {
            if let Some(slot) = seen.get_mut(index) {
                *slot = Some(value);
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_round_and_few() {
        let grid = Grid::over(1_000_000, 11_000_000);
        assert_eq!((grid.width_micros, grid.count), (1_000_000, 10));
        let hour = Grid::over(0, 3_600_000_000);
        assert_eq!((hour.width_micros, hour.count), (50_000_000, 72));
        assert_eq!(
            (
                grid.index(999_999),
                grid.index(1_000_000),
                grid.index(11_000_000)
            ),
            (None, Some(0), Some(9))
        );
        assert_eq!(grid.index(20_000_000), None);
        let rate = grid.rate([1_000_000, 1_100_000, 5_000_000].into_iter());
        assert_eq!(
            (rate[0], rate[1], rate[4]),
            (Some(2.0), Some(0.0), Some(1.0))
        );
        let growth = grid.growth(&[(1_000_000, 0.0), (2_000_000, 2.0)]);
        assert_eq!((growth[0], growth[1], growth[2]), (Some(2.0), None, None));
    }
}
