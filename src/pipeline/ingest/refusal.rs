//! What cannot be accepted: confirmed in `herald.rejected` and in the books before it is
//! acknowledged.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use uuid::Uuid;

use super::super::patience::until_done;
use super::Admission;
use crate::broker::{Arrival, Refusal, receipt};
use crate::domain::DEFAULT_TENANT;
use crate::store::claims::{self, Claimant, DoorCount};

/// Wait after a failed publish.
const PAUSE: Duration = Duration::from_secs(1);

/// A message that cannot be accepted, and why.
pub(super) struct Refused {
    pub(super) arrival: Arrival,
    pub(super) refusal: Refusal,
    /// The tenant, as far as the message could be read.
    pub(super) tenant_id: Option<Uuid>,
}

impl Admission {
    /// Rejects messages beside the batch that they came with, each on its own: one that the broker
    /// does not take delays nobody else.
    pub(super) fn refuse(self: &Arc<Self>, worker: usize, refused: Vec<Refused>) {
        if refused.is_empty() {
            return;
        }
        let admission = Arc::clone(self);
        self.tasks.spawn("reject", async move {
            let claimant = admission.anybody(worker);
            let each = refused
                .into_iter()
                .map(|refused| admission.set_aside(claimant, refused));
            join_all(each).await;
        });
    }

    /// Confirmed in `herald.rejected` first, then counted, then acknowledged.
    async fn set_aside(&self, claimant: Claimant, refused: Refused) -> Option<()> {
        self.publish(&refused).await?;
        let counts = [refused.count()];
        let count = || claims::count(&self.database, claimant, &counts);
        until_done("counting a rejection", &self.giving_up, count).await?;
        self.metrics.rejected(refused.refusal.reason);
        receipt::acknowledge(vec![refused.arrival.receipt]).await;
        Some(())
    }

    /// Publishes until the broker has confirmed it; `None` when there is no more time, or the
    /// delivery has gone back to the broker with its channel.
    async fn publish(&self, refused: &Refused) -> Option<()> {
        let Refused {
            arrival, refusal, ..
        } = refused;
        let (lane, reason) = (arrival.lane, refusal.reason);
        tracing::info!(%lane, %reason, "a message cannot be accepted and goes to herald.rejected");
        while arrival.receipt.is_live() {
            let id = arrival.message_id.as_deref();
            let rejected = self
                .publisher
                .reject(&arrival.body, lane, id, reason, &refusal.detail);
            match self.giving_up.or(rejected).await? {
                Ok(()) => return Some(()),
                Err(error) => {
                    tracing::warn!(%error, %lane, "herald.rejected did not take a message; trying again");
                    self.giving_up.or(tokio::time::sleep(PAUSE)).await?;
                }
            }
        }
        None
    }
}

impl Refused {
    fn count(&self) -> DoorCount {
        DoorCount {
            tenant_id: self.tenant_id.unwrap_or(DEFAULT_TENANT),
            channel: self.arrival.lane.channel,
            rejected: 1,
            duplicates: 0,
        }
    }
}
