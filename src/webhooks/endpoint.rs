//! One webhook, as this node sends to it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::WebhookSecret;
use crate::resilience::circuit_breaker::{
    CallOutcome, CircuitBreaker, CircuitSettings, CircuitStanding, Permission, Ticket,
};
use crate::runtime::{clock, permits::Permits};

/// When a webhook is left alone for a moment because it fails: for speed, since nothing is lost by it.
const CIRCUIT: CircuitSettings = CircuitSettings {
    failure_ratio: 0.7,
    slow_ratio: 1.0,
    window: Duration::from_secs(30),
    minimum_requests: 10,
    open_for: Duration::from_secs(10),
    open_max: Duration::from_secs(300),
    concurrency: u32::MAX,
};
/// Rows in hand for each request that may be in flight: so many wait while results are stored.
const HELD_EACH: usize = 2;

/// What is stored of a webhook, ready for use.
#[derive(Debug)]
pub(super) struct WebhookProfile {
    pub(super) id: Uuid,
    pub(super) tenant_id: Uuid,
    pub(super) url: String,
    pub(super) secret: WebhookSecret,
    /// The one before it, and until when it signs.
    pub(super) previous: Option<(WebhookSecret, Timestamp)>,
    pub(super) is_active: bool,
    pub(super) is_failing: bool,
    pub(super) retry_count: u32,
    pub(super) timeout: Duration,
}

/// One webhook: what is stored of it, and what this node has in hand for it.
#[derive(Debug)]
pub(super) struct WebhookEndpoint {
    profile: ArcSwap<WebhookProfile>,
    permits: Permits,
    circuit: Mutex<CircuitBreaker>,
    held: AtomicUsize,
    /// There may be more for it than there was room for.
    is_crowded: AtomicBool,
    is_failing: AtomicBool,
    is_gone: AtomicBool,
    /// When this node noted a failure last.
    noted: Mutex<Option<Instant>>,
    born: Instant,
}

/// An admitted request; abandoned, unless its answer is reported.
pub(super) struct AdmittedTry<'a> {
    endpoint: &'a WebhookEndpoint,
    ticket: Option<Ticket>,
}

impl WebhookEndpoint {
    pub(super) fn new(profile: WebhookProfile, concurrency: usize) -> Self {
        Self {
            is_failing: AtomicBool::new(profile.is_failing),
            profile: ArcSwap::from_pointee(profile),
            permits: Permits::new(concurrency),
            circuit: Mutex::new(CircuitBreaker::new(CIRCUIT)),
            held: AtomicUsize::new(0),
            is_crowded: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
            noted: Mutex::new(None),
            born: clock::instant(),
        }
    }

    /// What is stored of it by now.
    pub(super) fn profile(&self) -> Arc<WebhookProfile> {
        self.profile.load_full()
    }

    /// It has changed.
    pub(super) fn put(&self, profile: WebhookProfile) {
        self.is_failing.store(profile.is_failing, Ordering::Relaxed);
        let moved = self.profile.load().url != profile.url;
        self.profile.store(Arc::new(profile));
        if moved {
            // Whoever was there before says nothing of who is there now.
            *lock(&self.circuit) = CircuitBreaker::new(CIRCUIT);
        }
    }

    /// It is there no more: nothing further is sent to it.
    pub(super) fn end(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }

    /// Whether anything may be sent to it.
    pub(super) fn is_active(&self) -> bool {
        !self.is_gone.load(Ordering::Relaxed) && self.profile.load().is_active
    }

    pub(super) const fn permits(&self) -> &Permits {
        &self.permits
    }

    /// How many rows may be taken for it now.
    pub(super) fn room(&self) -> usize {
        if !self.is_active() {
            return 0;
        }
        let held = self.held.load(Ordering::Relaxed);
        let most = match lock(&self.circuit).standing(self.time()) {
            CircuitStanding::Closed => self.permits.total() * HELD_EACH,
            CircuitStanding::HalfOpen { probing: false } => 1,
            CircuitStanding::HalfOpen { probing: true } | CircuitStanding::Open { .. } => 0,
        };
        most.saturating_sub(held)
    }

