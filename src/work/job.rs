//! All that flows through the pipeline: the job, and the messages that carry it.

use std::time::Duration;

use actix::Message;
use jiff::Timestamp;

use crate::broker::Arrival;
use crate::machine;
use crate::runtime::clock;
use crate::work::claim_guard::ClaimGuard;

/// One notification on its walk, with the right to settle it.
pub type Job = machine::Job<ClaimGuard>;

/// What became of a job, on its way into the database.
pub type Outcome = machine::Outcome<ClaimGuard>;

/// From the publisher (or our acceptance, if it does not say) until now.
#[must_use]
pub fn since_publish(job: &Job, now: Timestamp) -> Duration {
    match job.published_at {
        Some(published_at) => {
            Duration::try_from(now.duration_since(published_at)).unwrap_or_default()
        }
        None => clock::instant().saturating_duration_since(job.claim.arrived),
    }
}

/// Messages from the broker, to the ingest actor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Arrived(pub Vec<Arrival>);

/// Claimed jobs of one channel, to its dispatcher.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Dispatch(pub Vec<Job>);

/// Routed jobs, to the actor of the first account of their route.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Deliver(pub Vec<Job>);

/// Something waits where the actor looks for its work.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Wake;
