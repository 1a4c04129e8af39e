//! Rows that may be this run's without its knowing: a take was committed, and its answer was lost on
//! the way. Nobody else takes them while this run lives.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::store::takes::TakeId;

/// A take that the database has not heard the end of may still be committed, but not for so long:
/// longer than any sensible `database.statement_timeout`.
const LATE: Duration = Duration::from_secs(60);

/// Until the next try when they cannot be let go of.
const AGAIN: Duration = Duration::from_secs(5);

/// The takes of which nothing is held, and when to let go of what they took: as soon as there may be
/// something, and once more for what came late.
#[derive(Debug, Default)]
pub(super) struct Strays(Vec<Stray>);

#[derive(Debug, Clone, Copy)]
struct Stray {
    take: TakeId,
    next: Instant,
    last: Instant,
    /// None of its rows is due later.
    until: Timestamp,
}

impl Strays {
    /// A take of what is due by `until` begins.
    pub(super) fn expect(&mut self, take: TakeId, now: Instant, until: Timestamp) {
        self.0.push(Stray {
            take,
            next: now,
            last: now + LATE,
            until,
        });
    }

    /// All that was taken is held.
    pub(super) fn held(&mut self, take: TakeId) {
        self.0.retain(|stray| stray.take != take);
    }

    /// The takes of which to let go now, and by when what they took is due.
    pub(super) fn due(&self, now: Instant) -> Option<(Vec<TakeId>, Timestamp)> {
        let due = self.0.iter().filter(|stray| stray.next <= now);
        let until = due.clone().map(|stray| stray.until).max()?;
        Some((due.map(|stray| stray.take).collect(), until))
    }

    /// They could not be let go of: not at once again.
    pub(super) fn wait(&mut self, now: Instant) {
        for stray in self.0.iter_mut().filter(|stray| stray.next <= now) {
            stray.next = now + AGAIN;
            stray.last = stray.last.max(stray.next);
        }
    }

    /// They were let go of.
    pub(super) fn let_go(&mut self, now: Instant) {
        self.0.retain(|stray| now < stray.last);
        for stray in self.0.iter_mut().filter(|stray| stray.next <= now) {
            stray.next = stray.last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const UNTIL: Timestamp = Timestamp::UNIX_EPOCH;
    const ONE: TakeId = TakeId(1);
    const TWO: TakeId = TakeId(2);

    #[test]
    fn they_are_let_go_of_at_once_and_once_more_later() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        assert_eq!(strays.due(now), None);
        strays.expect(ONE, now, UNTIL);
        assert_eq!(strays.due(now), Some((vec![ONE], UNTIL)));
        strays.let_go(now);
        assert_eq!(strays.due(now + LATE / 2), None);
        assert_eq!(strays.due(now + LATE), Some((vec![ONE], UNTIL)));
        strays.let_go(now + LATE);
        assert_eq!(strays.due(now + LATE * 9), None);
    }

    #[test]
    fn a_take_that_is_held_has_none() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        strays.expect(ONE, now, UNTIL);
        strays.expect(TWO, now, UNTIL);
        strays.held(TWO);
        assert_eq!(strays.due(now), Some((vec![ONE], UNTIL)));
    }

    #[test]
    fn what_cannot_be_let_go_of_is_tried_again_after_a_while() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        strays.expect(ONE, now, UNTIL);
        strays.wait(now);
        assert_eq!(strays.due(now), None);
        assert_eq!(strays.due(now + AGAIN), Some((vec![ONE], UNTIL)));
    }

    #[test]
    fn each_take_has_its_own_times() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        let later = UNTIL + jiff::SignedDuration::from_mins(25);
        strays.expect(ONE, now, UNTIL);
        strays.let_go(now);
        strays.expect(TWO, now + LATE / 2, later);
        assert_eq!(strays.due(now + LATE / 2), Some((vec![TWO], later)));
        strays.let_go(now + LATE / 2);
        assert_eq!(strays.due(now + LATE), Some((vec![ONE], UNTIL)));
        strays.let_go(now + LATE);
        assert_eq!(strays.due(now + LATE * 3 / 2), Some((vec![TWO], later)));
    }
}
