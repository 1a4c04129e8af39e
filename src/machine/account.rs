//! One account on one node: whether it may be asked, and how fast. One state for all who ask or route.
//!
//! Time is a duration since any fixed start.

mod answer;
mod throttle;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::domain::{AccountFault, CircuitState};
use crate::resilience::circuit_breaker::{CircuitStanding, Permission, Ticket};
use crate::resilience::{
    AddressThrottle, AimdLimiter, CircuitBreaker, CircuitSettings, DeadAddressLimit, Suspicion,
};

pub use answer::{CircuitNews, Taught};
use throttle::RateTokens;
pub use throttle::{AFTER_FAILURE, Leased, Question, RateToken, Turn};

/// Shortest pause for which nobody waits in the queue: others may be asked meanwhile.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// When to look again while a probe is under way.
const AFTER_PROBE: Duration = Duration::from_secs(1);

/// What does not change about an account's state.
#[derive(Debug, Clone, Copy)]
pub struct AccountSettings {
    /// An answer that takes longer is slow.
    pub slow_after: Duration,
    /// How long a refused account is left alone.
    pub refused_pause: Duration,
    /// When its circuit opens.
    pub circuit: CircuitSettings,
    /// So many dead addresses a minute are believed.
    pub dead_addresses_a_minute: u32,
}

/// The state of one account on this node.
#[derive(Debug)]
pub struct AccountState {
    settings: AccountSettings,
    breaker: CircuitBreaker,
    pace: AimdLimiter,
    tokens: RateTokens,
    /// The addresses that it wants left alone.
    throttled: AddressThrottle,
    /// How many of its addresses it says are dead.
    dead: DeadAddressLimit,
    /// Who was refused in words that may be about it.
    suspicion: Suspicion,
    /// When one platform was last told of that refuses its key.
    platform_refused: Option<Duration>,
    cause: Option<CircuitCause>,
    /// Whether it has worked since this node knows it.
    proven: bool,
}

/// Leave for one request. It is to be answered, or abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallPermit {
    ticket: Ticket,
    /// Whether it tries for all others.
    pub is_probe: bool,
}

/// Why a circuit is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitCause {
    /// Requests fail.
    Failing,
    /// Answers take too long.
    Slow,
    /// The account is refused, whatever it sends.
    Refused(AccountFault),
}

impl AccountState {
    /// The state of an account that is taken into use, which is believed to work.
    #[must_use]
    pub fn new(settings: AccountSettings, rate_limit: Option<u32>) -> Self {
        Self {
            settings,
            breaker: CircuitBreaker::new(settings.circuit),
            pace: AimdLimiter::default(),
            tokens: RateTokens::new(rate_limit),
            throttled: AddressThrottle::default(),
            dead: DeadAddressLimit::new(settings.dead_addresses_a_minute),
            suspicion: Suspicion::default(),
            platform_refused: None,
            cause: None,
            proven: false,
        }
    }

    /// Leave to put one request, with so many messages; `None` while nobody has it.
    pub fn admit(&mut self, messages: usize, now: Duration) -> Option<CallPermit> {
        if self.pace.paused_for(now).is_some() {
            return None;
        }
        let (ticket, is_probe) = match self.breaker.admit(now) {
            Permission::Pass(ticket) => (ticket, false),
            Permission::Probe(ticket) => (ticket, true),
            Permission::Refused { .. } => return None,
        };
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.pace.sent_many(now, messages);
        Some(CallPermit { ticket, is_probe })
    }

    /// An admitted request will never be answered. Says whether it was a probe, so that others may try
    /// now.
    pub fn abandon(&mut self, permit: CallPermit, now: Duration) -> bool {
        if permit.is_probe {
            self.breaker.abandon(permit.ticket, now);
        }
        permit.is_probe
    }

    /// How long nobody may ask, if it is so long that nobody should wait for it here.
    #[must_use]
    pub fn refused_for(&self, now: Duration) -> Option<Duration> {
        let pause = self.pace.paused_for(now).filter(|wait| *wait >= LONG_PAUSE);
        let circuit = match self.breaker.standing(now) {
            CircuitStanding::Closed | CircuitStanding::HalfOpen { probing: false } => None,
            CircuitStanding::Open { until } => Some(until.saturating_sub(now)),
            CircuitStanding::HalfOpen { probing: true } => Some(AFTER_PROBE),
        };
        pause.max(circuit)
    }

    /// Everybody was asked to wait for this long.
    pub fn pause(&mut self, wait: Duration, now: Duration) {
        self.pace.pause(now, wait);
    }

    /// How long it wants this address left alone, if so.
    #[must_use]
    pub fn address_paused_for(&self, address: &str, now: Duration) -> Option<Duration> {
        self.throttled.paused_for(number_of(address), now)
    }

    /// Whether its word that an address is dead is believed at present.
    #[must_use]
    pub const fn is_believed_on_addresses(&self) -> bool {
        self.dead.is_believed()
    }

    /// Where its circuit stands.
    #[must_use]
    pub fn circuit(&self, now: Duration) -> CircuitState {
        match self.breaker.standing(now) {
            CircuitStanding::Closed => CircuitState::Closed,
            CircuitStanding::Open { .. } => CircuitState::Open,
            CircuitStanding::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// Messages a second that it takes at present, and whether that is known rather than guessed
    /// from the last second.
    #[must_use]
    pub fn rate(&self, now: Duration) -> (f64, bool) {
        match self.tokens.limit() {
            Some(limit) => (f64::from(limit) / 60.0, true),
            None => (self.pace.rate(now), false),
        }
    }

    /// Most requests that should be in flight now.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        usize::try_from(self.breaker.most_in_flight()).unwrap_or(usize::MAX)
    }

    /// Whether its pace makes the next request wait at times.
    #[must_use]
    pub fn is_slowed(&self, now: Duration) -> bool {
        self.pace.is_slowed(now)
    }

    /// Whether nobody may ask it, be it for a moment.
    #[must_use]
    pub fn is_stopped(&self, now: Duration) -> bool {
        self.breaker.standing(now) != CircuitStanding::Closed || self.pace.paused_for(now).is_some()
    }
}

/// A number for an address, a message or a refusal: two that share one by chance share its fate.
fn number_of(one: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    one.hash(&mut hasher);
    hasher.finish()
}
