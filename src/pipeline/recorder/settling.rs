//! Settling a batch: commit, then acknowledge, then everything that may be told.

use std::collections::HashMap;
use std::sync::Arc;

use actix::Addr;
use uuid::Uuid;

use super::super::scheduler::Scheduler;
use crate::broker::receipt::{self, Proven};
use crate::delivery::NodeContext;
use crate::domain::{Channel, RunEnd, Status};
use crate::pipeline::hourly_metrics::{HourlyMetrics, Record};
use crate::runtime::{clock, failpoint, mailbox};
use crate::store::claims::{self, Claimant, IntakeCount};
use crate::store::lease::RunId;
use crate::store::metrics::HourlyDelta;
use crate::store::settle::{self, Settled, Settlement};
use crate::work::job::{Outcome, Wake};
use crate::work::retry::retry_until_ok;
use crate::work::settle_queue::SettleQueue;
use crate::work::trace;

/// The books' row of the recorder, apart from the claimants'.
const WORKER: u8 = 3;

/// What settling needs.
#[derive(Debug)]
pub struct Settling {
    /// What the node shares.
    pub node: Arc<NodeContext>,
    /// Adds up the hour.
    pub hourly: Addr<HourlyMetrics>,
    /// Woken when something was put off that is due already, or when it has permits again.
    pub scheduler: Addr<Scheduler>,
}

/// Outcomes that are not stored yet. Dropped (a panic), they go back into the settle queue.
#[derive(Debug)]
pub(super) struct Unsettled {
    outcomes: Vec<Outcome>,
    settle_queue: SettleQueue,
}

impl Unsettled {
    pub(super) const fn new(outcomes: Vec<Outcome>, settle_queue: SettleQueue) -> Self {
        Self {
            outcomes,
            settle_queue,
        }
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        let outcomes = std::mem::take(&mut self.outcomes);
        if !outcomes.is_empty() {
            self.settle_queue.put_back(outcomes);
        }
    }
}

impl Settling {
    /// Stores a batch, trying until it succeeds, and redeems it. Once something of it is stored, what
    /// is left waits by itself, and `slot` is free for the next batch: one row that is refused does
    /// not stop the others.
    pub(super) async fn settle(&self, mut batch: Unsettled, slot: impl Send) {
        let (mut slot, since) = (Some(slot), clock::instant());
        while !batch.outcomes.is_empty() {
            failpoint::hit("recorder.settle");
            let settlements: Vec<&Settlement> = batch
                .outcomes
                .iter()
                .map(|outcome| &outcome.settlement)
                .collect();
            let store = || settle::settle(&self.node.database, &settlements, since);
            let Some(settled) =
                retry_until_ok("settling", &self.node.phases.giving_up, store).await
            else {
                return;
            };
            failpoint::hit("recorder.settled");
            let rows = settlements.len();
            self.node
                .metrics
                .settle_batch_rows(rows - settled.left().map_or(0, |(left, _)| left));
            self.tell(&batch.outcomes, &settled);
            let outcomes = std::mem::take(&mut batch.outcomes).into_iter();
            let is_left = |outcome: &Outcome| settled.is_left(outcome.settlement.notification.id);
            let (left, decided): (Vec<_>, Vec<_>) = outcomes.partition(is_left);
            batch.outcomes = left;
            self.redeem(decided, &settled).await;
            slot.take();
        }
    }

