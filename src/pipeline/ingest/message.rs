//! A message on its way through admission: decoded, delivered, to be claimed, refused.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::broker::envelope::Envelope;
use crate::broker::{Arrival, Receipt, Refusal};
use crate::domain::{DEFAULT_TENANT, Lane, ReadMark, Recipient, Rejection, TenantRules};
use crate::runtime::{Permit, clock};
use crate::store::claims::IntakeCount;
use crate::store::partitions;
use crate::work::claim_guard::ClaimGuard;
use crate::work::job::Job;

/// A message whose envelope is good.
pub(super) struct DecodedMessage {
    pub(super) arrival: Arrival,
    pub(super) envelope: Envelope,
}

/// A message that is about to be claimed.
pub(super) struct ClaimableMessage {
    pub(super) envelope: Envelope,
    /// The recipient, as far as they are known.
    pub(super) recipient: Option<Arc<Recipient>>,
    /// Whether something of the recipient cannot be read.
    pub(super) is_unreadable: bool,
    /// The tenant's rules; `None` when they cannot be read.
    pub(super) rules: Option<Arc<TenantRules>>,
    /// When recipient and rules were known to be like that.
    pub(super) known_at: Timestamp,
    /// The notices of changes that had been heard by then.
    pub(super) heard: ReadMark,
    pub(super) message: DeliveredMessage,
    pub(super) claim: ClaimGuard,
}

/// What a delivery brought, without the right to acknowledge it.
pub(super) struct DeliveredMessage {
    pub(super) lane: Lane,
    pub(super) body: Vec<u8>,
    pub(super) message_id: Option<String>,
    /// The AMQP properties, byte by byte, where they could not be read.
    pub(super) properties: Option<Vec<u8>>,
    pub(super) published_at: Option<Timestamp>,
    pub(super) published_by: Option<Timestamp>,
    pub(super) arrived: tokio::time::Instant,
    traceparent: Option<String>,
    deliveries_before: u64,
}

/// A message that cannot be accepted, and why.
pub(super) struct RefusedMessage {
    pub(super) message: DeliveredMessage,
    pub(super) receipt: Receipt,
    /// Kept until the message is set aside.
    pub(super) permit: Option<Permit>,
    pub(super) refusal: Refusal,
    /// The tenant, as far as the message could be read.
    pub(super) tenant_id: Option<Uuid>,
}

/// What becomes of a message whose key stands for another one.
pub(crate) fn key_reused() -> Refusal {
    let words = "its key (`idempotency_key`, else the AMQP `message_id`) stands for a message of the \
                 same person and channel with other content";
    Refusal::new(Rejection::KeyReused, words)
}

impl DeliveredMessage {
    pub(super) fn of(arrival: Arrival) -> (Self, Receipt, Permit) {
        let message = Self {
            lane: arrival.lane,
            body: arrival.body,
            message_id: arrival.message_id,
            properties: arrival.properties,
            published_at: arrival.published_at,
            published_by: arrival.published_by,
            arrived: arrival.arrived,
            traceparent: arrival.traceparent,
            deliveries_before: arrival.deliveries_before,
        };
        (message, arrival.receipt, arrival.permit)
    }

    /// As it arrived, to arrive again.
    pub(super) fn arrival(self, receipt: Receipt, permit: Permit) -> Arrival {
        Arrival {
            lane: self.lane,
            body: self.body,
            message_id: self.message_id,
            properties: self.properties,
            traceparent: self.traceparent,
            published_at: self.published_at,
            published_by: self.published_by,
            deliveries_before: self.deliveries_before,
            arrived: self.arrived,
            is_again: true,
            refusal: None,
            receipt,
            permit,
        }
    }

    pub(super) fn refused(
        arrival: Arrival,
        refusal: Refusal,
        tenant_id: Option<Uuid>,
    ) -> RefusedMessage {
        let (message, receipt, permit) = Self::of(arrival);
        RefusedMessage {
            message,
            receipt,
            permit: Some(permit),
            refusal,
            tenant_id,
        }
    }
}

impl ClaimableMessage {
    /// The claim is ours, and there is somebody to send to: from here on it is a job.
    pub(super) fn accepted(
        mut self,
        id: Uuid,
        recipient: Arc<Recipient>,
        suppressed: Vec<String>,
    ) -> Job {
        // A claim that was taken over keeps the moment of its first acceptance.
        let created_at = partitions::moment_of(id).unwrap_or_else(clock::now);
        let notification = self.envelope.into_notification(id, created_at);
        self.claim.arrived = self.message.arrived;
        let published_at = self.message.published_at;
        let mut job = Job::new(notification, recipient, self.claim, published_at);
        job.rules = self.rules.unwrap_or_default();
        (job.suppressed, job.known_at, job.heard) = (suppressed, self.known_at, self.heard);
        job
    }
}

impl RefusedMessage {
    pub(super) fn count(&self) -> IntakeCount {
        IntakeCount {
            tenant_id: self.tenant_id.unwrap_or(DEFAULT_TENANT),
            channel: self.message.lane.channel,
            rejected: 1,
            duplicates: 0,
        }
    }
}

impl ClaimableMessage {
    /// Refused, without a claim of ours. Deliveries that joined it return to the broker, and are
    /// looked at each on its own; `None` when all have returned already.
    pub(super) fn refused(self, refusal: Refusal) -> Option<RefusedMessage> {
        let redeemed = self.claim.let_go();
        let receipt = redeemed.receipts.into_iter().next()?;
        Some(RefusedMessage {
            message: self.message,
            receipt,
            permit: redeemed.permit,
            refusal,
            tenant_id: Some(self.envelope.tenant_id),
        })
    }
}
