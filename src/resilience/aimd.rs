//! An account that is told to slow down does, and finds its way back.

use std::time::Duration;

/// Answers that come together are one reproach: the pace is lowered at most once in this time.
const DECREASE_EVERY: Duration = Duration::from_secs(1);
/// What remains of the pace then, as in CUBIC (RFC 9438) and the adaptive retries of the AWS SDKs: at
/// a half, a provider that answers 429 now and then gets little more than a half for good.
const DECREASE: f64 = 0.7;
/// How much of the base rate a second of successes brings back: all of it in three after one answer. Of
/// a pace below half of the base, a fifth.
const INCREASE_A_SECOND: f64 = 0.1;
/// After so many successes one such answer is no reproach: at whatever pace, a provider that says so now
/// and then would say it again. Its `Retry-After` is kept all the same, and a second one soon after it
/// counts.
const SELDOM: u32 = 500;
/// The pace never falls below this share of the base rate.
const SLOWEST: f64 = 1.0 / 64.0;
/// The base rate is at least this many requests a second: what a quiet account was asked lately says
/// little about what it can take.
const LEAST_BASE: f64 = 10.0;
/// Longest pause that is believed.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// The pace of one account, below whatever limit it has. Time is a duration since any fixed start.
///
/// Full pace until the provider says more than now and then that it is asked too fast; then a share of
/// the rate at which it was asked when it said so, lowered by multiplying and raised by adding.
#[derive(Debug, Clone, Default)]
pub struct AimdLimiter {
    observed: ObservedRate,
    slowed: Option<Slowed>,
    paused_until: Duration,
    /// Since the provider said last that it is asked too fast.
    successes: u32,
}

#[derive(Debug, Clone, Copy)]
struct Slowed {
    /// Requests a second at full pace.
    base: f64,
    factor: f64,
    lowered_at: Duration,
    raised_at: Duration,
    /// When the next request may go.
    next: Duration,
}

/// Requests by whole second: the present one and the one before.
#[derive(Debug, Clone, Copy, Default)]
struct ObservedRate {
    second: u64,
    present: RequestCount,
    before: RequestCount,
}

/// Requests, and the messages in them.
#[derive(Debug, Clone, Copy, Default)]
struct RequestCount {
    requests: u32,
    messages: u32,
}

impl AimdLimiter {
    /// A request may go at `now`, unless it must wait: then for how long.
    ///
    /// # Errors
    /// The wait; nothing has changed.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let slot = self.slowed.map_or(Duration::ZERO, |slowed| slowed.next);
        let wait = self.paused_until.max(slot).saturating_sub(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        if let Some(slowed) = &mut self.slowed {
            let interval = Duration::try_from_secs_f64(1.0 / (slowed.base * slowed.factor));
            slowed.next = slowed.next.max(now) + interval.unwrap_or(DECREASE_EVERY);
        }
        Ok(())
    }

    /// A request went, with one message.
    pub fn sent(&mut self, now: Duration) {
        self.sent_many(now, 1);
    }

    /// A request went, with so many messages. The pace is one of requests: so providers count.
    pub fn sent_many(&mut self, now: Duration, messages: u32) {
        self.observed.count(now, messages);
    }

    /// Messages a second that it takes at present.
    #[must_use]
    pub fn rate(&self, now: Duration) -> f64 {
        let observed = self.observed.busier(now);
        let requests = f64::from(observed.requests);
        let rate = self
            .slowed
            .map_or(requests, |slowed| slowed.base * slowed.factor);
        rate * f64::from(observed.messages.max(1)) / requests.max(1.0)
    }

    /// The provider said that it is asked too fast, and perhaps when to come back.
    pub fn throttled(&mut self, now: Duration, retry_after: Option<Duration>) {
        if let Some(wait) = retry_after {
            self.pause(now, wait);
        }
        if std::mem::take(&mut self.successes) >= SELDOM {
            return;
        }
        match &mut self.slowed {
            Some(slowed) if now.saturating_sub(slowed.lowered_at) >= DECREASE_EVERY => {
                slowed.factor = (slowed.factor * DECREASE).max(SLOWEST);
                (slowed.lowered_at, slowed.raised_at) = (now, now);
            }
            Some(_) => {}
            None => {
                self.slowed = Some(Slowed {
                    base: f64::from(self.observed.busier(now).requests).max(LEAST_BASE),
                    factor: DECREASE,
                    lowered_at: now,
                    raised_at: now,
                    next: now,
                });
            }
        }
    }

    /// A request was answered well: the pace rises a little.
    pub fn succeeded(&mut self, now: Duration) {
        self.successes = self.successes.saturating_add(1);
        let Some(slowed) = &mut self.slowed else {
            return;
        };
        // A pause earns nothing: only the time since the last answer, and no more than a second.
        let earned = now.saturating_sub(slowed.raised_at).min(DECREASE_EVERY);
        // Far below the base a tenth of it would be several times the pace: there a share of the pace.
        let step = INCREASE_A_SECOND * (2.0 * slowed.factor).min(1.0);
        slowed.factor += earned.as_secs_f64() * step;
        slowed.raised_at = now.max(slowed.raised_at);
        if slowed.factor >= 1.0 {
            self.slowed = None;
        }
    }

    /// Nothing goes for this long; a pause that ends earlier than the present one changes nothing.
    pub fn pause(&mut self, now: Duration, wait: Duration) {
        let until = now.saturating_add(wait.min(LONGEST_PAUSE));
        self.paused_until = self.paused_until.max(until);
    }

    /// How long nothing may go, if so.
    #[must_use]
    pub fn paused_for(&self, now: Duration) -> Option<Duration> {
        let wait = self.paused_until.saturating_sub(now);
        (!wait.is_zero()).then_some(wait)
    }

    /// Whether requests have to wait for anything now.
    #[must_use]
    pub fn is_slowed(&self, now: Duration) -> bool {
        self.slowed.is_some() || self.paused_for(now).is_some()
    }

    /// The share of full pace, 1 when nothing slows it.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.slowed.map_or(1.0, |slowed| slowed.factor)
    }
}

impl ObservedRate {
    fn count(&mut self, now: Duration, messages: u32) {
        self.turn(now.as_secs());
        let RequestCount {
            requests,
            messages: all,
        } = &mut self.present;
        (*requests, *all) = (requests.saturating_add(1), all.saturating_add(messages));
    }

    fn turn(&mut self, second: u64) {
        match second.saturating_sub(self.second) {
            0 => return,
            1 => self.before = self.present,
            _ => self.before = RequestCount::default(),
        }
        (self.second, self.present) = (second, RequestCount::default());
    }

    /// The one of the last two seconds in which more was asked.
    fn busier(mut self, now: Duration) -> RequestCount {
        self.turn(now.as_secs());
        if self.before.requests > self.present.requests {
            self.before
        } else {
            self.present
        }
    }
}

#[cfg(test)]
mod tests;
