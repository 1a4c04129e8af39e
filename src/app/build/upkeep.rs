//! What keeps the node itself in order: its lease, what it says of itself, the chores of the house.

use std::sync::Arc;

use super::super::context::EngineContext;
use crate::config::Settings;
use crate::delivery::NodeContext;
use crate::ops::bookkeeping::Bookkeeping;
use crate::ops::housekeeping::Housekeeping;
use crate::ops::inboxes;
use crate::ops::job_runner::JobRunner;
use crate::ops::lease_keeper::LeaseKeeper;
use crate::ops::month_removal::MonthRemoval;
use crate::ops::provider_events::{self, EventDoubts, EventIntake};
use crate::ops::readiness::ReadinessWatch;
use crate::ops::redaction::Redaction;
use crate::ops::standing::StandingReporter;
use crate::store::Access;
use crate::store::lease::RunId;
use crate::work::{LanePermits, LeaseGate};

/// Waits for the database, registers this node's run in it, and keeps its lease.
pub(super) fn keep_lease(settings: &Settings, context: &EngineContext) -> LeaseGate {
    let lease_gate = LeaseGate::closed();
    let keeper = LeaseKeeper {
        database: context.database.clone(),
        lease_gate: lease_gate.clone(),
        node_name: settings.engine.node_name.clone(),
        heartbeat: settings.engine.heartbeat,
        lease: settings.engine.lease,
        metrics: Arc::clone(&context.metrics),
        health: context.health.clone(),
        stop: context.phases.end_of_run.clone(),
    };
    context.tasks.spawn("lease", keeper.run());
    lease_gate
}

pub(super) fn watch_readiness(
    settings: &Settings,
    context: &EngineContext,
    lease_gate: &LeaseGate,
    run: RunId,
) {
    let readiness = ReadinessWatch {
        database: context.database.clone(),
        run,
        lease_gate: lease_gate.clone(),
        node: settings.engine.node_name.clone(),
        health: context.health.clone(),
        tasks: context.tasks.clone(),
        stop: context.phases.end_of_run.clone(),
    };
    context.tasks.spawn("watch readiness", readiness.run());
}

/// What takes in what providers tell.
pub(super) fn event_intake(settings: &Settings, context: &EngineContext) -> EventIntake {
    EventIntake {
        database: context.database.clone(),
        metrics: Arc::clone(&context.metrics),
        global: Arc::new(settings.policy.clone()),
        doubts: EventDoubts::new(settings.providers.dead_addresses_a_minute),
    }
}

/// Lets the node say what it has in hand.
pub(super) fn keep_saying(context: &EngineContext, node: &NodeContext, permits: &LanePermits) {
    let reporter = StandingReporter {
        database: context.database.clone(),
        lease_gate: node.lease_gate.clone(),
        permits: permits.clone(),
        channels: node.channels.clone(),
        depths: context.depths.clone(),
        stop: context.phases.end_of_run.clone(),
    };
    context.tasks.spawn("standing", reporter.run());
}

pub(super) fn keep_house(settings: &Settings, context: &EngineContext) {
    let housekeeping = Housekeeping {
        database: context.database.clone(),
        inbox_retention: settings.inbox.retention,
        event_retention: settings.events.retention,
        audit_days: settings.retention.audit_days,
        payload_days: settings.retention.payload_days,
        metrics: Arc::clone(&context.metrics),
        stop: context.phases.stop.clone(),
    };
    context.tasks.spawn("housekeeping", housekeeping.run());
    let months = MonthRemoval {
        database: context.database.clone(),
        access: Access::from(&crate::app::database_settings(settings)),
        months: settings.retention.months,
        place: context.month_place.clone(),
        stop: context.phases.stop.clone(),
    };
    context.tasks.spawn("removal of months", months.run());
    let redaction = Redaction {
        database: context.database.clone(),
        days: settings.retention.payload_days,
        stop: context.phases.stop.clone(),
    };
    context.tasks.spawn("redaction", redaction.run());
    let books = Bookkeeping {
        database: context.database.clone(),
        metrics: Arc::clone(&context.metrics),
        stop: context.phases.stop.clone(),
    };
    context.tasks.spawn("bookkeeping", books.run());
    let jobs = JobRunner {
        database: context.database.clone(),
        metrics: Arc::clone(&context.metrics),
        window: settings.engine.deduplication_window,
        woken: Arc::clone(&context.wake_jobs),
        stop: context.phases.stop.clone(),
    };
    context.tasks.spawn("jobs", jobs.run());
    let wake = inboxes::wake(context.database.clone(), context.phases.stop.clone());
    context.tasks.spawn("wake what was snoozed", wake);
    // What is settled while the engine stops is worth a hint as well.
    let hints = context.phases.giving_up.clone();
    let hints = inboxes::give_hints(context.database.clone(), hints);
    context.tasks.spawn("hint at inboxes", hints);
    let streams = context.inbox_streams.clone();
    let streams = streams.run(context.phases.stop.clone());
    context.tasks.spawn("tell streams of inboxes", streams);
    let intake = event_intake(settings, context);
    let early = provider_events::run(intake, context.phases.stop.clone());
    context.tasks.spawn("early events", early);
}
