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
use crate::store::claims::{self, DoorCount};

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
    /// Rejects messages beside the batch that they came with: a broker that does not take them
    /// delays nobody else.
    pub(super) fn refuse(self: &Arc<Self>, worker: usize, refused: Vec<Refused>) {
        if refused.is_empty() {
            return;
        }
        let admission = Arc::clone(self);
        self.tasks.spawn("reject", async move {
            let published = refused.iter().map(|refused| admission.publish(refused));
            if join_all(published).await.contains(&None) {
                return;
            }
            let claimant = admission.claimant(worker);
            let counts: Vec<DoorCount> = refused.iter().map(Refused::count).collect();
            let count = || claims::count(&admission.database, claimant, &counts);
            if until_done("counting rejections", &admission.giving_up, count)
                .await
                .is_none()
            {
                return;
            }
            let receipts = refused.into_iter().map(|refused| {
                admission.metrics.rejected(refused.refusal.reason);
                refused.arrival.receipt
            });
            receipt::acknowledge(receipts.collect()).await;
        });
    }

    /// Publishes until the broker has confirmed it; `None` when there is no more time.
    async fn publish(&self, refused: &Refused) -> Option<()> {
        let Refused {
            arrival, refusal, ..
        } = refused;
        let (lane, reason) = (arrival.lane, refusal.reason);
        tracing::info!(%lane, %reason, "a message cannot be accepted and goes to herald.rejected");
        loop {
            let rejected = self
                .publisher
                .reject(&arrival.body, lane, reason, &refusal.detail);
            match self.giving_up.or(rejected).await? {
                Ok(()) => return Some(()),
                Err(error) => {
                    tracing::warn!(%error, %lane, "herald.rejected did not take a message; trying again");
                    self.giving_up.or(tokio::time::sleep(PAUSE)).await?;
                }
            }
        }
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
