//! The health of an account, one for all who ask or route: [`AccountState`] behind a lock, and what is
//! read of it without.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

pub(super) use call::Call;

use super::trouble::{HealthReport, Reporter};
use crate::config::Providers;
use crate::delivery::channel_state::ChannelStates;
use crate::domain::{Account, Channel, CircuitState, ProviderKind};
use crate::machine::AccountState;
use crate::machine::account::{AccountSettings, Leased, Question, RateToken, Turn};
use crate::runtime::clock;
use crate::telemetry::ProviderMetrics;

mod call;

/// The health of one account on this node. Clones share it.
#[derive(Clone)]
pub struct AccountHealth {
    inner: Arc<AccountHealthInner>,
}

struct AccountHealthInner {
    channel: Channel,
    provider: String,
    /// The start that the state counts from.
    origin: Instant,
    state: Mutex<AccountState>,
    /// Whether the pace must be looked at: read without the lock.
    slowed: AtomicBool,
    /// Requests a minute, zero for no limit: read without the lock.
    limit: AtomicU32,
    /// Most requests in flight when all is well.
    concurrency: usize,
    /// Most requests in flight now: read without the lock.
    most_in_flight: AtomicUsize,
    /// Another has taken its place: it tells nobody anything any more.
    retired: AtomicBool,
    /// Those who wait look again.
    changed: Notify,
    /// Held by the one who leases tokens and waits; the others wait behind.
    refill: tokio::sync::Mutex<()>,
    channels: ChannelStates,
    counts: Arc<ProviderMetrics>,
    reporter: Arc<Reporter>,
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
    pub channels: ChannelStates,
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
        let state = AccountState::new(of_account(account, settings), account.rate_limit);
        let inner = AccountHealthInner {
            channel: account.channel,
            provider: account.name.clone(),
            origin: clock::instant(),
            slowed: AtomicBool::new(false),
            limit: AtomicU32::new(state.rate_limit().unwrap_or(0)),
            state: Mutex::new(state),
            concurrency: settings.concurrency,
            most_in_flight: AtomicUsize::new(settings.concurrency),
            retired: AtomicBool::new(false),
            changed: Notify::new(),
            refill: tokio::sync::Mutex::default(),
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
        self.with(|state, now| state.circuit(now))
    }

    /// Takes over a changed rate limit; it holds for those too who wait already.
    pub fn set_rate_limit(&self, limit: Option<u32>) {
        let mut state = self.state();
        state.set_rate_limit(limit);
        let limit = state.rate_limit().unwrap_or(0);
        self.inner.limit.store(limit, Ordering::Release);
        drop(state);
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
        inner.reporter.tell(HealthReport::Gone);
    }

    /// Messages a second that it takes at present, and whether that is known rather than guessed
    /// from the last second.
    pub(super) fn rate(&self) -> (f64, bool) {
        self.with(|state, now| state.rate(now))
    }

    /// Leave to put one request, with so many messages; `None` while nobody has it.
    pub(super) fn admit(&self, messages: usize) -> Option<Call> {
        let permit = self.with(|state, now| state.admit(messages, now))?;
        Some(self.call(permit))
    }

    /// How long nobody may ask, if it is so long that nobody should wait for it here.
    pub(super) fn refused_for(&self) -> Option<Duration> {
        self.with(|state, now| state.refused_for(now))
    }

    /// What is to be done for `waiting` requests that wait for it, see [`AccountState::turn`].
    pub(super) fn turn(&self, waiting: usize, is_over: bool) -> Turn {
        self.with(|state, now| state.turn(waiting, is_over, now))
    }

    /// The same, for whoever has not waited yet. An account without a limit that is not slowed costs a
    /// look at two numbers.
    pub(super) fn turn_at_once(&self, waiting: usize) -> Turn {
        if !self.is_limited() && !self.inner.slowed.load(Ordering::Acquire) {
            return Turn::Go(RateToken::Unlimited);
        }
        self.with(|state, now| state.turn_at_once(waiting, now))
    }

    /// The database has answered a question for tokens: how long to wait, if so.
    pub(super) fn leased(&self, question: Question, leased: Leased) -> Option<Duration> {
        let mut state = self.state();
        let now = self.now();
        let wait = state.leased(question, leased, now);
        if leased.paused_for.is_some() {
            self.settle(&state, now);
        }
        wait
    }

    /// A token, if one is needed and at hand; `None` when one has to be leased.
    pub(super) fn take_token(&self) -> Option<RateToken> {
        if !self.is_limited() {
            return Some(RateToken::Unlimited);
        }
        self.with(AccountState::take_token)
    }

    /// A token that found nothing to do may serve another.
    pub(super) fn put_back(&self, token: RateToken) {
        if let RateToken::Until(_) = token {
            self.state().put_back(token);
        }
    }

    /// Whether a request may go with this token now.
    pub(super) fn is_valid(&self, token: RateToken) -> bool {
        token.is_valid(self.now())
    }

    /// Whether it has a rate limit.
    pub(super) fn is_limited(&self) -> bool {
        self.inner.limit.load(Ordering::Acquire) > 0
    }

    /// The right to lease tokens and to wait.
    pub(super) async fn refill(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.refill.lock().await
    }

    /// Whether its word that an address is dead is believed at present.
    pub(super) fn is_believed_on_addresses(&self) -> bool {
        self.state().is_believed_on_addresses()
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

    /// Asks the state, now.
    pub(super) fn with<T>(&self, ask: impl FnOnce(&mut AccountState, Duration) -> T) -> T {
        let now = self.now();
        ask(&mut self.state(), now)
    }

    fn now(&self) -> Duration {
        clock::instant().saturating_duration_since(self.inner.origin)
    }

    fn state(&self) -> MutexGuard<'_, AccountState> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_account(account: &Account, settings: &Providers) -> AccountSettings {
    AccountSettings {
        slow_after: match account.kind {
            // A mail server may look at a mail for minutes before it answers (RFC 5321, 4.5.3.2.6).
            ProviderKind::Smtp => Duration::MAX,
            _ => settings.slow_after,
        },
        refused_pause: settings.refused_credentials_pause,
        circuit: settings.circuit,
        dead_addresses_a_minute: settings.dead_addresses_a_minute,
    }
}
