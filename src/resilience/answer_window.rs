//! What was answered lately, in a few slices of time.

use std::time::Duration;

/// Slices that a window is cut into: it slides by a tenth of its length.
const SLICES: usize = 10;

/// Counts answers over a sliding window, in constant space.
#[derive(Debug, Clone)]
pub(super) struct AnswerWindow {
    slice: Duration,
    slices: [Slice; SLICES],
}

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    number: u128,
    counts: Counts,
}

/// Answers by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) answers: u32,
    pub(super) failures: u32,
    pub(super) slow: u32,
}

impl AnswerWindow {
    pub(super) fn new(window: Duration) -> Self {
        let slice = window / u32::try_from(SLICES).unwrap_or(1);
        Self {
            slice: slice.max(Duration::from_nanos(1)),
            slices: [Slice::default(); SLICES],
        }
    }

    /// Counts an answer at `now`.
    pub(super) fn count(&mut self, failed: bool, slow: bool, now: Duration) {
        let number = self.number(now);
        let Some(slice) = self.slices.get_mut(place(number)) else {
            return;
        };
        if slice.number != number {
            *slice = Slice {
                number,
                counts: Counts::default(),
            };
        }
        let counts = &mut slice.counts;
        counts.answers = counts.answers.saturating_add(1);
        counts.failures = counts.failures.saturating_add(u32::from(failed));
        counts.slow = counts.slow.saturating_add(u32::from(slow));
    }

    /// What the window holds at `now`.
    pub(super) fn counts(&self, now: Duration) -> Counts {
        let newest = self.number(now);
        let lately = self
            .slices
            .iter()
            .filter(|slice| newest.saturating_sub(slice.number) < SLICES as u128);
        lately.fold(Counts::default(), |sum, slice| Counts {
            answers: sum.answers.saturating_add(slice.counts.answers),
            failures: sum.failures.saturating_add(slice.counts.failures),
            slow: sum.slow.saturating_add(slice.counts.slow),
        })
    }

    fn number(&self, now: Duration) -> u128 {
        now.as_nanos() / self.slice.as_nanos().max(1)
    }
}

/// Where a slice stands in the ring.
const fn place(number: u128) -> usize {
    (number % SLICES as u128) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_older_than_the_window_do_not_count() {
        let mut window = AnswerWindow::new(Duration::from_secs(10));
        let at = Duration::from_secs;
        window.count(true, false, at(0));
        window.count(false, true, at(5));
        window.count(false, false, at(9));
        let counts = window.counts(at(9));
        assert_eq!((counts.answers, counts.failures, counts.slow), (3, 1, 1));
        let counts = window.counts(at(12));
        assert_eq!((counts.answers, counts.failures, counts.slow), (2, 0, 1));
        assert_eq!(window.counts(at(100)), Counts::default());
    }
}
