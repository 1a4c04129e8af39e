//! Time cut into equal pieces, so that all charts share one axis.

use crate::watch::value_at;

const MOST_POINTS: u64 = 120;
/// Two looks at the processes, so that no piece is empty.
const SECOND: u64 = 1_000_000;

/// The pieces of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) begin_micros: u64,
    pub(super) width_micros: u64,
    pub(super) count: usize,
}

impl Grid {
    /// Whole seconds each, and not too many of them.
    pub(super) fn over(begin_micros: u64, end_micros: u64) -> Self {
        let whole = end_micros.saturating_sub(begin_micros);
        let width_micros = whole.div_ceil(MOST_POINTS * SECOND).max(1) * SECOND;
        Self {
            begin_micros,
            width_micros,
            count: usize::try_from(whole.div_ceil(width_micros)).map_or(1, |count| count.max(1)),
        }
    }

    /// The piece that holds an instant.
    pub(super) fn index(&self, at_micros: u64) -> Option<usize> {
        let since = at_micros.checked_sub(self.begin_micros)?;
        let index = usize::try_from(since / self.width_micros).ok()?;
        // The last instant of all belongs to the last piece.
        (index <= self.count).then(|| index.min(self.count - 1))
    }

    /// Seconds from the beginning.
    pub(super) fn seconds(&self, at_micros: u64) -> f64 {
        at_micros.saturating_sub(self.begin_micros) as f64 / SECOND as f64
    }

    /// The middle of each piece, in seconds from the beginning.
    pub(super) fn middles(&self) -> Vec<f64> {
        let middle = |index| (index as f64 + 0.5) * self.width_s();
        (0..self.count).map(middle).collect()
    }

    fn width_s(&self) -> f64 {
        self.width_micros as f64 / SECOND as f64
    }

    /// What falls into each piece.
    pub(super) fn pieces<T: Clone>(&self, values: impl Iterator<Item = (u64, T)>) -> Vec<Vec<T>> {
        let mut pieces = vec![Vec::new(); self.count];
        for (at_micros, value) in values {
            let piece = self
                .index(at_micros)
                .and_then(|index| pieces.get_mut(index));
            if let Some(piece) = piece {
                piece.push(value);
            }
        }
        pieces
    }

    /// How many instants a second fall into each piece.
    pub(super) fn rate(&self, instants: impl Iterator<Item = u64>) -> Vec<Option<f64>> {
        let pieces = self.pieces(instants.map(|instant| (instant, ())));
        let rate = |piece: &Vec<()>| Some(piece.len() as f64 / self.width_s());
        pieces.iter().map(rate).collect()
    }

    /// How fast a growing quantity grows within each piece, a second.
    pub(super) fn growth(&self, values: &[(u64, f64)]) -> Vec<Option<f64>> {
        let edge = |number: usize| self.begin_micros + self.width_micros * number as u64;
        let within = |number: usize| {
            let (first, last) = (values.first()?.0, values.last()?.0);
            let (from, to) = (edge(number).max(first), edge(number + 1).min(last));
            let seconds = to.checked_sub(from).filter(|span| *span > 0)? as f64 / SECOND as f64;
            Some((value_at(values, to)? - value_at(values, from)?) / seconds)
        };
        (0..self.count).map(within).collect()
    }

    /// The last value seen within each piece.
    pub(super) fn last(&self, values: impl Iterator<Item = (u64, f64)>) -> Vec<Option<f64>> {
        let pieces = self.pieces(values);
        pieces.iter().map(|piece| piece.last().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_seconds_and_few() {
        let grid = Grid::over(1_000_000, 11_000_000);
        assert_eq!((grid.width_micros, grid.count), (1_000_000, 10));
        let hour = Grid::over(0, 3_600_000_000);
        assert_eq!((hour.width_micros, hour.count), (30_000_000, 120));
        let found = [999_999, 1_000_000, 11_000_000, 20_000_000].map(|at| grid.index(at));
        assert_eq!(found, [None, Some(0), Some(9), None]);
        let rate = grid.rate([1_000_000, 1_100_000, 5_000_000].into_iter());
        assert_eq!(
            (rate[0], rate[1], rate[4]),
            (Some(2.0), Some(0.0), Some(1.0))
        );
        let growth = grid.growth(&[(1_000_000, 0.0), (2_000_000, 2.0)]);
        assert_eq!((growth[0], growth[1], growth[2]), (Some(2.0), None, None));
    }
}
