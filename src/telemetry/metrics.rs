//! The engine's metrics: registered once, counted through held handles.
//!
//! Each account has a registry of its own, which goes when it does: else the series of every account
//! that there ever was would stay until the next start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use metrics::{Counter, Gauge, Histogram};

use super::declarations as declared;
use super::desk_metrics::DeskMetrics;
use super::exposition;
use super::logging;
use super::outcomes::Outcomes;
use super::provider_metrics::ProviderMetrics;
use super::registry::{Registry, approximate};
use super::table::WordTable;
use crate::domain::{
    Channel, EventRefusal, Lane, MailEnd, Reason, Rejection, RunEnd, SignIn, Status,
};

/// What stands for the provider of an in-app notification.
const INBOX: &str = "inbox";
/// What stands for the provider of an outcome whose account was removed before it was committed.
const GONE: &str = "(gone)";

/// All metrics of one engine.
///
/// Owned, not global, so that several engines in one process (tests) count each for itself. What
/// is counted for every message is counted through handles made at the start; the few labels that
/// configuration adds (providers, actors) are found by name and kept.
pub struct Metrics {
    consumed: WordTable<Counter>,
    accepted: WordTable<Counter>,
    events_accepted: Counter,
    runs_ended: WordTable<Counter>,
    runs_failed_late: Counter,
    rejected: WordTable<Counter>,
    duplicates: WordTable<Counter>,
    end_to_end: WordTable<Histogram>,
    in_flight: WordTable<Gauge>,
    /// By reason; `None` for reasons that nothing waits for.
    deferred: WordTable<Option<Gauge>>,
    dlq_unresolved: Gauge,
    quarantined: Gauge,
    /// What two of the gauges were set to last, to be read here.
    backlog: WordTable<AtomicU64>,
    quarantined_now: AtomicU64,
    refused_events: WordTable<Counter>,
    sign_ins: WordTable<Counter>,
    ticket_mails: WordTable<Counter>,
    status_waiting: Gauge,
    desk: DeskMetrics,
    inbox_streams: Gauge,
    inbox_stream_resets: Counter,
    ledger_difference: Gauge,
    unreadable: Counter,
    settle_batch: Histogram,
    clock_offset: Gauge,
    log_lines_lost: Counter,
    without_provider: Outcomes,
    in_app: Outcomes,
    of_gone_accounts: Outcomes,
    providers: DashMap<String, Arc<ProviderMetrics>>,
    actors: DashMap<String, Counter>,
    registry: Registry,
}

