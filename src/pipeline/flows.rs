//! Flows: events of other systems become runs of workflows, and runs become notifications.
//!
//! A step of a run, and what it sends, are one transaction; what was accepted then goes the way of every
//! notification. Nothing of a run is in memory between two steps: any node takes up what is due, and one that dies
//! leaves a run as it was.

mod accepting;
mod acceptor;
mod book;
mod closing;
mod running;
mod starting;
mod topics;
mod walk;
mod walking;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

pub use self::accepting::EventAccepting;
pub use self::acceptor::EventAcceptor;
pub use self::book::{KnownWorkflow, WorkflowBook};
pub use self::starting::MOST_DEPTH;
use crate::delivery::NodeContext;
use crate::domain::RunEnd;

/// What runs of workflows need.
pub struct FlowContext {
    /// What the node shares.
    pub node: Arc<NodeContext>,
    /// How long a key is remembered.
    pub window: Duration,
    /// How often is looked for what is due.
    pub poll: Duration,
    /// Wakes whoever takes due notifications.
    pub wake_scheduler: Box<dyn Fn() + Send + Sync>,
    /// The workflows that were read.
    pub book: Arc<WorkflowBook>,
    /// Woken when something may be due.
    pub woken: Arc<Notify>,
}

/// Takes up due runs and digests, as long as the engine runs.
pub struct Flows {
    context: FlowContext,
}

impl fmt::Debug for Flows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flows").finish_non_exhaustive()
    }
}

impl Flows {
    /// One that works once it runs.
    #[must_use]
    pub const fn new(context: FlowContext) -> Self {
        Self { context }
    }

    /// Runs have ended, and it is committed.
    fn count_ended(&self, ends: &[RunEnd]) {
        for end in ends {
            self.context.node.metrics.runs_ended(*end, 1);
        }
    }
}
