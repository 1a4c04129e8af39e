//! Rows that may be this run's without its knowing: a take was committed, and its answer was lost on
//! the way. Nobody else takes them while this run lives.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// A take that the database has not heard the end of may still be committed, but not for so long:
/// longer than any sensible `database.statement_timeout`.
const LATE: Duration = Duration::from_secs(60);

/// Until the next try when they cannot be let go of.
const AGAIN: Duration = Duration::from_secs(5);

/// When to let go of them: as soon as there may be some, and once more for what came late.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Strays(Option<Plan>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    next: Instant,
    last: Instant,
    /// None of them is due later.
    until: Timestamp,
}

impl Strays {
    /// A take of what is due by `until` begins. To be put back to what it was before once all that was
    /// taken is held.
    pub(super) fn expect(&mut self, now: Instant, until: Timestamp) {
        self.0 = Some(Plan {
            next: now,
            last: now + LATE,
            // The clock may have been set back since an earlier take.
            until: self.0.map_or(until, |plan| plan.until.max(until)),
        });
    }

    /// By when those are due that are to be let go of now.
    pub(super) fn due(&self, now: Instant) -> Option<Timestamp> {
        self.0
            .filter(|plan| plan.next <= now)
            .map(|plan| plan.until)
    }

    /// They could not be let go of: not at once again.
    pub(super) fn wait(&mut self, now: Instant) {
        self.0 = self.0.map(|plan| Plan {
            next: now + AGAIN,
            last: plan.last.max(now + AGAIN),
            ..plan
        });
    }

    /// They were let go of.
    pub(super) fn let_go(&mut self, now: Instant) {
        self.0 = self.0.filter(|plan| now < plan.last).map(|plan| Plan {
            next: plan.last,
            ..plan
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const UNTIL: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn they_are_let_go_of_at_once_and_once_more_later() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        assert_eq!(strays.due(now), None);
        strays.expect(now, UNTIL);
        assert_eq!(strays.due(now), Some(UNTIL));
        strays.let_go(now);
        assert_eq!(strays.due(now + LATE / 2), None);
        assert_eq!(strays.due(now + LATE), Some(UNTIL));
        strays.let_go(now + LATE);
        assert_eq!(strays, Strays::default());
    }

    #[test]
    fn what_cannot_be_let_go_of_is_tried_again_after_a_while() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        strays.expect(now, UNTIL);
        strays.wait(now);
        assert_eq!(strays.due(now), None);
        assert_eq!(strays.due(now + AGAIN), Some(UNTIL));
    }

    #[test]
    fn a_failure_meanwhile_starts_anew() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        strays.expect(now, UNTIL);
        strays.let_go(now);
        strays.expect(now + LATE / 2, UNTIL);
        strays.let_go(now + LATE / 2);
        assert_eq!(strays.due(now + LATE), None);
        assert_eq!(strays.due(now + LATE * 3 / 2), Some(UNTIL));
    }

    #[test]
    fn what_was_taken_before_the_clock_was_set_back_is_let_go_of_too() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        let before = UNTIL + jiff::SignedDuration::from_mins(25);
        strays.expect(now, before);
        strays.expect(now, UNTIL);
        assert_eq!(strays.due(now), Some(before));
    }
}
