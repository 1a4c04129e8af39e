//! Every metric there is: name, kind, unit, labels, and the sentence that explains it.

mod desk;
mod flows;

use metrics::Unit;

pub(super) use self::desk::{
    TICKET_CLOCKS_LATE, TICKET_EVENTS_OLDEST, TICKET_EVENTS_WAITING, TICKET_MAILS, TICKETS,
};
pub(super) use self::flows::{EVENTS_ACCEPTED, RUNS_ENDED, RUNS_FAILED_LATE};

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counted in buckets.
    Histogram,
}

/// A metric as Prometheus sees it.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// Full name, with its unit suffix.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The unit of its value, where it has one.
    pub unit: Option<Unit>,
    /// Its labels, all of bounded size.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence: the `HELP` line.
    pub help: &'static str,
    /// Upper bounds of a histogram's buckets, in its unit.
    pub buckets: &'static [f64],
}

impl Declaration {
    const fn new(
        kind: Kind,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        let (unit, buckets) = (None, &[] as &[f64]);
        Self {
            name,
            kind,
            unit,
            labels,
            help,
            buckets,
        }
    }

    const fn in_unit(self, unit: Unit) -> Self {
        Self {
            unit: Some(unit),
            ..self
        }
    }

    const fn with_buckets(self, buckets: &'static [f64]) -> Self {
        Self { buckets, ..self }
    }
}

/// From 1 ms to 10 minutes: a message may wait for a provider.
const END_TO_END_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    120.0, 300.0, 600.0,
];

/// From 1 ms to 30 s, the default timeout of an account, and one beyond for longer ones.
const REQUEST_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Powers of two up to the largest sensible batch.
const ROW_BUCKETS: &[f64] = &[
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0,
];

/// Up to the most that a provider takes in one request.
const MESSAGE_BUCKETS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

pub(super) const CONSUMED: Declaration = Declaration::new(
    Kind::Counter,
    "herald_messages_consumed_total",
    &["channel", "priority"],
    "Messages taken from RabbitMQ, redeliveries included.",
)
.in_unit(Unit::Count);

pub(super) const ACCEPTED: Declaration = Declaration::new(
    Kind::Counter,
    "herald_notifications_accepted_total",
    &["channel", "priority"],
    "Notifications accepted by HTTP, repetitions left out.",
)
.in_unit(Unit::Count);

pub(super) const REJECTED: Declaration = Declaration::new(
    Kind::Counter,
    "herald_messages_rejected_total",
    &["reason"],
    "Messages that could not be accepted and went to herald.rejected.",
)
.in_unit(Unit::Count);

pub(super) const DUPLICATES: Declaration = Declaration::new(
    Kind::Counter,
    "herald_duplicates_total",
    &["channel"],
    "Messages acknowledged without sending because their key was known.",
)
.in_unit(Unit::Count);

pub(super) const SETTLED: Declaration = Declaration::new(
    Kind::Counter,
    "herald_notifications_total",
    &["channel", "provider", "status", "reason"],
    "Outcomes committed; provider is empty before a choice, reason is empty for sent.",
)
.in_unit(Unit::Count);

pub(super) const ATTEMPTS: Declaration = Declaration::new(
    Kind::Counter,
    "herald_attempts_total",
    &["provider", "result"],
    "Messages put to a provider, by class of the answer.",
)
.in_unit(Unit::Count);

pub(super) const PROVIDER_REQUEST: Declaration = Declaration::new(
    Kind::Histogram,
    "herald_provider_request_seconds",
    &["provider"],
    "Time from a request to the provider's answer.",
)
.in_unit(Unit::Seconds)
.with_buckets(REQUEST_BUCKETS);

pub(super) const REQUEST_MESSAGES: Declaration = Declaration::new(
    Kind::Histogram,
    "herald_provider_request_messages",
    &["provider"],
    "Messages in one request to an account that takes several at once.",
)
.in_unit(Unit::Count)
.with_buckets(MESSAGE_BUCKETS);

pub(super) const END_TO_END: Declaration = Declaration::new(
    Kind::Histogram,
    "herald_end_to_end_seconds",
    &["channel", "priority"],
    "Time from publication to the provider's acceptance.",
)
.in_unit(Unit::Seconds)
.with_buckets(END_TO_END_BUCKETS);

pub(super) const IN_FLIGHT: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_in_flight",
    &["channel", "priority"],
    "Notifications this node holds now.",
)
.in_unit(Unit::Count);

pub(super) const CIRCUIT_OPEN: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_provider_circuit_open",
    &["provider"],
    "1 while the provider's circuit is tripped or probing, 0 while it passes.",
);

pub(super) const THROTTLE: Declaration = Declaration::new(
    Kind::Counter,
    "herald_provider_throttle_seconds_total",
    &["provider"],
    "Whole seconds in which queued requests waited for the account's rate limit or pace.",
)
.in_unit(Unit::Seconds);

pub(super) const ACTOR_RESTARTS: Declaration = Declaration::new(
    Kind::Counter,
    "herald_actor_restarts_total",
    &["actor"],
    "Actors restarted after a panic.",
)
.in_unit(Unit::Count);

