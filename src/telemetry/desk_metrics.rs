//! The support desk's metrics.

use std::time::Duration;

use dashmap::DashMap;
use metrics::Gauge;

use super::declarations as declared;
use super::registry::{Registry, approximate};

/// What there is to be done at the desk, as it was counted last.
pub struct DeskMetrics {
    tickets: DashMap<&'static str, Gauge>,
    events_waiting: Gauge,
    oldest_event: Gauge,
    clocks_late: Gauge,
    registry: Registry,
}

impl DeskMetrics {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            tickets: DashMap::new(),
            events_waiting: registry.gauge(&declared::TICKET_EVENTS_WAITING, &[]),
            oldest_event: registry.gauge(&declared::TICKET_EVENTS_OLDEST, &[]),
            clocks_late: registry.gauge(&declared::TICKET_CLOCKS_LATE, &[]),
            registry,
        }
    }

    /// So many tickets stand here; the words are those of a closed list.
    pub fn tickets(&self, status: &'static str, tickets: u64) {
        let register = || {
            self.registry
                .gauge(&declared::TICKETS, &[("status", status)])
        };
        let gauge = self.tickets.entry(status).or_insert_with(register);
        gauge.set(approximate(tickets));
    }

    /// So many events wait for RabbitMQ, the eldest for so long.
    pub fn events(&self, waiting: u64, oldest: Duration) {
        self.events_waiting.set(approximate(waiting));
        self.oldest_event.set(oldest.as_secs_f64());
    }

    /// The clock that is latest was to be looked at so long ago.
    pub fn clocks_late(&self, late: Duration) {
        self.clocks_late.set(late.as_secs_f64());
    }
}

impl std::fmt::Debug for DeskMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeskMetrics").finish_non_exhaustive()
    }
}
