//! Admission: from raw messages to claimed jobs.
//!
//! Envelope, person and template are known to be good before a claim is made: a rejection never
//! leaves one.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::super::dispatcher::Dispatchers;
use super::super::fence::Fence;
use super::super::hold::{Hold, Holder, Turn};
use super::super::jobs::Job;
use super::super::judge::Judge;
use super::super::patience::until_done;
use super::super::shelf::Shelf;
use super::refusal::Refused;
use crate::broker::envelope::{self, Envelope, Wrapping};
use crate::broker::publisher::Publisher;
use crate::broker::{Arrival, Refusal};
use crate::domain::{Body, Recipient, Rejection, TenantRules};
use crate::runtime::{Shutdown, Tasks, clock, failpoint};
use crate::store::Database;
use crate::store::claims::Claimant;
use crate::store::lease::RunId;
use crate::store::partitions;
use crate::telemetry::Metrics;

/// What admission needs.
#[derive(Debug)]
pub struct Admission {
    /// The database.
    pub database: Database,
    /// Passed before anything is claimed: says which run owns it.
    pub fence: Fence,
    /// How long a key is remembered.
    pub window: Duration,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
    /// Knows people, and what must not be sent to.
    pub judge: Arc<Judge>,
    /// The templates.
    pub shelf: Shelf,
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
    pub(super) recipient: Arc<Recipient>,
    pub(super) rules: Arc<TenantRules>,
    /// When person and rules were known to be like that.
    pub(super) known_at: Timestamp,
    pub(super) hold: Hold,
    pub(super) arrived: tokio::time::Instant,
    pub(super) published_at: Option<Timestamp>,
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
        let reading = self.judge.people.begin();
        let Some(people) = self.people(candidates, &mut refused).await else {
            return;
        };
        let Some(welcome) = self.with_templates(people, &mut refused).await else {
            return;
        };
        self.refuse(worker, refused);
        // A claim that is made without a lease is anybody's.
        let Some(run) = self.giving_up.or(self.fence.pass()).await else {
            return;
        };
        let applicants = self.register(welcome, turn);
        if !applicants.is_empty() {
            let claimant = claimant(run, worker);
            self.claim(claimant, applicants, reading).await;
        }
    }

    fn decode(&self, batch: Vec<Arrival>) -> (Vec<Candidate>, Vec<Refused>) {
        let now = clock::now();
        let (mut candidates, mut refused) = (Vec::with_capacity(batch.len()), vec![]);
        for arrival in batch {
            self.metrics.consumed(arrival.lane, 1);
            let wrapping = Wrapping {
                lane: arrival.lane,
                message_id: arrival.message_id.as_deref(),
                traceparent: arrival.traceparent.as_deref(),
                max_body_bytes: self.max_body_bytes,
                now,
            };
            match envelope::decode(&arrival.body, &wrapping) {
                Ok(envelope) => candidates.push(Candidate { arrival, envelope }),
                Err(refusal) => refused.push(Refused {
                    arrival,
                    refusal,
                    tenant_id: None,
                }),
            }
        }
        (candidates, refused)
    }

    /// Keeps those whose template is known; one that is not may have come a moment ago. `None` when
    /// there is no more time.
    async fn with_templates(
        &self,
        people: Vec<(Candidate, Arc<Recipient>)>,
        refused: &mut Vec<Refused>,
    ) -> Option<Vec<(Candidate, Arc<Recipient>)>> {
        let missing = |candidate: &Candidate| {
            let Body::Template(call) = &candidate.envelope.payload.body else {
                return None;
            };
            let envelope = &candidate.envelope;
            let known =
                self.shelf
                    .library()
                    .has(envelope.tenant_id, envelope.lane.channel, &call.name);
            (!known).then(|| call.name.clone())
        };
        if people
            .iter()
            .any(|(candidate, _)| missing(candidate).is_some())
        {
            let reload = || self.shelf.reload(&self.database);
            until_done("reading templates", &self.giving_up, reload).await?;
        }
        let mut welcome = Vec::with_capacity(people.len());
        for (candidate, recipient) in people {
            match missing(&candidate) {
                None => welcome.push((candidate, recipient)),
                Some(name) => {
                    let lane = candidate.envelope.lane;
                    let words = format!("no active template `{name}` for channel {}", lane.channel);
                    refused.push(candidate.refused(Rejection::UnknownTemplate, words));
                }
            }
        }
        Some(welcome)
    }

    /// Puts each under its key into the in-flight table; what joins a running job ends here.
    fn register(
        &self,
        welcome: Vec<(Candidate, Arc<Recipient>)>,
        mut turn: Option<Turn>,
    ) -> Vec<Applicant> {
        let mut applicants = Vec::with_capacity(welcome.len());
        for (Candidate { arrival, envelope }, recipient) in welcome {
            let (arrived, published_at) = (arrival.arrived, arrival.published_at);
            let Arrival {
                lane,
                receipt,
                permit,
                ..
            } = arrival;
            let turn = turn.take();
            if let Ok(hold) = self
                .holder
                .register(envelope.key, lane, receipt, permit, turn)
            {
                applicants.push(Applicant {
                    envelope,
                    recipient,
                    rules: Arc::default(),
                    known_at: Timestamp::MIN,
                    hold,
                    arrived,
                    published_at,
                });
            }
        }
        applicants
    }
}

impl Admission {
    /// For counts, which no run owns.
    pub(super) fn anybody(&self, worker: usize) -> Claimant {
        claimant(self.fence.run().unwrap_or(RunId(0)), worker)
    }
}

fn claimant(run: RunId, worker: usize) -> Claimant {
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
        Refused {
            arrival: self.arrival,
            refusal: Refusal::new(reason, detail),
            tenant_id,
        }
    }
}

impl Applicant {
    /// The claim is ours: from here on it is a job.
    pub(super) fn accepted(self, id: Uuid, suppressed: Vec<String>) -> Job {
        // A claim that was taken over keeps the moment of its first acceptance.
        let created_at = partitions::moment_of(id).unwrap_or_else(clock::now);
        let notification = self.envelope.into_notification(id, created_at);
        let (since, arrived) = (self.published_at, self.arrived);
        let mut job = Job::new(notification, self.recipient, self.hold, since, arrived);
        (job.suppressed, job.rules, job.known_at) = (suppressed, self.rules, self.known_at);
        job
    }
}
