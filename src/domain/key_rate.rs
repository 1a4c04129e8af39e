//! How fast the holder of an API key may ask, and what a node holds of that for a moment.
//!
//! Tokens are leased from the database, which orders the nodes; a node spends what it leased without asking.

use std::time::Duration;

/// What is leased at once lasts for about this long.
const CHUNK: Duration = Duration::from_millis(250);
/// How long a leased token may be spent.
const VALIDITY: Duration = Duration::from_secs(1);
/// After a refusal nobody asks the database again for at least this long.
const REFUSED: Duration = Duration::from_millis(20);

/// Requests a second, and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRate {
    /// Requests a second; at least one.
    pub per_second: u32,
    /// Requests at once; at least one.
    pub burst: u32,
}

/// How a key stands after a request, for whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateStanding {
    /// Requests that may come at once.
    pub limit: u32,
    /// How many of them are left, as far as this node knows.
    pub remaining: u32,
    /// How long until all are there again.
    pub reset: Duration,
}

/// Tokens that a node holds. Times are since any one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyPurse {
    tokens: u32,
    /// Until when they may be spent.
    valid_until: Duration,
    /// What was left in the database, and when.
    left: (u32, Duration),
    /// So many were refused, and are until then.
    refused: Option<(u32, Duration)>,
}

/// What a purse answers to whoever wants to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPurseAnswer {
    /// Spent.
    Paid,
    /// There is nothing for that long.
    Refused(Duration),
    /// The database has to be asked.
    Empty,
}

impl KeyRate {
    /// A rate; what may come at once is what comes in `burst`.
    #[must_use]
    pub fn new(per_second: u32, burst: Duration) -> Self {
        let per_second = per_second.max(1);
        let at_once = u128::from(per_second) * burst.as_millis() / 1_000;
        Self {
            per_second,
            burst: u32::try_from(at_once).unwrap_or(u32::MAX).max(1),
        }
    }

    /// Time between two tokens, in whole microseconds.
    #[must_use]
    pub fn interval(self) -> Duration {
        Duration::from_micros((1_000_000 / u64::from(self.per_second)).max(1))
    }

    /// Tokens that are worth one question.
    #[must_use]
    pub fn chunk(self) -> u32 {
        let tokens = CHUNK.as_micros() / self.interval().as_micros().max(1);
        u32::try_from(tokens)
            .unwrap_or(u32::MAX)
            .clamp(1, self.burst)
    }
}

impl KeyPurse {
    /// Spends so many at `now`, if they are here.
    pub fn pay(&mut self, cost: u32, now: Duration) -> KeyPurseAnswer {
        if now < self.valid_until && self.tokens >= cost {
            self.tokens -= cost;
            return KeyPurseAnswer::Paid;
        }
        match self.refused {
            Some((refused, until)) if cost >= refused && now < until => {
                KeyPurseAnswer::Refused(until.saturating_sub(now))
            }
            _ => KeyPurseAnswer::Empty,
        }
    }

    /// How many are here at `now`.
    #[must_use]
    pub fn held(&self, now: Duration) -> u32 {
        if now < self.valid_until {
            self.tokens
        } else {
            0
        }
    }

    /// Takes what was leased at `now`; `left` is what the database has still.
    pub fn fill(&mut self, granted: u32, left: u32, now: Duration) {
        let kept = self.held(now);
        *self = Self {
            tokens: kept.saturating_add(granted),
            valid_until: now + VALIDITY,
            left: (left, now),
            refused: None,
        };
    }

    /// So many were refused at `now`; there is nothing for `wait`.
    pub fn refuse(&mut self, cost: u32, left: u32, wait: Duration, now: Duration) {
        self.left = (left, now);
        self.refused = Some((cost, now + wait.max(REFUSED)));
    }

    /// How the key stands at `now`: other nodes may have spent since.
    #[must_use]
    pub fn standing(&self, rate: KeyRate, now: Duration) -> RateStanding {
        let (left, since) = self.left;
        let held = self.held(now);
        let come = now.saturating_sub(since).as_micros() / rate.interval().as_micros().max(1);
        let come = u32::try_from(come).unwrap_or(u32::MAX);
        let remaining = left.saturating_add(held).saturating_add(come);
        let remaining = remaining.min(rate.burst);
        RateStanding {
            limit: rate.burst,
            remaining,
            reset: rate.interval().saturating_mul(rate.burst - remaining),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_rate_has_a_burst_and_a_chunk() {
        let rate = KeyRate::new(100, Duration::from_secs(2));
        assert_eq!((rate.burst, rate.chunk()), (200, 25));
        assert_eq!(rate.interval(), at(10));
        let least = KeyRate::new(1, at(10));
        assert_eq!((least.burst, least.chunk()), (1, 1));
        let most = KeyRate::new(1_000_000, Duration::from_secs(60));
        assert_eq!(most.interval(), Duration::from_micros(1));
    }

    #[test]
    fn tokens_are_spent_once_and_for_a_second() {
        let mut purse = KeyPurse::default();
        assert_eq!(purse.pay(1, at(0)), KeyPurseAnswer::Empty);
        purse.fill(3, 7, at(0));
        assert_eq!(purse.pay(2, at(10)), KeyPurseAnswer::Paid);
        assert_eq!(purse.pay(2, at(10)), KeyPurseAnswer::Empty, "one is left");
        assert_eq!(purse.pay(1, at(999)), KeyPurseAnswer::Paid);
        purse.fill(3, 7, at(1_000));
        assert_eq!(purse.pay(1, at(2_000)), KeyPurseAnswer::Empty);
    }

    #[test]
    fn a_refusal_is_believed_for_a_while_by_those_who_want_as_much() {
        let mut purse = KeyPurse::default();
        purse.refuse(10, 4, at(500), at(0));
        assert_eq!(purse.pay(10, at(100)), KeyPurseAnswer::Refused(at(400)));
        assert_eq!(purse.pay(4, at(100)), KeyPurseAnswer::Empty);
        assert_eq!(purse.pay(10, at(500)), KeyPurseAnswer::Empty);
        purse.refuse(1, 0, at(0), at(1_000));
        assert_eq!(purse.pay(1, at(1_019)), KeyPurseAnswer::Refused(at(1)));
        purse.fill(2, 0, at(1_019));
        assert_eq!(purse.pay(1, at(1_019)), KeyPurseAnswer::Paid);
    }

    #[test]
    fn the_standing_counts_what_is_left_here_and_there_and_what_has_come() {
        let rate = KeyRate::new(10, Duration::from_secs(1));
        let mut purse = KeyPurse::default();
        purse.fill(2, 3, at(0));
        let standing = purse.standing(rate, at(0));
        assert_eq!((standing.limit, standing.remaining), (10, 5));
        assert_eq!(standing.reset, at(500));
        assert_eq!(purse.standing(rate, at(200)).remaining, 7);
        let full = purse.standing(rate, at(60_000));
        assert_eq!((full.remaining, full.reset), (10, Duration::ZERO));
    }
}
