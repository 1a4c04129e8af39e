//! Admission: from raw messages to claimed jobs.
//!
//! Envelope, template and account are known to be good before a claim is made. The recipient is looked
//! at after it, since only a message that is new may say who they are; a rejection takes its claim
//! back.

use std::sync::Arc;

use jiff::Timestamp;

use super::Admission;
use super::message::{ClaimableMessage, DecodedMessage, DeliveredMessage, RefusedMessage};
use super::recipients::FoundRecipients;
use crate::broker::Arrival;
use crate::broker::envelope::{self, Wrapping};
use crate::domain::{DEFAULT_TENANT, ReadMark};
use crate::runtime::{clock, failpoint};
use crate::store::claims::Claimant;
use crate::store::lease::RunId;
use crate::store::takes::TakeId;
use crate::work::claim_guard::{Claiming, NotFirst, SoloGuard};

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
        let reading = self.node.eligibility.recipients.begin();
        let Some(recipients) = self.load(&decoded_messages).await else {
            return;
        };
        // A claim that is made without a lease is anybody's.
        let Some(run) = self.node.run_unless(&self.node.phases.giving_up).await else {
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
                self.node.metrics.consumed(arrival.lane, 1);
            }
            if let Some(refusal) = arrival.refusal.take() {
                refused.push(DeliveredMessage::refused(arrival, refusal, None));
                continue;
            }
            let wrapping = Wrapping {
                lane: Some(arrival.lane),
                tenant_id: DEFAULT_TENANT,
                idempotency_key: None,
                message_id: arrival.message_id.as_deref(),
                call: None,
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
            let registered =
                self.node
                    .claim_guards
                    .register(claiming, receipt, permit, solo.take());
            match registered {
                Ok(claim) => {
                    let mut claimable = ClaimableMessage {
                        recipient: None,
                        is_unreadable: false,
                        envelope,
                        rules: Some(Arc::default()),
                        known_at: Timestamp::MIN,
                        heard: ReadMark::UNKNOWN,
                        message,
                        claim,
                    };
                    claimable.is_for(recipients);
                    claimables.push(claimable);
                }
                Err(NotFirst::Joined) => {}
                Err(NotFirst::Behind(receipt, permit)) => {
                    let arrival = message.arrival(receipt, permit);
                    self.node
                        .claim_guards
                        .in_flight
                        .stand_behind(envelope.key, arrival);
                }
            }
        }
        claimables
    }
}

impl Admission {
    /// For counts, which no run owns.
    pub(super) fn anybody(&self, worker: usize) -> Claimant {
        claimant(self.node.lease_gate.run(), worker)
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