impl Metrics {
    /// Registers and describes every metric.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let metrics = Self {
            consumed: lanes(|labels| registry.counter(&declared::CONSUMED, labels)),
            accepted: lanes(|labels| registry.counter(&declared::ACCEPTED, labels)),
            events_accepted: registry.counter(&declared::EVENTS_ACCEPTED, &[]),
            runs_ended: WordTable::of(RunEnd::ALL, |end| {
                registry.counter(&declared::RUNS_ENDED, &[("reason", end.as_str())])
            }),
            runs_failed_late: registry.counter(&declared::RUNS_FAILED_LATE, &[]),
            rejected: WordTable::of(Rejection::ALL, |reason| {
                registry.counter(&declared::REJECTED, &[("reason", reason.as_str())])
            }),
            duplicates: WordTable::of(Channel::ALL, |channel| {
                registry.counter(&declared::DUPLICATES, &[("channel", channel.as_str())])
            }),
            end_to_end: lanes(|labels| registry.histogram(&declared::END_TO_END, labels)),
            in_flight: lanes(|labels| registry.gauge(&declared::IN_FLIGHT, labels)),
            deferred: WordTable::of(Reason::ALL, |reason| waiting(&registry, *reason)),
            dlq_unresolved: registry.gauge(&declared::DLQ_UNRESOLVED, &[]),
            backlog: WordTable::of(Reason::ALL, |_| AtomicU64::new(0)),
            quarantined_now: AtomicU64::new(0),
            quarantined: registry.gauge(&declared::QUARANTINED, &[]),
            refused_events: WordTable::of(EventRefusal::ALL, |reason| {
                registry.counter(&declared::REFUSED_EVENTS, &[("reason", reason.as_str())])
            }),
            ticket_mails: WordTable::of(MailEnd::ALL, |result| {
                registry.counter(&declared::TICKET_MAILS, &[("result", result.as_str())])
            }),
            sign_ins: WordTable::of(SignIn::ALL, |result| {
                registry.counter(&declared::SIGN_INS, &[("result", result.as_str())])
            }),
            status_waiting: registry.gauge(&declared::STATUS_WAITING, &[]),
            desk: DeskMetrics::new(registry.clone()),
            inbox_streams: registry.gauge(&declared::INBOX_STREAMS, &[]),
            inbox_stream_resets: registry.counter(&declared::INBOX_STREAM_RESETS, &[]),
            ledger_difference: registry.gauge(&declared::LEDGER_DIFFERENCE, &[]),
            unreadable: registry.counter(&declared::UNREADABLE, &[]),
            settle_batch: registry.histogram(&declared::SETTLE_BATCH, &[]),
            clock_offset: registry.gauge(&declared::CLOCK_OFFSET, &[]),
            log_lines_lost: registry.counter(&declared::LOG_LINES_LOST, &[]),
            without_provider: Outcomes::of(registry.clone(), ""),
            in_app: Outcomes::of(registry.clone(), INBOX),
            of_gone_accounts: Outcomes::of(registry.clone(), GONE),
            providers: DashMap::new(),
            actors: DashMap::new(),
            registry,
        };
        metrics.build_info();
        metrics
    }

    /// Messages were taken from a lane's queue.
    pub fn consumed(&self, lane: Lane, messages: u64) {
        self.consumed.at(lane.index()).increment(messages);
    }

    /// A notification was accepted by HTTP.
    pub fn accepted(&self, lane: Lane) {
        self.accepted.at(lane.index()).increment(1);
    }

    /// Events of other systems were accepted.
    pub fn events_accepted(&self, events: u64) {
        self.events_accepted.increment(events);
    }

    /// A run of a workflow has ended.
    pub fn runs_ended(&self, end: RunEnd, many: u64) {
        self.runs_ended.at(end.index()).increment(many);
    }

    /// Runs that had ended well failed with a message of theirs.
    pub fn runs_failed_late(&self, many: u64) {
        self.runs_failed_late.increment(many);
    }

    /// A message could not be accepted.
    pub fn rejected(&self, reason: Rejection) {
        self.rejected.at(reason.index()).increment(1);
    }

    /// Messages were acknowledged unsent: their keys are known.
    pub fn duplicates(&self, channel: Channel, messages: u64) {
        self.duplicates.at(channel.index()).increment(messages);
    }

    /// An outcome was committed; `provider` is `None` when none was chosen.
    pub fn settled(
        &self,
        channel: Channel,
        provider: Option<&str>,
        status: Status,
        reason: Option<Reason>,
    ) {
        let Some(name) = provider else {
            return self.without_provider.count(channel, status, reason);
        };
        match self.providers.get(name) {
            Some(account) => account.settled(channel, status, reason),
            None if name == INBOX => self.in_app.count(channel, status, reason),
            None => self.of_gone_accounts.count(channel, status, reason),
        }
    }

    /// From publication to the provider's acceptance it took this long.
    pub fn end_to_end(&self, lane: Lane, elapsed: Duration) {
        self.end_to_end
            .at(lane.index())
            .record(elapsed.as_secs_f64());
    }

    /// The gauge of what this node holds of a lane; increment on taking, decrement on letting go.
    pub fn in_flight(&self, lane: Lane) -> &Gauge {
        self.in_flight.at(lane.index())
    }

    /// A call that tells events was not listened to.
    pub fn refused_events(&self, reason: EventRefusal) {
        self.refused_events.at(reason.index()).increment(1);
    }

    /// A mail was handed over to the support desk.
    pub fn mail_taken(&self, end: MailEnd) {
        self.ticket_mails.at(end.index()).increment(1);
    }

    /// Somebody wanted to sign in to the console.
    pub fn signed_in(&self, result: SignIn) {
        self.sign_ins.at(result.index()).increment(1);
    }

    /// Stored notifications could not be read, and were given back.
    pub fn unreadable(&self, rows: usize) {
        self.unreadable
            .increment(u64::try_from(rows).unwrap_or(u64::MAX));
    }

    /// An actor was restarted.
    pub fn actor_restarted(&self, actor: &str) {
        if let Some(counter) = self.actors.get(actor) {
            counter.increment(1);
            return;
        }
        let register = || {
            self.registry
                .counter(&declared::ACTOR_RESTARTS, &[("actor", actor)])
        };
        self.actors
            .entry(actor.to_owned())
            .or_insert_with(register)
            .increment(1);
    }

    /// There are this many dead letters that nobody has replayed or resolved.
    pub fn dlq_unresolved(&self, letters: u64) {
        self.dlq_unresolved.set(approximate(letters));
    }

    /// The books of the last two days differ by so many notifications.
    pub fn ledger_difference(&self, notifications: u64) {
        self.ledger_difference.set(approximate(notifications));
    }

    /// There are this many quarantined outcomes that nobody has replayed or resolved.
    pub fn quarantined(&self, outcomes: u64) {
        self.quarantined.set(approximate(outcomes));
        self.quarantined_now.store(outcomes, Ordering::Relaxed);
    }

    /// How many there were when they were counted last.
    #[must_use]
    pub fn quarantined_now(&self) -> u64 {
        self.quarantined_now.load(Ordering::Relaxed)
    }

    /// There are this many status events that wait to be published.
    pub fn status_waiting(&self, events: u64) {
        self.status_waiting.set(approximate(events));
    }

    /// Those of the support desk.
    #[must_use]
    pub const fn desk(&self) -> &DeskMetrics {
        &self.desk
    }

    /// There are this many streams of inboxes on this node.
    pub fn inbox_streams(&self, streams: usize) {
        let streams = u32::try_from(streams).unwrap_or(u32::MAX);
        self.inbox_streams.set(f64::from(streams));
    }

    /// The client of a stream of an inbox is told to ask for the list anew.
    pub fn inbox_stream_reset(&self) {
        self.inbox_stream_resets.increment(1);
    }

    /// This many notifications wait for this reason; a reason that nothing waits for is ignored.
    pub fn deferred(&self, reason: Reason, notifications: u64) {
        if let Some(gauge) = self.deferred.at(reason.index()) {
            gauge.set(approximate(notifications));
            let kept = self.backlog.at(reason.index());
            kept.store(notifications, Ordering::Relaxed);
        }
    }

    /// How many waited for each reason when they were counted last; reasons for which none did are left out.
    #[must_use]
    pub fn backlog(&self) -> Vec<(Reason, u64)> {
        let kept = |reason: &Reason| {
            let count = self.backlog.at(reason.index()).load(Ordering::Relaxed);
            (count > 0).then_some((*reason, count))
        };
        Reason::ALL.iter().filter_map(kept).collect()
    }

    /// A transaction settled this many outcomes.
    pub fn settle_batch_rows(&self, rows: usize) {
        self.settle_batch
            .record(approximate(u64::try_from(rows).unwrap_or(u64::MAX)));
    }

    /// This node's own clock is so far ahead of the database's.
    pub fn clock_offset(&self, ahead: jiff::SignedDuration) {
        self.clock_offset.set(ahead.as_secs_f64());
    }

    /// The handles of an account's metrics, registered when first asked for.
    #[must_use]
    pub fn provider(&self, name: &str) -> Arc<ProviderMetrics> {
        if let Some(known) = self.providers.get(name) {
            return Arc::clone(&known);
        }
        let register = || Arc::new(ProviderMetrics::new(Registry::new(), name));
        Arc::clone(
            &self
                .providers
                .entry(name.to_owned())
                .or_insert_with(register),
        )
    }

    /// An account is no more: its series go with it.
    pub fn forget_provider(&self, name: &str) {
        self.providers.remove(name);
    }

    /// Everything in Prometheus' text format, `text/plain; version=0.0.4`.
    #[must_use]
    pub fn render(&self) -> String {
        self.log_lines_lost.absolute(logging::lost());
        let of_accounts = self.providers.iter().map(|account| account.render());
        let pages: Vec<String> = of_accounts.chain([self.registry.render()]).collect();
        exposition::joined(&pages)
    }

    /// Folds recorded samples into buckets.
    ///
    /// Histograms keep every sample until then, so that this wants to run every five seconds, on a
    /// thread that may be busy for some milliseconds.
    pub fn run_upkeep(&self) {
        self.registry.run_upkeep();
        self.providers
            .iter()
            .for_each(|account| account.run_upkeep());
    }

    fn build_info(&self) {
        let labels = [("version", env!("CARGO_PKG_VERSION"))];
        self.registry.gauge(&declared::BUILD_INFO, &labels).set(1.0);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// One handle a lane.
fn lanes<T>(mut register: impl FnMut(&[(&'static str, &str)]) -> T) -> WordTable<T> {
    WordTable::of(Lane::all(), |lane| {
        register(&[
            ("channel", lane.channel.as_str()),
            ("priority", lane.priority.as_str()),
        ])
    })
}

fn waiting(registry: &Registry, reason: Reason) -> Option<Gauge> {
    let labels = [("reason", reason.as_str())];
    reason
        .may_wait()
        .then(|| registry.gauge(&declared::DEFERRED, &labels))
}

#[cfg(test)]
mod tests;
