//! Admission: from raw messages to claimed jobs.
//!
//! Envelope, template and account are known to be good before a claim is made. The recipient is looked
//! at after it, since only a message that is new may say who they are; a rejection takes its claim
//! back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::claim_guard::{ClaimGuard, ClaimGuards, Claiming, NotFirst, SoloGuard};
use super::super::dispatcher::Dispatchers;
use super::super::eligibility::Eligibility;
use super::super::jobs::Job;
use super::super::lease_gate::LeaseGate;
use super::super::registry::AccountRegistry;
use super::super::templates::TemplateCache;
use super::recipients::FoundRecipients;
use super::refusal::RefusedMessage;
use super::waiting::KeyWaiters;
use crate::broker::envelope::{self, Envelope, Wrapping};
use crate::broker::publisher::Publisher;
use crate::broker::{Arrival, Receipt, Refusal};
use crate::domain::{Lane, Recipient, Rejection, TenantRules};
use crate::runtime::{Permit, Shutdown, Tasks, clock, failpoint};
use crate::store::Database;
use crate::store::claims::Claimant;
use crate::store::lease::RunId;
use crate::store::partitions;
use crate::store::takes::{TakeId, Takes};
use crate::telemetry::Metrics;

/// What admission needs.
#[derive(Debug)]
pub struct Admission {
    /// The database.
    pub database: Database,
    /// Passed before anything is claimed: says which run owns it.
    pub lease_gate: LeaseGate,
    /// Numbers takes of claims.
    pub takes: Takes,
    /// The messages whose keys other runs work on.
    pub waiting: KeyWaiters,
    /// Whose turn it is to ask again for what somebody has locked: one connection is enough for that.
    pub later: tokio::sync::Mutex<()>,
    /// How long a key is remembered.
    pub window: Duration,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
    /// Knows recipients, and what must not be sent to.
    pub eligibility: Arc<Eligibility>,
    /// The templates.
    pub templates: TemplateCache,
    /// The accounts in use.
    pub registry: AccountRegistry,
    /// Makes holds.
    pub claim_guards: ClaimGuards,
    /// Publishes what cannot be accepted.
    pub publisher: Arc<Publisher>,
    /// Where jobs go.
    pub dispatchers: Dispatchers,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Where waiting for another run's outcome happens.
    pub tasks: Tasks,
    /// Ends every wait; what is in hand then returns to the broker.
    pub giving_up: Shutdown,
}

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
    pub(super) rules: Arc<TenantRules>,
    /// When recipient and rules were known to be like that.
    pub(super) known_at: Timestamp,
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

impl Admission {
    /// Admits a batch. Whatever is not admitted, rejected or known to be a duplicate when this
    /// ends returns to the broker.
    pub async fn admit(
        self: &Arc<Self>,
        worker: usize,
        batch: Vec<Arrival>,
        solo: Option<SoloGuard>,
    ) {
        failpoint::hit("ingest.admit");
        let (decoded_messages, mut refused) = self.decode(batch);
        let Some(solo) = self.suspicion(&decoded_messages, solo).await else {
            return;
        };
        let Some(decoded_messages) = self.with_pointers(decoded_messages, &mut refused).await
        else {
            return;
        };
        self.refuse(worker, refused);
        let reading = self.eligibility.recipients.begin();
        let Some(recipients) = self.load(&decoded_messages).await else {
            return;
        };
        // A claim that is made without a lease is anybody's.
        let Some(run) = self.giving_up.or(self.lease_gate.opened()).await else {
            return;
        };
        let take = self.takes.next(run);
        let claimables = self.register(decoded_messages, &recipients, take, solo);
        if !claimables.is_empty() {
            let claimant = claimant(Some(run), worker);
            self.claim(claimant, take, claimables, reading).await;
        }
    }

