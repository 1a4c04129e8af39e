//! The health of an account: its circuit, its pace, its tokens. One for all who ask or route.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

pub(super) use call::Call;

use super::super::channels::Channels;
use super::tokens::Tokens;
use super::trouble::{Cause, Report, Reporter};
use crate::config::Providers;
use crate::domain::{Account, Channel, CircuitState, ProviderKind};
use crate::resilience::circuit_breaker::{Admission, Standing};
use crate::resilience::{AddressThrottle, CircuitBreaker, DeadAddressLimit, Pace, Suspicion};
use crate::runtime::clock;
use crate::telemetry::ProviderMetrics;

mod call;

/// Shortest pause for which nobody waits in the queue: others may be asked meanwhile.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// When to look again while a probe is under way.
const AFTER_PROBE: Duration = Duration::from_secs(1);

/// The health of one account on this node. Clones share it.
#[derive(Clone)]
pub struct AccountHealth {
    inner: Arc<Inner>,
}

struct Inner {
    channel: Channel,
    provider: String,
    slow_after: Duration,
    refused_pause: Duration,
    /// The start that the pure parts count from.
    origin: Instant,
    state: Mutex<State>,
    /// Whether the pace must be looked at: read without the lock.
    slowed: AtomicBool,
    /// Most requests in flight when all is well.
    concurrency: usize,
    /// Most requests in flight now: read without the lock.
    most_in_flight: AtomicUsize,
    /// Another has taken its place: it tells nobody anything any more.
    retired: AtomicBool,
    /// Those who wait look again.
    changed: Notify,
    tokens: Tokens,
    channels: Channels,
    counts: Arc<ProviderMetrics>,
    reporter: Arc<Reporter>,
}

struct State {
    breaker: CircuitBreaker,
    pace: Pace,
    /// The addresses that it wants left alone.
    throttled: AddressThrottle,
    /// How many of its addresses it says are dead.
    dead: DeadAddressLimit,
    /// Who was refused in words that may be about it.
    suspicion: Suspicion,
    /// When one platform was last told of that refuses its key.
    platform_refused: Option<Duration>,
    cause: Option<Cause>,
    /// Whether it has worked since this node knows it.
    proven: bool,
}

impl fmt::Debug for AccountHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountHealth")
            .field("provider", &self.inner.provider)
            .field("circuit", &self.circuit())
            .finish_non_exhaustive()
    }
}

/// Where an account's health is told.
pub struct Listeners {
    /// The channels' lanes.
    pub channels: Channels,
    /// The account's metrics.
    pub counts: Arc<ProviderMetrics>,
    /// Operators.
    pub reporter: Reporter,
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listeners")
    }
}

