//! What events and runs of workflows count.

use metrics::Unit;

use super::{Declaration, Kind};

pub(in crate::telemetry) const EVENTS_ACCEPTED: Declaration = Declaration::new(
    Kind::Counter,
    "herald_events_accepted_total",
    &[],
    "Events of other systems accepted, repetitions left out.",
)
.in_unit(Unit::Count);

pub(in crate::telemetry) const RUNS_ENDED: Declaration = Declaration::new(
    Kind::Counter,
    "herald_workflow_runs_ended_total",
    &["reason"],
    "Runs of workflows that ended, by how.",
)
.in_unit(Unit::Count);

pub(in crate::telemetry) const RUNS_FAILED_LATE: Declaration = Declaration::new(
    Kind::Counter,
    "herald_workflow_runs_failed_late_total",
    &[],
    "Runs of workflows that had ended well, and failed with a message that could not be rendered.",
)
.in_unit(Unit::Count);