    fn decode(&self, batch: Vec<Arrival>) -> (Vec<DecodedMessage>, Vec<RefusedMessage>) {
        let now = clock::now();
        let (mut decoded_messages, mut refused) = (Vec::with_capacity(batch.len()), vec![]);
        for mut arrival in batch {
            if !arrival.is_again {
                self.metrics.consumed(arrival.lane, 1);
            }
            if let Some(refusal) = arrival.refusal.take() {
                refused.push(DeliveredMessage::refused(arrival, refusal, None));
                continue;
            }
            let wrapping = Wrapping {
                lane: arrival.lane,
                message_id: arrival.message_id.as_deref(),
                traceparent: arrival.traceparent.as_deref(),
                max_body_bytes: self.max_body_bytes,
                now,
            };
            match envelope::decode(&arrival.body, &wrapping) {
                Ok(envelope) => decoded_messages.push(DecodedMessage { arrival, envelope }),
                Err(refusal) => refused.push(DeliveredMessage::refused(arrival, refusal, None)),
            }
        }
        (decoded_messages, refused)
    }

    /// Puts each under its key into the in-flight table. What joins a running job ends here; what says
    /// something else under its key stands behind it.
    fn register(
        &self,
        decoded_messages: Vec<DecodedMessage>,
        recipients: &FoundRecipients,
        take: TakeId,
        mut solo: Option<SoloGuard>,
    ) -> Vec<ClaimableMessage> {
        let mut claimables = Vec::with_capacity(decoded_messages.len());
        for DecodedMessage { arrival, envelope } in decoded_messages {
            let (message, receipt, permit) = DeliveredMessage::of(arrival);
            let claiming = Claiming {
                key: envelope.key,
                content: envelope.content,
                lane: envelope.lane,
                take,
                id: clock::new_id(),
            };
            let registered = self
                .claim_guards
                .register(claiming, receipt, permit, solo.take());
            match registered {
                Ok(claim) => {
                    let recipient_key = (envelope.tenant_id, envelope.user_id);
                    claimables.push(ClaimableMessage {
                        recipient: recipients.get(&recipient_key).cloned(),
                        envelope,
                        rules: Arc::default(),
                        known_at: Timestamp::MIN,
                        message,
                        claim,
                    });
                }
                Err(NotFirst::Joined) => {}
                Err(NotFirst::Behind(receipt, permit)) => {
                    let arrival = message.arrival(receipt, permit);
                    self.claim_guards
                        .in_flight
                        .stand_behind(envelope.key, arrival);
                }
            }
        }
        claimables
    }
}

/// What becomes of a message whose key stands for another one.
pub(in crate::pipeline) fn key_reused() -> Refusal {
    let words = "its key (`idempotency_key`, else the AMQP `message_id`) stands for a message of the \
                 same person and channel with other content";
    Refusal::new(Rejection::KeyReused, words)
}

impl DeliveredMessage {
    fn of(arrival: Arrival) -> (Self, Receipt, Permit) {
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
    fn arrival(self, receipt: Receipt, permit: Permit) -> Arrival {
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

    fn refused(arrival: Arrival, refusal: Refusal, tenant_id: Option<Uuid>) -> RefusedMessage {
        let (message, receipt, permit) = Self::of(arrival);
        RefusedMessage {
            message,
            receipt,
            permit: Some(permit),
            refusal,
            tenant_id,
            is_counted: false,
        }
    }
}

impl Admission {
    /// For counts, which no run owns.
    pub(super) fn anybody(&self, worker: usize) -> Claimant {
        claimant(self.lease_gate.run(), worker)
    }
}

pub(super) fn claimant(run: Option<RunId>, worker: usize) -> Claimant {
    let worker = u8::try_from(worker).unwrap_or(u8::MAX);
    Claimant {
        run,
        worker,
        now: clock::now(),
    }
}

impl DecodedMessage {
    pub(super) fn refused(self, reason: Rejection, detail: impl Into<String>) -> RefusedMessage {
        let tenant_id = Some(self.envelope.tenant_id);
        DeliveredMessage::refused(self.arrival, Refusal::new(reason, detail), tenant_id)
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
        (job.suppressed, job.rules, job.known_at) = (suppressed, self.rules, self.known_at);
        job
    }
}
