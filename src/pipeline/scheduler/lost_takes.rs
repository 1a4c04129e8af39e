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
pub(super) struct LostTakes(Vec<LostTake>);

#[derive(Debug, Clone, Copy)]
struct LostTake {
    take: TakeId,
    next: Instant,
    last: Instant,
    /// None of its rows is due later.
    until: Timestamp,
}

impl LostTakes {
    /// A take of what is due by `until` begins.
    pub(super) fn expect(&mut self, take: TakeId, now: Instant, until: Timestamp) {
        self.0.push(LostTake {
            take,
            next: now,
            last: now + LATE,
            until,
        });
    }

    /// All that was taken is held.
    pub(super) fn held(&mut self, take: TakeId) {
        self.0.retain(|lost_take| lost_take.take != take);
    }

    /// The takes of which to let go now, and by when what they took is due.
    pub(super) fn due(&self, now: Instant) -> Option<(Vec<TakeId>, Timestamp)> {
        let due = self.0.iter().filter(|lost_take| lost_take.next <= now);
        let until = due.clone().map(|lost_take| lost_take.until).max()?;
        Some((due.map(|lost_take| lost_take.take).collect(), until))
    }

    /// They could not be let go of: not at once again.
    pub(super) fn wait(&mut self, now: Instant) {
        for lost_take in self.0.iter_mut().filter(|lost_take| lost_take.next <= now) {
            lost_take.next = now + AGAIN;
            lost_take.last = lost_take.last.max(lost_take.next);
        }
    }

    /// They were let go of.
    pub(super) fn let_go(&mut self, now: Instant) {
        self.0.retain(|lost_take| now < lost_take.last);
        for lost_take in self.0.iter_mut().filter(|lost_take| lost_take.next <= now) {
            lost_take.next = lost_take.last;
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
    fn lost_take_is_released_at_once_and_once_more_later() {
        let (mut lost_takes, now) = (LostTakes::default(), clock::instant());
        assert_eq!(lost_takes.due(now), None);
        lost_takes.expect(ONE, now, UNTIL);
        assert_eq!(lost_takes.due(now), Some((vec![ONE], UNTIL)));
        lost_takes.let_go(now);
        assert_eq!(lost_takes.due(now + LATE / 2), None);
        assert_eq!(lost_takes.due(now + LATE), Some((vec![ONE], UNTIL)));
        lost_takes.let_go(now + LATE);
        assert_eq!(lost_takes.due(now + LATE * 9), None);
    }

    #[test]
    fn a_take_that_is_held_has_none() {
        let (mut lost_takes, now) = (LostTakes::default(), clock::instant());
        lost_takes.expect(ONE, now, UNTIL);
        lost_takes.expect(TWO, now, UNTIL);
        lost_takes.held(TWO);
        assert_eq!(lost_takes.due(now), Some((vec![ONE], UNTIL)));
    }

    #[test]
    fn failed_release_of_a_lost_take_is_retried_after_a_while() {
        let (mut lost_takes, now) = (LostTakes::default(), clock::instant());
        lost_takes.expect(ONE, now, UNTIL);
        lost_takes.wait(now);
        assert_eq!(lost_takes.due(now), None);
        assert_eq!(lost_takes.due(now + AGAIN), Some((vec![ONE], UNTIL)));
    }

    #[test]
    fn each_take_has_its_own_times() {
        let (mut lost_takes, now) = (LostTakes::default(), clock::instant());
        let later = UNTIL + jiff::SignedDuration::from_mins(25);
        lost_takes.expect(ONE, now, UNTIL);
        lost_takes.let_go(now);
        lost_takes.expect(TWO, now + LATE / 2, later);
        assert_eq!(lost_takes.due(now + LATE / 2), Some((vec![TWO], later)));
        lost_takes.let_go(now + LATE / 2);
        assert_eq!(lost_takes.due(now + LATE), Some((vec![ONE], UNTIL)));
        lost_takes.let_go(now + LATE);
        assert_eq!(lost_takes.due(now + LATE * 3 / 2), Some((vec![TWO], later)));
    }
}
