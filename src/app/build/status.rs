//! Status events: published beside everything else, if anybody wants them.

use super::super::context::EngineContext;
use super::broker_address;
use crate::broker::status::{OutgoingExchange, StatusPublisher};
use crate::config::Settings;
use crate::ops::status_publishing::StatusPublishing;
use crate::work::LeaseGate;

/// The name of the task.
pub(in super::super) const PUBLISHING: &str = "publish status events";

/// Publishes what is written for `herald.status`; also what was written before somebody switched that off.
pub(super) fn publish_status(settings: &Settings, context: &EngineContext, lease_gate: &LeaseGate) {
    let publishing = StatusPublishing {
        database: context.database.clone(),
        publisher: StatusPublisher::new(broker_address(settings), OutgoingExchange::Status),
        lease_gate: lease_gate.clone(),
        node: settings.engine.node_name.clone(),
        tasks: context.tasks.clone(),
        is_written: settings.broker.publish_status,
        stop: context.phases.giving_up.clone(),
    };
    let running = publishing.run();
    context.tasks.spawn(PUBLISHING, running);
}
