//! Admission: from raw messages to claimed jobs.
//!
//! Envelope, template and account are known to be good before a claim is made. The person is looked
//! at after it, since only a message that is new may say who they are; a rejection takes its claim
//! back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::directory::Directory;
use super::super::dispatcher::Dispatchers;
use super::super::fence::Fence;
use super::super::hold::{Claiming, Hold, Holder, Known, Turn};
use super::super::jobs::Job;
use super::super::judge::Judge;
use super::super::shelf::Shelf;
use super::people::Found;
use super::refusal::Refused;
use super::waiting::Waiting;
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
    pub fence: Fence,
    /// Numbers takes of claims.
    pub takes: Takes,
    /// The messages whose keys other runs work on.
    pub waiting: Waiting,
    /// Whose turn it is to ask again for what somebody has locked: one connection is enough for that.
    pub later: tokio::sync::Mutex<()>,
    /// How long a key is remembered.
    pub window: Duration,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
    /// Knows people, and what must not be sent to.
    pub judge: Arc<Judge>,
    /// The templates.
    pub shelf: Shelf,
    /// The accounts in use.
    pub directory: Directory,
    /// Makes holds.
    pub holder: Holder,
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
pub(super) struct Candidate {
    pub(super) arrival: Arrival,
    pub(super) envelope: Envelope,
}

/// A message that is about to be claimed.
pub(super) struct Applicant {
    pub(super) envelope: Envelope,
    /// The person, as far as they are known.
    pub(super) recipient: Option<Arc<Recipient>>,
    pub(super) rules: Arc<TenantRules>,
    /// When person and rules were known to be like that.
    pub(super) known_at: Timestamp,
    pub(super) message: Message,
    pub(super) hold: Hold,
}

/// What a delivery brought, without the right to acknowledge it.
pub(super) struct Message {
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
    pub async fn admit(self: &Arc<Self>, worker: usize, batch: Vec<Arrival>, turn: Option<Turn>) {
        failpoint::hit("ingest.admit");
        let (candidates, mut refused) = self.decode(batch);
        let Some(turn) = self.suspicion(&candidates, turn).await else {
            return;
        };
        let Some(candidates) = self.with_pointers(candidates, &mut refused).await else {
            return;
        };
        self.refuse(worker, refused);
        let reading = self.judge.people.begin();
        let Some(people) = self.load(&candidates).await else {
            return;
        };
        // A claim that is made without a lease is anybody's.
        let Some(run) = self.giving_up.or(self.fence.pass()).await else {
            return;
        };
        let take = self.takes.next(run);
        let applicants = self.register(candidates, &people, take, turn);
        if !applicants.is_empty() {
            let claimant = claimant(Some(run), worker);
            self.claim(claimant, take, applicants, reading).await;
        }
    }

    fn decode(&self, batch: Vec<Arrival>) -> (Vec<Candidate>, Vec<Refused>) {
        let now = clock::now();
        let (mut candidates, mut refused) = (Vec::with_capacity(batch.len()), vec![]);
        for mut arrival in batch {
            if !arrival.is_again {
                self.metrics.consumed(arrival.lane, 1);
            }
            if let Some(refusal) = arrival.refusal.take() {
                refused.push(Message::refused(arrival, refusal, None));
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
                Ok(envelope) => candidates.push(Candidate { arrival, envelope }),
                Err(refusal) => refused.push(Message::refused(arrival, refusal, None)),
            }
        }
        (candidates, refused)
    }

    /// Puts each under its key into the in-flight table. What joins a running job ends here; what says
    /// something else under its key stands behind it.
    fn register(
        &self,
        candidates: Vec<Candidate>,
        people: &Found,
        take: TakeId,
        mut turn: Option<Turn>,
    ) -> Vec<Applicant> {
        let mut applicants = Vec::with_capacity(candidates.len());
        for Candidate { arrival, envelope } in candidates {
            let (message, receipt, permit) = Message::of(arrival);
            let claiming = Claiming {
                key: envelope.key,
                content: envelope.content,
                lane: envelope.lane,
                take,
                id: clock::new_id(),
            };
            let registered = self.holder.register(claiming, receipt, permit, turn.take());
            match registered {
                Ok(hold) => {
                    let whose = (envelope.tenant_id, envelope.user_id);
                    applicants.push(Applicant {
                        recipient: people.get(&whose).cloned(),
                        envelope,
                        rules: Arc::default(),
                        known_at: Timestamp::MIN,
                        message,
                        hold,
                    });
                }
                Err(Known::Joined) => {}
                Err(Known::Behind(receipt, permit)) => {
                    let arrival = message.arrival(receipt, permit);
                    self.holder.in_flight.stand_behind(envelope.key, arrival);
                }
            }
        }
        applicants
    }
}

/// What becomes of a message whose key stands for another one.
pub(in crate::pipeline) fn key_reused() -> Refusal {
    let words = "its key (`idempotency_key`, else the AMQP `message_id`) stands for a message of the \
                 same person and channel with other content";
    Refusal::new(Rejection::KeyReused, words)
}

impl Message {
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

    fn refused(arrival: Arrival, refusal: Refusal, tenant_id: Option<Uuid>) -> Refused {
        let (message, receipt, permit) = Self::of(arrival);
        Refused {
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
        claimant(self.fence.run(), worker)
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

impl Candidate {
    pub(super) fn refused(self, reason: Rejection, detail: impl Into<String>) -> Refused {
        let tenant_id = Some(self.envelope.tenant_id);
        Message::refused(self.arrival, Refusal::new(reason, detail), tenant_id)
    }
}

impl Applicant {
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
        self.hold.arrived = self.message.arrived;
        let published_at = self.message.published_at;
        let mut job = Job::new(notification, recipient, self.hold, published_at);
        (job.suppressed, job.rules, job.known_at) = (suppressed, self.rules, self.known_at);
        job
    }
}
