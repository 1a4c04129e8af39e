//! Rows that may be this run's without its knowing: a take was committed, and its answer was lost on
//! the way. Nobody else takes them while this run lives.

use std::time::Duration;

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
}

impl Strays {
    /// A take begins. To be put back to what it was before once all that was taken is held.
    pub(super) fn expect(&mut self, now: Instant) {
        self.0 = Some(Plan {
            next: now,
            last: now + LATE,
        });
    }

    /// Whether it is time to let go of them.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.0.is_some_and(|plan| plan.next <= now)
    }

    /// They could not be let go of: not at once again.
    pub(super) fn wait(&mut self, now: Instant) {
        self.0 = self.0.map(|plan| Plan {
            next: now + AGAIN,
            last: plan.last.max(now + AGAIN),
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

    #[test]
    fn they_are_let_go_of_at_once_and_once_more_later() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        assert!(!strays.is_due(now));
        strays.expect(now);
        assert!(strays.is_due(now));
        strays.let_go(now);
        assert!(!strays.is_due(now + LATE / 2));
        assert!(strays.is_due(now + LATE));
        strays.let_go(now + LATE);
        assert_eq!(strays, Strays::default());
    }

    #[test]
    fn what_cannot_be_let_go_of_is_tried_again_after_a_while() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        strays.expect(now);
        strays.wait(now);
        assert!(!strays.is_due(now));
        assert!(strays.is_due(now + AGAIN));
    }

    #[test]
    fn a_failure_meanwhile_starts_anew() {
        let (mut strays, now) = (Strays::default(), clock::instant());
        strays.expect(now);
        strays.let_go(now);
        strays.expect(now + LATE / 2);
        strays.let_go(now + LATE / 2);
        assert!(!strays.is_due(now + LATE));
        assert!(strays.is_due(now + LATE * 3 / 2));
    }
}