impl AccountHealth {
    /// The health of an account that is taken into use, which is believed to work.
    #[must_use]
    pub fn new(account: &Account, settings: &Providers, listeners: Listeners) -> Self {
        let Listeners {
            channels,
            counts,
            reporter,
        } = listeners;
        counts.circuit_open(false);
        channels.report(account.channel, &account.name, None);
        let inner = Inner {
            channel: account.channel,
            provider: account.name.clone(),
            slow_after: match account.kind {
                // A mail server may look at a mail for minutes before it answers (RFC 5321, 4.5.3.2.6).
                ProviderKind::Smtp => Duration::MAX,
                _ => settings.slow_after,
            },
            refused_pause: settings.refused_credentials_pause,
            origin: clock::instant(),
            state: Mutex::new(State {
                breaker: CircuitBreaker::new(settings.circuit),
                pace: Pace::default(),
                throttled: AddressThrottle::default(),
                dead: DeadAddressLimit::new(settings.dead_addresses_a_minute),
                suspicion: Suspicion::default(),
                platform_refused: None,
                cause: None,
                proven: false,
            }),
            slowed: AtomicBool::new(false),
            concurrency: settings.concurrency,
            most_in_flight: AtomicUsize::new(settings.concurrency),
            retired: AtomicBool::new(false),
            changed: Notify::new(),
            tokens: Tokens::new(account.id, account.rate_limit),
            channels,
            counts,
            reporter: Arc::new(reporter),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// When it may be asked again, while it may not be.
    #[must_use]
    pub fn available_at(&self, now: Timestamp) -> Option<Timestamp> {
        let wait = self.refused_for()?;
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        Some(now.saturating_add(wait).unwrap_or(Timestamp::MAX))
    }

    /// Where its circuit stands.
    #[must_use]
    pub fn circuit(&self) -> CircuitState {
        match self.state().breaker.standing(self.now()) {
            Standing::Closed => CircuitState::Closed,
            Standing::Open { .. } => CircuitState::Open,
            Standing::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// Takes over a changed rate limit; it holds for those too who wait already.
    pub fn set_rate_limit(&self, limit: Option<u32>) {
        self.inner.tokens.set_limit(limit);
        self.wake();
    }

    /// Those who wait for it look again.
    pub fn wake(&self) {
        self.inner.changed.notify_waiters();
    }

    /// It is no longer in use: what its last answers say changes nothing for anybody.
    pub fn retire(&self) {
        self.inner.retired.store(true, Ordering::Release);
    }

    /// Its channel's lanes and the operators hear no more of it.
    pub fn forget(&self) {
        self.retire();
        let inner = &self.inner;
        inner.channels.forget(inner.channel, &inner.provider);
        inner.counts.circuit_open(false);
        inner.reporter.tell(Report::Gone);
    }

    /// Messages a second that it takes at present, and whether that is known rather than guessed
    /// from the last second.
    pub(super) fn rate(&self) -> (f64, bool) {
        match self.inner.tokens.limit() {
            Some(limit) => (f64::from(limit) / 60.0, true),
            None => (self.state().pace.rate(self.now()), false),
        }
    }

    /// Leave to put one request, with so many messages; `None` while nobody has it.
    pub(super) fn admit(&self, messages: usize) -> Option<Call> {
        let now = self.now();
        let mut state = self.state();
        if state.pace.paused_for(now).is_some() {
            return None;
        }
        let (ticket, probe) = match state.breaker.admit(now) {
            Admission::Pass(ticket) => (ticket, false),
            Admission::Probe(ticket) => (ticket, true),
            Admission::Refused { .. } => return None,
        };
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        state.pace.sent_many(now, messages);
        Some(Call::new(self.clone(), ticket, probe))
    }

    /// How long nobody may ask, if it is so long that nobody should wait for it here.
    pub(super) fn refused_for(&self) -> Option<Duration> {
        let now = self.now();
        let state = self.state();
        let pause = state
            .pace
            .paused_for(now)
            .filter(|wait| *wait >= LONG_PAUSE);
        let circuit = match state.breaker.standing(now) {
            Standing::Closed | Standing::HalfOpen { probing: false } => None,
            Standing::Open { until } => Some(until.saturating_sub(now)),
            Standing::HalfOpen { probing: true } => Some(AFTER_PROBE),
        };
        pause.max(circuit)
    }

    /// How long its pace makes the next request wait.
    ///
    /// # Errors
    /// The wait.
    pub(super) fn take_pace(&self) -> Result<(), Duration> {
        if !self.inner.slowed.load(Ordering::Acquire) {
            return Ok(());
        }
        self.state().pace.take(self.now())
    }

    /// Everybody was asked to wait for this long.
    pub(super) fn pause(&self, wait: Duration) {
        let now = self.now();
        let mut state = self.state();
        state.pace.pause(now, wait);
        self.settle(&state, now);
    }

    /// How long it wants this address left alone, if so.
    pub(super) fn address_paused_for(&self, address: &str) -> Option<Duration> {
        let state = self.state();
        state.throttled.paused_for(number_of(address), self.now())
    }

    /// Whether its word that an address is dead is believed at present.
    pub(super) fn is_believed_on_addresses(&self) -> bool {
        self.state().dead.is_believed()
    }

    /// Its tokens.
    pub(super) fn tokens(&self) -> &Tokens {
        &self.inner.tokens
    }

    /// Most requests that should be in flight now.
    pub(super) fn most_in_flight(&self) -> usize {
        self.inner.most_in_flight.load(Ordering::Acquire)
    }

    /// Whether what may be in flight grows with each round of successes.
    pub(super) fn is_recovering(&self) -> bool {
        self.most_in_flight() < self.inner.concurrency
    }

    /// Resolves when those who wait should look again.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.inner.changed.notified()
    }

    fn now(&self) -> Duration {
        clock::instant().saturating_duration_since(self.inner.origin)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number for an address, a message or a refusal: two that share one by chance share its fate.
fn number_of(one: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    one.hash(&mut hasher);
    hasher.finish()
}
