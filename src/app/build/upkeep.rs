//! What keeps the node itself in order: its lease, what it says of itself, the chores of the house.

use std::sync::Arc;

use super::Ground;
use crate::config::Settings;
use crate::pipeline::Fence;
use crate::pipeline::housekeeping::Housekeeping;
use crate::pipeline::lease_keeper::LeaseKeeper;
use crate::pipeline::readiness::Readiness;
use crate::store::lease::RunId;

/// Waits for the database, registers this node's run in it, and keeps its lease.
pub(super) fn keep_lease(settings: &Settings, ground: &Ground) -> Fence {
    let fence = Fence::closed();
    let keeper = LeaseKeeper {
        database: ground.database.clone(),
        fence: fence.clone(),
        node_name: settings.engine.node_name.clone(),
        heartbeat: settings.engine.heartbeat,
        lease: settings.engine.lease,
        metrics: Arc::clone(&ground.metrics),
        health: ground.health.clone(),
        stop: ground.end_of_run.clone(),
    };
    ground.tasks.spawn("lease", keeper.run());
    fence
}

pub(super) fn watch_readiness(settings: &Settings, ground: &Ground, fence: &Fence, run: RunId) {
    let readiness = Readiness {
        database: ground.database.clone(),
        run,
        fence: fence.clone(),
        node: settings.engine.node_name.clone(),
        health: ground.health.clone(),
        tasks: ground.tasks.clone(),
        stop: ground.end_of_run.clone(),
    };
    ground.tasks.spawn("watch readiness", readiness.run());
}

pub(super) fn keep_house(ground: &Ground) {
    let housekeeping = Housekeeping {
        database: ground.database.clone(),
        metrics: Arc::clone(&ground.metrics),
        stop: ground.stop.clone(),
    };
    ground.tasks.spawn("housekeeping", housekeeping.run());
}
