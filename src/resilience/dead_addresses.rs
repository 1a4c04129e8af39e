//! A provider's word that an address is dead is believed, unless it says so of too many at once.
//!
//! A wrong key, a broken template or a fault of the provider's looks like this, and an address that is
//! retired by mistake only its person can bring back: for hours a provider may call everybody dead (Gmail
//! in December 2020).

use std::time::Duration;

use super::answer_window::AnswerWindow;

/// How far back is looked.
const WINDOW: Duration = Duration::from_secs(60);
/// Fewer than this share of the answers are never too many, however many there are: Amazon SES (its
/// documentation, "Bounce rate best practices") pauses who bounces one in ten.
const SHARE: u32 = 10;

/// So many answers are looked at together, however long they took to come.
const LAST: u32 = 20;
/// So many dead ones of the last are too many, unless that is usual for this account.
const RISEN: u32 = 10;
/// And so few are few again.
const FALLEN: u32 = 4;
/// How much more than the usual share is a rise.
const RISE: f64 = 5.0;
/// The share that is usual for an account that is not known yet.
const USUAL: f64 = 0.02;
/// How much one answer says of what is usual.
const WEIGHT: f64 = 1.0 / 500.0;

/// Counts the dead addresses of one account over a minute and over the last answers, in constant space. Time is a duration since
/// any fixed start.
#[derive(Debug, Clone)]
pub struct DeadAddressLimit {
    most: u32,
    answers: AnswerWindow,
    /// The last answers, a bit each: whether the address is dead.
    last: u32,
    usual: f64,
    risen: bool,
    /// Whether a sudden rise is looked for.
    heeds_rises: bool,
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
    /// Believes `most` in a minute, or a tenth of the answers if that is more; and no sudden rise.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self {
            most,
            answers: AnswerWindow::new(WINDOW),
            last: 0,
            usual: USUAL,
            risen: false,
            heeds_rises: true,
            exceeded: false,
        }
    }

    /// The same for who may tell of failures alone: of no share can it be said that it is unusual.
    #[must_use]
    pub fn without_rises(most: u32) -> Self {
        Self {
            heeds_rises: false,
            ..Self::new(most)
        }
    }

    /// Counts an answer of the account, which may say that its address is dead.
    pub fn count(&mut self, is_dead: bool, now: Duration) -> Option<LimitChange> {
        self.answers.count(is_dead, false, now);
        let exceeds = self.are_many(now) || (self.heeds_rises && self.has_risen(is_dead));
        self.change(exceeds)
    }

    /// Time has passed, and nothing may have been told meanwhile.
    pub fn pass(&mut self, now: Duration) -> Option<LimitChange> {
        let exceeds = self.are_many(now) || self.risen;
        self.change(exceeds)
    }

    fn are_many(&self, now: Duration) -> bool {
        self.exceeds(self.answers.counts(now).failures, now)
    }

    /// Whether so many dead ones in a minute are too many, here and elsewhere together: the share of the answers here
    /// stands for that of all.
    #[must_use]
    pub fn exceeds(&self, dead: u32, now: Duration) -> bool {
        let counts = self.answers.counts(now);
        dead > self.most && counts.failures.saturating_mul(SHARE) > counts.answers
    }

    const fn change(&mut self, exceeds: bool) -> Option<LimitChange> {
        if std::mem::replace(&mut self.exceeded, exceeds) == exceeds {
            return None;
        }
        Some(match exceeds {
            true => LimitChange::Exceeded,
            false => LimitChange::Over,
        })
    }

    /// Whether far more of the last answers than usual call their address dead.
    fn has_risen(&mut self, is_dead: bool) -> bool {
        self.last = ((self.last << 1) | u32::from(is_dead)) & ((1 << LAST) - 1);
        let dead = self.last.count_ones();
        let share = f64::from(dead) / f64::from(LAST);
        self.risen = match self.risen {
            true => dead > FALLEN,
            false => dead >= RISEN && share > RISE * self.usual,
        };
        if !self.risen {
            self.usual += (f64::from(u8::from(is_dead)) - self.usual) * WEIGHT;
        }
        self.risen
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

    #[test]
    fn who_tells_of_failures_alone_is_believed_up_to_the_limit() {
        let mut limit = DeadAddressLimit::without_rises(50);
        assert!((0..50).all(|n| limit.count(true, at(n / 5)).is_none()));
        assert!(limit.is_believed());
        assert_eq!(limit.count(true, at(11)), Some(LimitChange::Exceeded));
        assert_eq!(limit.pass(at(12)), None);
        assert_eq!(limit.pass(at(200)), Some(LimitChange::Over));
        assert!(limit.is_believed());
        assert_eq!(limit.count(true, at(201)), None);
        assert!(limit.exceeds(51, at(201)) && !limit.exceeds(50, at(201)));
        assert!((0..9).all(|_| limit.count(false, at(202)).is_none()));
        assert!(!limit.exceeds(51, at(202)), "one of ten");
    }

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
    fn a_wave_is_noticed_after_ten_however_slowly_it_comes() {
        let mut limit = DeadAddressLimit::new(100);
        assert!((0..50).all(|n| limit.count(false, at(n * 600)).is_none()));
        let believed = (50..150).filter(|n| {
            limit.count(true, at(n * 600));
            limit.is_believed()
        });
        assert_eq!(believed.count(), 9);
        let mut over = (150..200).filter_map(|n| limit.count(false, at(n * 600)));
        assert_eq!(over.next(), Some(LimitChange::Over));
        assert_eq!(over.next(), None);
    }

    #[test]
    fn account_with_steadily_many_dead_addresses_is_believed() {
        let mut limit = DeadAddressLimit::new(1_000_000);
        let mut changes = (0..2_000_u64).filter_map(|n| limit.count(n % 5 == 0, at(n)));
        assert_eq!(changes.next(), None);
        // Half of them is no rise from a fifth.
        let changes = (2_000..3_000_u64).filter_map(|n| limit.count(n % 2 == 0, at(n)));
        assert_eq!(changes.count(), 0);
    }

    #[test]
    fn a_large_mailing_may_have_as_many_as_a_tenth() {
        let mut limit = DeadAddressLimit::new(3);
        let changes = (0..10_000_u64).filter_map(|n| limit.count(n % 11 == 10, at(n / 1_000)));
        assert_eq!(changes.count(), 0);
    }
}
