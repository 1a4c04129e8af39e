//! The operators' tools, and what keeps a node in order: explaining and replaying, readiness and events,
//! the lease, the listener for changes, the chores. No job walks here.

pub mod admissible;
pub mod bookkeeping;
pub mod change_listener;
pub mod conditions;
pub mod control;
pub mod event_reporter;
pub mod explain;
pub mod housekeeping;
pub mod inbox_streams;
pub mod inboxes;
pub mod job_runner;
pub mod lease_keeper;
pub mod look_watch;
pub mod month_removal;
pub mod provider_events;
pub mod publishing;
pub mod readiness;
pub mod redaction;
pub mod replay;
pub mod simulate;
pub mod standing;
pub mod status_publishing;
pub mod trials;
pub mod unreadable_people;
pub mod workflow_publishing;

pub use control::Control;