pub(super) const DLQ_UNRESOLVED: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_dlq_unresolved",
    &[],
    "Dead letters nobody has replayed or resolved.",
)
.in_unit(Unit::Count);

pub(super) const QUARANTINED: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_quarantined",
    &[],
    "Outcomes that PostgreSQL refused for their own data, and nobody has replayed or resolved.",
)
.in_unit(Unit::Count);

pub(super) const INBOX_STREAMS: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_inbox_streams",
    &[],
    "Streams of inboxes that are open on this node.",
)
.in_unit(Unit::Count);

pub(super) const INBOX_STREAM_RESETS: Declaration = Declaration::new(
    Kind::Counter,
    "herald_inbox_stream_resets_total",
    &[],
    "Streams of inboxes whose client was told to ask for the list anew, for it was too far behind.",
)
.in_unit(Unit::Count);

pub(super) const STATUS_WAITING: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_status_waiting",
    &[],
    "Status events that wait to be published to herald.status, up to a million.",
)
.in_unit(Unit::Count);

pub(super) const LEDGER_DIFFERENCE: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_ledger_difference",
    &[],
    "Notifications of the last two days that came in and of which nothing is known, or that did not come in; 0 when the books balance.",
)
.in_unit(Unit::Count);

pub(super) const DEFERRED: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_deferred",
    &["reason"],
    "Notifications waiting in PostgreSQL, by what they wait for.",
)
.in_unit(Unit::Count);

pub(super) const PROVIDER_EVENTS: Declaration = Declaration::new(
    Kind::Counter,
    "herald_provider_events_total",
    &["provider", "event"],
    "Events that providers told and that are stored, repetitions left out.",
)
.in_unit(Unit::Count);

pub(super) const UNMATCHED_EVENTS: Declaration = Declaration::new(
    Kind::Counter,
    "herald_provider_events_unmatched_total",
    &["provider"],
    "Stored events of which no notification was known when they came.",
)
.in_unit(Unit::Count);

pub(super) const REFUSED_EVENTS: Declaration = Declaration::new(
    Kind::Counter,
    "herald_provider_events_refused_total",
    &["reason"],
    "Calls that tell events and were not listened to.",
)
.in_unit(Unit::Count);

pub(super) const SIGN_INS: Declaration = Declaration::new(
    Kind::Counter,
    "herald_console_sign_ins_total",
    &["result"],
    "Attempts to sign in to the console, by what became of them.",
)
.in_unit(Unit::Count);

pub(super) const UNREADABLE: Declaration = Declaration::new(
    Kind::Counter,
    "herald_unreadable_rows_total",
    &[],
    "Stored notifications that this version could not read and gave back.",
)
.in_unit(Unit::Count);

pub(super) const SETTLE_BATCH: Declaration = Declaration::new(
    Kind::Histogram,
    "herald_settle_batch_rows",
    &[],
    "Outcomes committed in one transaction.",
)
.in_unit(Unit::Count)
.with_buckets(ROW_BUCKETS);

pub(super) const CLOCK_OFFSET: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_clock_offset_seconds",
    &[],
    "How far this node's own clock is ahead of the database's, which decides.",
)
.in_unit(Unit::Seconds);

pub(super) const LOG_LINES_LOST: Declaration = Declaration::new(
    Kind::Counter,
    "herald_log_lines_lost_total",
    &[],
    "Log lines of this process that standard error did not take.",
)
.in_unit(Unit::Count);

pub(super) const BUILD_INFO: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_build_info",
    &["version"],
    "Always 1; the version is in the label.",
);

/// Every metric, in the order of the contract.
pub const ALL: &[Declaration] = &[
    CONSUMED,
    ACCEPTED,
    REJECTED,
    DUPLICATES,
    SETTLED,
    ATTEMPTS,
    PROVIDER_REQUEST,
    REQUEST_MESSAGES,
    END_TO_END,
    IN_FLIGHT,
    CIRCUIT_OPEN,
    THROTTLE,
    PROVIDER_EVENTS,
    UNMATCHED_EVENTS,
    REFUSED_EVENTS,
    EVENTS_ACCEPTED,
    RUNS_ENDED,
    RUNS_FAILED_LATE,
    ACTOR_RESTARTS,
    DLQ_UNRESOLVED,
    QUARANTINED,
    LEDGER_DIFFERENCE,
    INBOX_STREAMS,
    INBOX_STREAM_RESETS,
    STATUS_WAITING,
    TICKETS,
    TICKET_EVENTS_WAITING,
    TICKET_EVENTS_OLDEST,
    TICKET_CLOCKS_LATE,
    DEFERRED,
    SIGN_INS,
    TICKET_MAILS,
    UNREADABLE,
    SETTLE_BATCH,
    CLOCK_OFFSET,
    LOG_LINES_LOST,
    BUILD_INFO,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_prometheus_conventions() {
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("herald_"), "{name}");
            let total = name.ends_with("_total");
            assert_eq!(total, metric.kind == Kind::Counter, "{name}");
            let histogram = metric.kind == Kind::Histogram;
            assert_eq!(histogram, !metric.buckets.is_empty(), "{name}");
            assert!(metric.help.ends_with('.'), "{name}");
            assert!(metric.buckets.is_sorted(), "{name}");
        }
    }
}
