//! The metrics of the support desk.

use metrics::Unit;

use super::{Declaration, Kind};

pub(in crate::telemetry) const TICKETS: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_tickets",
    &["status"],
    "Tickets of the support desk by where they stand.",
)
.in_unit(Unit::Count);

pub(in crate::telemetry) const TICKET_EVENTS_WAITING: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_ticket_events_waiting",
    &[],
    "Events of tickets that wait to be published to herald.events, up to a hundred thousand.",
)
.in_unit(Unit::Count);

pub(in crate::telemetry) const TICKET_EVENTS_OLDEST: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_ticket_events_oldest_seconds",
    &[],
    "For how long the eldest of them waits; 0 when none does.",
)
.in_unit(Unit::Seconds);

pub(in crate::telemetry) const TICKET_CLOCKS_LATE: Declaration = Declaration::new(
    Kind::Gauge,
    "herald_ticket_clocks_late_seconds",
    &[],
    "How long ago the latest clock of a ticket was to be looked at; 0 when none is late.",
)
.in_unit(Unit::Seconds);

pub(in crate::telemetry) const TICKET_MAILS: Declaration = Declaration::new(
    Kind::Counter,
    "herald_ticket_mails_total",
    &["result"],
    "Mails that were handed over to the support desk, by what became of them.",
)
.in_unit(Unit::Count);
