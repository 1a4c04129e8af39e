//! What cannot be accepted: confirmed in `herald.rejected` and in the books before it is
//! acknowledged.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use uuid::Uuid;

use super::Admission;
use super::message::{ClaimableMessage, RefusedMessage};
use crate::broker::publisher::Confirmed;
use crate::broker::{Refusal, Rejected, receipt};
use crate::machine::Guard;
use crate::store::claims::{self, Claimant, ReleasedClaim};
use crate::work::retry::retry_until_ok;

/// Wait after a failed publish.
const PAUSE: Duration = Duration::from_secs(1);

impl Admission {
    /// Rejects messages beside the batch that they came with, each on its own: one that the broker
    /// does not take delays nobody else.
    pub(super) fn refuse(self: &Arc<Self>, worker: usize, refused: Vec<RefusedMessage>) {
        if refused.is_empty() {
            return;
        }
        let admission = Arc::clone(self);
        self.node.tasks.spawn("reject", async move {
            let claimant = admission.anybody(worker);
            let each = refused
                .into_iter()
                .map(|refused| admission.set_aside(claimant, refused));
            join_all(each).await;
        });
    }

    /// Rejects what was claimed before it was known that it cannot be accepted. Its claim goes first:
    /// a mended message with the same key is new. `None` when there is no more time.
    pub(super) async fn turn_away(
        self: &Arc<Self>,
        claimant: Claimant,
        refused: Vec<(ClaimableMessage, Uuid, Refusal)>,
    ) -> Option<()> {
        if refused.is_empty() {
            return Some(());
        }
        let held = refused.iter().map(|(one, id, _)| one.released(*id));
        let held: Vec<ReleasedClaim> = held.collect();
        let release = || claims::release(&self.node.database, claimant, &held);
        retry_until_ok("releasing claims", &self.node.phases.giving_up, release).await?;
        let refused = refused.into_iter();
        let refused = refused.filter_map(|(one, _, refusal)| one.refused(refusal));
        self.refuse(usize::from(claimant.worker), refused.collect());
        Some(())
    }

    /// Confirmed in `herald.rejected` first, then counted, then acknowledged.
    async fn set_aside(&self, claimant: Claimant, refused: RefusedMessage) -> Option<()> {
        let proof = self.publish(&refused).await?;
        let counts = [refused.count()];
        let count = || claims::count(&self.node.database, claimant, &counts);
        retry_until_ok("counting a rejection", &self.node.phases.giving_up, count).await?;
        self.node.metrics.rejected(refused.refusal.reason);
        receipt::acknowledge(vec![refused.receipt.proven(&proof)]).await;
        drop(refused.permit);
        Some(())
    }

    /// Publishes until the broker has confirmed it; `None` when there is no more time, or the
    /// delivery has gone back to the broker with its channel.
    async fn publish(&self, refused: &RefusedMessage) -> Option<Confirmed> {
        let RefusedMessage {
            message, refusal, ..
        } = refused;
        let (lane, reason) = (message.lane, refusal.reason);
        tracing::info!(%lane, %reason, "a message is rejected");
        while refused.receipt.is_live() {
            let rejecting = self.publisher.reject(Rejected {
                body: &message.body,
                lane: Some(lane),
                message_id: message.message_id.as_deref(),
                properties: message.properties.as_deref(),
                reason,
                detail: &refusal.detail,
            });
            match self.node.phases.giving_up.or(rejecting).await? {
                Ok(proof) => return Some(proof),
                Err(error) => {
                    tracing::warn!(%error, %lane, "herald.rejected did not accept a message; trying again");
                    self.node
                        .phases
                        .giving_up
                        .or(tokio::time::sleep(PAUSE))
                        .await?;
                }
            }
        }
        None
    }
}

impl ClaimableMessage {
    /// Its claim, which stands for this notification, to be removed.
    fn released(&self, notification_id: Uuid) -> ReleasedClaim {
        ReleasedClaim {
            key: self.claim.key(),
            take: self.claim.origin().take(),
            notification_id,
            tenant_id: self.envelope.tenant_id,
            channel: self.envelope.lane.channel,
        }
    }
}