    /// Acknowledges. A delivery that joined while the job ran is a duplicate, unless the first one
    /// went back to the broker with its channel and this is the same message again.
    ///
    /// What was put off by us and is no longer ours to say is dropped: its delivery comes again, and
    /// tells.
    async fn redeem(&self, outcomes: Vec<Outcome>, settled: &Settled) {
        let run = outcomes.first().map(|outcome| outcome.claim.run());
        let mut receipts: Vec<Proven> = Vec::with_capacity(outcomes.len());
        let mut permits = Vec::with_capacity(outcomes.len());
        let mut joined: HashMap<(Uuid, Channel), u32> = HashMap::new();
        for outcome in outcomes {
            let notification = &outcome.settlement.notification;
            let whose = (notification.tenant_id, notification.lane.channel);
            let Some(proof) = settled.proof(&outcome.settlement) else {
                continue;
            };
            let redeemed = outcome.claim.redeem(&proof);
            let gathered = redeemed.receipts;
            let live = gathered.iter().filter(|receipt| receipt.is_live()).count();
            for _ in 1..live {
                self.node.metrics.duplicates(whose.1, 1);
                *joined.entry(whose).or_default() += 1;
            }
            receipts.extend(gathered);
            permits.push(redeemed.permit);
        }
        if !joined.is_empty() {
            self.count(run, joined).await;
        }
        receipt::acknowledge(receipts).await;
        drop(permits);
    }

    async fn count(&self, run: Option<RunId>, joined: HashMap<(Uuid, Channel), u32>) {
        let counts: Vec<IntakeCount> = joined
            .into_iter()
            .map(|((tenant_id, channel), duplicates)| IntakeCount {
                tenant_id,
                channel,
                rejected: 0,
                duplicates,
            })
            .collect();
        let claimant = Claimant {
            run,
            worker: WORKER,
            now: clock::now(),
        };
        let count = || claims::count(&self.node.database, claimant, &counts);
        retry_until_ok("counting duplicates", &self.node.phases.giving_up, count).await;
    }

    /// Metrics, the hour's sums, and a look of the scheduler.
    fn tell(&self, outcomes: &[Outcome], settled: &Settled) {
        let unrendered = settled.failed_runs();
        let metrics = &self.node.metrics;
        metrics.runs_ended(RunEnd::TemplateError, unrendered.ended);
        metrics.runs_failed_late(unrendered.after_their_end);
        if let Some((left, error)) = settled.left() {
            tracing::warn!(left, %error, "outcomes are refused, though their data is valid; they wait");
        }
        let mut deltas: Vec<HourlyDelta> = Vec::with_capacity(outcomes.len());
        let mut soon = false;
        for outcome in outcomes {
            let settlement = &outcome.settlement;
            let id = settlement.notification.id;
            if settled.is_left(id) || settled.is_quarantined(id) {
                continue;
            }
            if !settled.is_stored(id) {
                tracing::info!(notification_id = %id, "another run settled the notification first");
                continue;
            }
            let provider = settlement.provider.as_deref();
            let channel = settlement.notification.lane.channel;
            self.node
                .metrics
                .settled(channel, provider, settlement.status, settlement.reason);
            soon |= outcome.claim.is_schedulers()
                || settlement
                    .due_at
                    .is_some_and(|due_at| due_at <= settlement.decided_at);
            trace::log_outcome(settlement);
            deltas.push(delta(outcome));
        }
        mailbox::post(&self.hourly, Record(deltas));
        if soon {
            mailbox::post(&self.scheduler, Wake);
        }
    }
}

fn delta(outcome: &Outcome) -> HourlyDelta {
    let settlement = &outcome.settlement;
    let is = |status| i32::from(settlement.status == status);
    let notification = &settlement.notification;
    let wanted_at = notification.send_at.unwrap_or(notification.created_at);
    let took = settlement
        .decided_at
        .duration_since(wanted_at.max(notification.created_at));
    let delivery_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX).max(0);
    HourlyDelta {
        tenant_id: settlement.notification.tenant_id,
        at: settlement.decided_at,
        provider: settlement.provider.clone().unwrap_or_default(),
        channel: settlement.notification.lane.channel,
        sent: is(Status::Sent),
        failed: is(Status::Failed),
        pending: is(Status::Pending),
        delivery_ms: if settlement.status == Status::Sent {
            delivery_ms
        } else {
            0
        },
    }
}
