//! The metrics of one provider account.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};

use super::declarations as declared;
use super::outcomes::Outcomes;
use super::registry::Registry;
use super::table::WordTable;
use crate::domain::{Channel, Class, ProviderEvent, Reason, Status};

const NANOSECONDS: u64 = 1_000_000_000;

/// Handles of one account's metrics. Hold it: a look-up by name costs more than the counting.
pub struct ProviderMetrics {
    attempts: WordTable<Counter>,
    request: Histogram,
    /// Registered with the first request: most accounts put each message by itself.
    messages: OnceLock<Histogram>,
    /// Registered with the first event: most accounts tell none.
    events: OnceLock<WordTable<Counter>>,
    unmatched_events: OnceLock<Counter>,
    circuit_open: Gauge,
    throttle: Counter,
    throttled_nanoseconds: AtomicU64,
    outcomes: Outcomes,
    name: String,
    registry: Registry,
}

impl ProviderMetrics {
    /// Registers the metrics of an account, in a registry that is its own.
    pub(super) fn new(registry: Registry, name: &str) -> Self {
        let label = ("provider", name);
        Self {
            attempts: WordTable::of(Class::ALL, |class| {
                registry.counter(&declared::ATTEMPTS, &[label, ("result", class.as_str())])
            }),
            request: registry.histogram(&declared::PROVIDER_REQUEST, &[label]),
            circuit_open: registry.gauge(&declared::CIRCUIT_OPEN, &[label]),
            throttle: registry.counter(&declared::THROTTLE, &[label]),
            throttled_nanoseconds: AtomicU64::new(0),
            outcomes: Outcomes::of(registry.clone(), name),
            messages: OnceLock::new(),
            events: OnceLock::new(),
            unmatched_events: OnceLock::new(),
            name: name.to_owned(),
            registry,
        }
    }

    /// A request to an account that takes several messages at once had this many.
    pub fn messages(&self, messages: usize) {
        let register = || {
            let label = ("provider", self.name.as_str());
            self.registry
                .histogram(&declared::REQUEST_MESSAGES, &[label])
        };
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.messages
            .get_or_init(register)
            .record(f64::from(messages));
    }

    /// The account told an event, which is stored.
    pub fn event(&self, event: ProviderEvent) {
        let register = |event: &ProviderEvent| {
            let labels = [("provider", self.name.as_str()), ("event", event.as_str())];
            self.registry.counter(&declared::PROVIDER_EVENTS, &labels)
        };
        let events = self
            .events
            .get_or_init(|| WordTable::of(ProviderEvent::ALL, register));
        events.at(event.index()).increment(1);
    }

    /// It is not known which notification an event is about.
    pub fn unmatched_event(&self) {
        let register = || {
            let label = ("provider", self.name.as_str());
            self.registry.counter(&declared::UNMATCHED_EVENTS, &[label])
        };
        self.unmatched_events.get_or_init(register).increment(1);
    }

    /// A message was answered.
    pub fn attempt(&self, class: Class) {
        self.attempts.at(class.index()).increment(1);
    }

    /// A request took this long.
    pub fn request(&self, elapsed: Duration) {
        self.request.record(elapsed.as_secs_f64());
    }

    /// The circuit tripped (or is probing), or passes again.
    pub fn circuit_open(&self, open: bool) {
        self.circuit_open.set(if open { 1.0 } else { 0.0 });
    }

    /// A request waited this long for the account's rate limit.
    ///
    /// The counter counts whole seconds, so that fractions are kept until they make one: the sum
    /// is right, only late by less than a second.
    pub fn throttled(&self, waited: Duration) {
        let waited = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        let before = self
            .throttled_nanoseconds
            .fetch_add(waited, Ordering::Relaxed);
        let after = before.saturating_add(waited);
        self.throttle
            .increment(after / NANOSECONDS - before / NANOSECONDS);
    }

    /// Its series in Prometheus' text format.
    pub(super) fn render(&self) -> String {
        self.registry.render()
    }

    /// Folds recorded samples into buckets.
    pub(super) fn run_upkeep(&self) {
        self.registry.run_upkeep();
    }

    /// An outcome was committed.
    pub fn settled(&self, channel: Channel, status: Status, reason: Option<Reason>) {
        self.outcomes.count(channel, status, reason);
    }
}
