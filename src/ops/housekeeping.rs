//! Housekeeping: partitions before they are needed; keys, counters and runs whose time is over; the
//! gauges of what waits.

use std::sync::Arc;
use std::time::Duration;

use super::conditions;
use crate::runtime::{Shutdown, clock};
use crate::store::retention::{self, KeyWalk};
use crate::store::webhooks::history;
use crate::store::{
    Database, StoreError, due, inbox, jobs, old_records, overview, partitions, provider_health,
    quarantine, runs, status_outbox, system_events, topics,
};
use crate::telemetry::Metrics;

/// Time between rounds of gauges.
const GAUGES: Duration = Duration::from_secs(15);
/// Most events, and most runs and digests, that are removed in one statement.
const EVENTS_AT_ONCE: i64 = 2_000;
/// Rounds of gauges between two tidyings: every ten minutes.
const TIDY_EVERY: u32 = 40;

/// Does the house's chores until told to stop. Every node does them: each is safe to do twice.
#[derive(Debug)]
pub struct Housekeeping {
    /// The database.
    pub database: Database,
    /// How long something stays in an inbox.
    pub inbox_retention: Duration,
    /// How long events are kept, and runs and digests from their end on.
    pub event_retention: Duration,
    /// Days for which the audit trail is kept; 0 keeps all of it.
    pub audit_days: i32,
    /// Days for which contents are kept, and with them what webhooks were told; 0 says nothing of these.
    pub payload_days: i32,
    /// The gauges.
    pub metrics: Arc<Metrics>,
    /// Ends it.
    pub stop: Shutdown,
}

impl Housekeeping {
    /// Runs until told to stop.
    pub async fn run(self) {
        let mut round = 0_u32;
        let mut walk = KeyWalk::default();
        while !self.stop.is_raised() {
            if let Err(error) = system_events::forget_the_ended(&self.database).await {
                tracing::debug!(%error, "events of ended runs could not be resolved");
            }
            if let Err(error) = conditions::look(&self.database).await {
                tracing::debug!(%error, "the system's conditions could not be looked at");
            }
            if let Err(error) = self.gauges().await {
                tracing::debug!(%error, "the backlog could not be counted");
            }
            if round.is_multiple_of(TIDY_EVERY)
                && let Some(Err(error)) = self.stop.or(self.tidy(&mut walk)).await
            {
                tracing::warn!(%error, "housekeeping failed; trying again later");
            }
            round = round.wrapping_add(1);
            self.metrics.run_upkeep();
            self.stop.or(tokio::time::sleep(GAUGES)).await;
        }
    }

    async fn gauges(&self) -> Result<(), StoreError> {
        let (waiting, unresolved) = due::backlog(&self.database).await?;
        for reason in crate::domain::Reason::ALL {
            let count = waiting
                .iter()
                .find(|(known, _)| known == reason)
                .map_or(0, |(_, n)| *n);
            self.metrics.deferred(*reason, count);
        }
        self.metrics.dlq_unresolved(unresolved);
        self.metrics
            .quarantined(quarantine::count(&self.database).await?);
        self.metrics
            .status_waiting(status_outbox::waiting(&self.database).await?);
        Ok(())
    }

    /// Removes events and what workflows made of them, a part at a time: whoever else needs a connection gets one between.
    async fn remove_events(&self) -> Result<(), StoreError> {
        let mut is_more = true;
        while is_more {
            let mut connection = self.database.get().await?;
            let kept = self.event_retention;
            is_more = runs::keep::remove(&mut connection, kept, EVENTS_AT_ONCE).await?;
        }
        Ok(())
    }

    async fn tidy(&self, walk: &mut KeyWalk) -> Result<(), StoreError> {
        let made = partitions::ensure(&mut *self.database.get().await?, clock::now()).await?;
        if made > 0 {
            tracing::info!(made, "partitions created for the coming months");
        }
        provider_health::remove_dead(&self.database).await?;
        let forgotten = walk.forget_keys(&self.database).await?;
        if forgotten > 0 {
            tracing::info!(forgotten, "expired idempotency keys were removed");
        }
        retention::forget_counts(&self.database).await?;
        retention::forget_runs(&self.database).await?;
        retention::fold_intake(&self.database).await?;
        retention::forget_hours(&self.database).await?;
        old_records::forget(&self.database).await?;
        overview::forget_minutes(&self.database).await?;
        retention::forget_quarantined(&self.database).await?;
        history::forget(&self.database, self.payload_days).await?;
        old_records::trim_audit(&self.database, self.audit_days).await?;
        jobs::forget(&self.database).await?;
        topics::forget(&self.database).await?;
        inbox::upkeep::forget(&self.database, self.inbox_retention, clock::now()).await?;
        self.remove_events().await
    }
}
