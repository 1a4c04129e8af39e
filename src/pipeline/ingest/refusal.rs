//! What cannot be accepted: confirmed in `herald.rejected` and in the books before it is
//! acknowledged.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use uuid::Uuid;

use super::super::retry::retry_until_ok;
use super::Admission;
use super::admission::{ClaimableMessage, DeliveredMessage};
use crate::broker::publisher::Confirmed;
use crate::broker::{Receipt, Refusal, Rejected, receipt};
use crate::domain::DEFAULT_TENANT;
use crate::machine::Guard;
use crate::runtime::Permit;
use crate::store::claims::{self, Claimant, IntakeCount};

/// Wait after a failed publish.
const PAUSE: Duration = Duration::from_secs(1);

/// A message that cannot be accepted, and why.
pub(super) struct RefusedMessage {
    pub(super) message: DeliveredMessage,
    pub(super) receipt: Receipt,
    /// Kept until the message is set aside.
    pub(super) permit: Option<Permit>,
    pub(super) refusal: Refusal,
    /// The tenant, as far as the message could be read.
    pub(super) tenant_id: Option<Uuid>,
    /// Whether it is counted as consumed already.
    pub(super) is_counted: bool,
}

impl Admission {
    /// Rejects messages beside the batch that they came with, each on its own: one that the broker
    /// does not take delays nobody else.
    pub(super) fn refuse(self: &Arc<Self>, worker: usize, refused: Vec<RefusedMessage>) {
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
        let held = refused.iter().map(|(one, ..)| &one.claim);
        let held: Vec<_> = held.map(|it| (it.key(), it.origin().take())).collect();
        let release = || claims::release(&self.database, &held);
        retry_until_ok("releasing claims", &self.giving_up, release).await?;
        let refused = refused.into_iter();
        let refused = refused.filter_map(|(one, _, refusal)| one.refused(refusal, true));
        self.refuse(usize::from(claimant.worker), refused.collect());
        Some(())
    }

    /// Confirmed in `herald.rejected` first, then counted, then acknowledged.
    async fn set_aside(&self, claimant: Claimant, refused: RefusedMessage) -> Option<()> {
        let proof = self.publish(&refused).await?;
        let counts = [refused.count()];
        let count = || claims::count(&self.database, claimant, &counts);
        retry_until_ok("counting a rejection", &self.giving_up, count).await?;
        self.metrics.rejected(refused.refusal.reason);
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
        tracing::info!(%lane, %reason, "a message cannot be accepted and goes to herald.rejected");
        while refused.receipt.is_live() {
            let rejecting = self.publisher.reject(Rejected {
                body: &message.body,
                lane,
                message_id: message.message_id.as_deref(),
                properties: message.properties.as_deref(),
                reason,
                detail: &refusal.detail,
            });
            match self.giving_up.or(rejecting).await? {
                Ok(proof) => return Some(proof),
                Err(error) => {
                    tracing::warn!(%error, %lane, "herald.rejected did not take a message; trying again");
                    self.giving_up.or(tokio::time::sleep(PAUSE)).await?;
                }
            }
        }
        None
    }
}

impl RefusedMessage {
    fn count(&self) -> IntakeCount {
        IntakeCount {
            tenant_id: self.tenant_id.unwrap_or(DEFAULT_TENANT),
            channel: self.message.lane.channel,
            consumed: u32::from(!self.is_counted),
            rejected: 1,
            duplicates: 0,
        }
    }
}

impl ClaimableMessage {
    /// Refused, without a claim of ours. Deliveries that joined it return to the broker, and are
    /// looked at each on its own; `None` when all have returned already.
    pub(super) fn refused(self, refusal: Refusal, is_counted: bool) -> Option<RefusedMessage> {
        let redeemed = self.claim.let_go();
        let receipt = redeemed.receipts.into_iter().next()?;
        Some(RefusedMessage {
            message: self.message,
            receipt,
            permit: redeemed.permit,
            refusal,
            tenant_id: Some(self.envelope.tenant_id),
            is_counted,
        })
    }
}
