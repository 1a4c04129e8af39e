//! How fast it may be asked: tokens of the rate limit, leased in chunks, used at once or lost; and the
//! pace of an account that is told to slow down.

use std::time::Duration;

use super::AccountState;
use crate::resilience::TokenRate;
use crate::resilience::rate_limit::VALIDITY;

/// Wait before the database is asked again for tokens after it failed.
pub const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Leave by the rate limit for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateToken {
    /// There is no limit.
    Unlimited,
    /// May be used until then.
    Until(Duration),
    /// There was no point in waiting for one.
    None,
}

/// What whoever waits for the account is to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A request may go.
    Go(RateToken),
    /// Look again after this long.
    Wait(Duration),
    /// Ask the database for tokens.
    Lease(Question),
    /// There is nothing to wait for.
    Nothing,
}

/// A question for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The account's rate.
    pub rate: TokenRate,
    /// How many are wanted: as many as are worth one question.
    pub tokens: u32,
    asked_at: Duration,
}

/// What the database answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leased {
    /// So many tokens.
    pub granted: u32,
    /// When there may be one, if there was none.
    pub retry_in: Option<Duration>,
    /// The provider has asked everybody to wait.
    pub paused_for: Option<Duration>,
}

/// What this node holds of an account's tokens.
#[derive(Debug)]
pub(super) struct RateTokens {
    limit: Option<u32>,
    held: u32,
    dead_at: Duration,
}

impl RateToken {
    /// Whether a request may go with it now.
    #[must_use]
    pub fn is_valid(self, now: Duration) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Until(dead_at) => now < dead_at,
            Self::None => false,
        }
    }
}

impl RateTokens {
    pub(super) fn new(limit: Option<u32>) -> Self {
        Self {
            limit: limit.map(|limit| limit.max(1)),
            held: 0,
            dead_at: Duration::ZERO,
        }
    }

    pub(super) const fn limit(&self) -> Option<u32> {
        self.limit
    }
}

impl AccountState {
    /// Requests a minute that it may be asked; `None` is unlimited.
    #[must_use]
    pub const fn rate_limit(&self) -> Option<u32> {
        self.tokens.limit()
    }

    /// Takes over a changed rate limit.
    pub fn set_rate_limit(&mut self, limit: Option<u32>) {
        self.tokens.limit = limit.map(|limit| limit.max(1));
    }

    /// What is to be done for `waiting` requests that wait for it. Nothing, when there are none, when
    /// it is over (`is_over`: it is out of use, or no calls are made any more), or while it is not asked
    /// for so long that others are rather asked.
    pub fn turn(&mut self, waiting: usize, is_over: bool, now: Duration) -> Turn {
        if waiting == 0 || is_over || self.refused_for(now).is_some() {
            return Turn::Nothing;
        }
        self.turn_at_once(waiting, now)
    }

    /// The same, for whoever has not waited yet.
    pub fn turn_at_once(&mut self, waiting: usize, now: Duration) -> Turn {
        let Some(token) = self.take_token(now) else {
            return Turn::Lease(self.question(waiting, now));
        };
        match self.pace.take(now) {
            Ok(()) => Turn::Go(token),
            Err(wait) => {
                self.put_back(token);
                Turn::Wait(wait)
            }
        }
    }

    /// A token, if one is needed and at hand; `None` when one has to be leased.
    pub fn take_token(&mut self, now: Duration) -> Option<RateToken> {
        let tokens = &mut self.tokens;
        if tokens.limit.is_none() {
            return Some(RateToken::Unlimited);
        }
        if now >= tokens.dead_at {
            return None;
        }
        tokens.held = tokens.held.checked_sub(1)?;
        Some(RateToken::Until(tokens.dead_at))
    }

    /// A token that found nothing to do may serve another.
    pub fn put_back(&mut self, token: RateToken) {
        if token == RateToken::Until(self.tokens.dead_at) {
            self.tokens.held += 1;
        }
    }

    /// The database has answered. Says how long to wait before the next look, if not at once: it
    /// granted none.
    pub fn leased(
        &mut self,
        question: Question,
        leased: Leased,
        now: Duration,
    ) -> Option<Duration> {
        if let Some(wait) = leased.paused_for {
            self.pause(wait, now);
            // A long one is not waited for here, which the next look finds.
            return self.refused_for(now).is_none().then_some(wait);
        }
        if leased.granted == 0 {
            // One question for each token would be many: until a chunk has come together.
            let chunk = question.rate.time_for(question.tokens.saturating_sub(1));
            return Some(leased.retry_in.unwrap_or_default().max(chunk));
        }
        self.tokens.held = leased.granted;
        self.tokens.dead_at = question.asked_at + VALIDITY;
        None
    }

    fn question(&self, waiting: usize, now: Duration) -> Question {
        let rate = TokenRate::of(self.tokens.limit.unwrap_or(u32::MAX));
        let wanted = u32::try_from(waiting).unwrap_or(u32::MAX);
        Question {
            rate,
            tokens: wanted.clamp(1, rate.chunk()),
            asked_at: now,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::AccountSettings;
    use super::*;
    use crate::resilience::CircuitSettings;

    /// What the tests of an account start from.
    pub(in super::super) const SETTINGS: AccountSettings = AccountSettings {
        slow_after: Duration::from_secs(5),
        refused_pause: Duration::from_secs(60),
        circuit: CircuitSettings {
            failure_ratio: 0.5,
            slow_ratio: 0.5,
            window: Duration::from_secs(10),
            minimum_requests: 10,
            open_for: Duration::from_secs(5),
            open_max: Duration::from_secs(60),
            concurrency: 8,
        },
        dead_addresses_a_minute: 10,
    };

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn question(turn: Turn) -> Question {
        match turn {
            Turn::Lease(question) => question,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_account_without_a_limit_asks_nobody() {
        let mut account = AccountState::new(SETTINGS, None);
        assert_eq!(
            account.turn(1, false, at(0)),
            Turn::Go(RateToken::Unlimited)
        );
        assert_eq!(account.turn(0, false, at(0)), Turn::Nothing);
        assert_eq!(account.turn(1, true, at(0)), Turn::Nothing);
    }

    #[test]
    fn leased_tokens_are_used_while_they_are_valid_and_asked_for_again_after() {
        let mut account = AccountState::new(SETTINGS, Some(6_000));
        let asked = question(account.turn(2, false, at(0)));
        assert_eq!(asked.tokens, 2);
        let granted = Leased {
            granted: 2,
            ..Leased::default()
        };
        assert_eq!(account.leased(asked, granted, at(100)), None);
        let token = RateToken::Until(VALIDITY);
        assert_eq!(account.turn(2, false, at(100)), Turn::Go(token));
        account.put_back(token);
        assert_eq!(account.turn(2, false, at(499)), Turn::Go(token));
        assert!(token.is_valid(at(499)) && !token.is_valid(at(500)));
        // One is left, and it is dead by now.
        assert_eq!(question(account.turn(1, false, at(500))).tokens, 1);
    }

    #[test]
    fn a_long_pause_is_not_waited_for_and_a_short_one_is() {
        let mut account = AccountState::new(SETTINGS, Some(60));
        let asked = question(account.turn(1, false, at(0)));
        let paused = |millis| Leased {
            paused_for: Some(at(millis)),
            ..Leased::default()
        };
        assert_eq!(account.leased(asked, paused(400), at(0)), Some(at(400)));
        assert_eq!(account.leased(asked, paused(4_000), at(0)), None);
        assert_eq!(account.turn(1, false, at(0)), Turn::Nothing);
    }
}
