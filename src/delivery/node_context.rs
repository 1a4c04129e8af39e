//! What the parts of a running node share.

use std::sync::Arc;

use crate::cache::templates::TemplateCache;
use crate::delivery::channel_state::ChannelStates;
use crate::delivery::eligibility::Eligibility;
use crate::delivery::registry::AccountRegistry;
use crate::domain::LinkMaker;
use crate::machine::delivery;
use crate::runtime::{Shutdown, ShutdownPhases, Tasks, clock};
use crate::store::Database;
use crate::store::lease::RunId;
use crate::telemetry::Metrics;
use crate::work::claim_guard::ClaimGuards;
use crate::work::job::Job;
use crate::work::lease_gate::LeaseGate;
use crate::work::settle_queue::SettleQueue;

/// One set of handles, made once: actors and their background work have it from the start.
#[derive(Debug)]
pub struct NodeContext {
    /// The database.
    pub database: Database,
    /// The accounts in use.
    pub registry: AccountRegistry,
    /// The templates in use.
    pub templates: TemplateCache,
    /// Makes the links by which people unsubscribe.
    pub links: LinkMaker,
    /// Knows recipients, and decides whether, when and through whom.
    pub eligibility: Arc<Eligibility>,
    /// Which channels have an account that may be asked.
    pub channels: ChannelStates,
    /// Passed before anything is claimed, taken or sent: says which run owns it.
    pub lease_gate: LeaseGate,
    /// Where outcomes go.
    pub settle_queue: SettleQueue,
    /// Makes claim guards.
    pub claim_guards: ClaimGuards,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Where background work runs.
    pub tasks: Tasks,
    /// How the node stops.
    pub phases: ShutdownPhases,
}

impl NodeContext {
    /// The run that holds the lease, once one does; `None` when this phase of the shutdown comes first.
    pub async fn run_unless(&self, phase: &Shutdown) -> Option<RunId> {
        phase.or(self.lease_gate.opened()).await
    }

    /// Stores that these wait, of whose recipients something cannot be read. They have asked nobody.
    pub fn put_off_unreadable(&self, jobs: impl IntoIterator<Item = Job>) {
        let now = clock::now();
        for job in jobs {
            let disposition = delivery::unread(&job, now, rand::random());
            self.settle_queue.push(job.settle(disposition, now));
        }
    }
}
