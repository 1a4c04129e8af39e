//! A provider's word that an address is dead is believed, unless it says so of too many at once.
//!
//! A wrong key, a broken template or a fault of the provider's looks like this, and an address that is
//! retired by mistake only its person can bring back.

use std::time::Duration;

use super::answer_window::AnswerWindow;

/// How far back is looked.
const WINDOW: Duration = Duration::from_secs(60);
/// Fewer than this share of the answers are never too many, however many there are: Amazon SES (its
/// documentation, "Bounce rate best practices") pauses who bounces one in ten.
const SHARE: u32 = 10;

/// Counts the dead addresses of one account over a minute, in constant space. Time is a duration since
/// any fixed start.
#[derive(Debug, Clone)]
pub struct DeadAddressLimit {
    most: u32,
    answers: AnswerWindow,
    exceeded: bool,
}

/// What follows from counting an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitChange {
    /// From now on nothing is believed.
    Exceeded,
    /// It is again.
    Over,
}

impl DeadAddressLimit {
    /// Believes `most` in a minute, or a tenth of the answers if that is more.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self {
            most,
            answers: AnswerWindow::new(WINDOW),
            exceeded: false,
        }
    }

    /// Counts an answer of the account, which may say that its address is dead.
    pub fn count(&mut self, is_dead: bool, now: Duration) -> Option<LimitChange> {
        self.answers.count(is_dead, false, now);
        let counts = self.answers.counts(now);
        let dead = counts.failures;
        let exceeds = dead > self.most && dead.saturating_mul(SHARE) > counts.answers;
        if std::mem::replace(&mut self.exceeded, exceeds) == exceeds {
            return None;
        }
        Some(match exceeds {
            true => LimitChange::Exceeded,
            false => LimitChange::Over,
        })
    }

    /// Whether such a word is believed at present.
    #[must_use]
    pub const fn is_believed(&self) -> bool {
        !self.exceeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn so_many_in_a_minute_are_believed_and_no_more_until_they_are_fewer() {
        let mut limit = DeadAddressLimit::new(3);
        assert!((0..3).all(|n| limit.count(true, at(n)).is_none()));
        assert!(limit.is_believed());
        assert_eq!(limit.count(true, at(3)), Some(LimitChange::Exceeded));
        assert!(!limit.is_believed());
        assert_eq!(limit.count(true, at(4)), None);
        assert_eq!(limit.count(false, at(100)), Some(LimitChange::Over));
        assert!(limit.is_believed());
    }

    #[test]
    fn a_large_mailing_may_have_as_many_as_a_tenth() {
        let mut limit = DeadAddressLimit::new(3);
        let changes = (0..10_000_u64).filter_map(|n| limit.count(n % 11 == 10, at(n / 1_000)));
        assert_eq!(changes.count(), 0);
    }
}