    /// A row more is in hand.
    pub(super) fn hold(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    /// A row less is.
    pub(super) fn let_go(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn set_crowded(&self, is_crowded: bool) {
        self.is_crowded.store(is_crowded, Ordering::Relaxed);
    }

    /// Whether there may be more for it than there was room for, and there is room.
    pub(super) fn wants_more(&self) -> bool {
        self.is_crowded.load(Ordering::Relaxed) && self.room() > 0
    }

    /// Whether a request may go to it; `None` while it is left alone.
    pub(super) fn admit(&self) -> Option<AdmittedTry<'_>> {
        match lock(&self.circuit).admit(self.time()) {
            Permission::Pass(ticket) | Permission::Probe(ticket) => Some(AdmittedTry {
                endpoint: self,
                ticket: Some(ticket),
            }),
            Permission::Refused { .. } => None,
        }
    }

    /// It works; says whether it was failing until now.
    pub(super) fn works(&self) -> bool {
        self.is_failing.swap(false, Ordering::Relaxed)
    }

    /// It fails; says whether that is to be noted: not more often than every so often.
    pub(super) fn fails(&self, every: Duration) -> bool {
        self.is_failing.store(true, Ordering::Relaxed);
        let (now, mut noted) = (clock::instant(), lock(&self.noted));
        let is_due = noted.is_none_or(|last| now.saturating_duration_since(last) >= every);
        if is_due {
            *noted = Some(now);
        }
        is_due
    }

    fn time(&self) -> Duration {
        clock::instant().saturating_duration_since(self.born)
    }
}

impl AdmittedTry<'_> {
    /// It was answered so.
    pub(super) fn report(mut self, outcome: CallOutcome) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.endpoint.time();
            lock(&self.endpoint.circuit).report(ticket, outcome, now);
        }
    }
}

impl Drop for AdmittedTry<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.endpoint.time();
            lock(&self.endpoint.circuit).abandon(ticket, now);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) fn profile(is_active: bool) -> WebhookProfile {
    WebhookProfile {
        id: Uuid::from_u128(1),
        tenant_id: crate::domain::DEFAULT_TENANT,
        url: "https://example.com/".to_owned(),
        secret: WebhookSecret::new([7; 24]),
        previous: None,
        is_active,
        is_failing: false,
        retry_count: 10,
        timeout: Duration::from_secs(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failing_webhook_is_left_alone_and_then_one_request_tries() {
        let endpoint = WebhookEndpoint::new(profile(true), 4);
        assert_eq!(endpoint.room(), 8);
        for _ in 0..10 {
            endpoint.admit().unwrap().report(CallOutcome::Bad);
        }
        assert_eq!(endpoint.room(), 0);
        assert!(endpoint.admit().is_none());
        tokio::time::advance(CIRCUIT.open_for).await;
        assert_eq!(endpoint.room(), 1);
        drop(endpoint.admit().unwrap());
        assert_eq!(
            endpoint.room(),
            1,
            "a probe that was never answered is followed by another"
        );
        endpoint.admit().unwrap().report(CallOutcome::Good);
        assert_eq!(endpoint.room(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_hand_is_bounded_and_a_disabled_webhook_has_no_room() {
        let endpoint = WebhookEndpoint::new(profile(true), 1);
        endpoint.hold();
        endpoint.hold();
        endpoint.set_crowded(true);
        assert_eq!((endpoint.room(), endpoint.wants_more()), (0, false));
        endpoint.let_go();
        assert_eq!((endpoint.room(), endpoint.wants_more()), (1, true));
        endpoint.put(profile(false));
        assert_eq!((endpoint.room(), endpoint.wants_more()), (0, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_noted_now_and_then_and_a_success_once() {
        let endpoint = WebhookEndpoint::new(profile(true), 1);
        let minute = Duration::from_secs(60);
        assert!(!endpoint.works(), "it never failed");
        assert!(endpoint.fails(minute) && !endpoint.fails(minute));
        tokio::time::advance(minute).await;
        assert!(endpoint.fails(minute));
        assert!(endpoint.works() && !endpoint.works());
    }
}
