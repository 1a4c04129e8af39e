//! The runner: goes on with the jobs that are running, a part at a time, beside those of other nodes.

mod deliveries;
mod fan_out;
mod letters;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use uuid::Uuid;

use crate::domain::{JobState, RunEnd};
use crate::runtime::{Shutdown, clock};
use crate::store::accept::AcceptedWithin;
use crate::store::jobs::going_on::{self, JobPart};
use crate::store::jobs::{self, JobOrder, StoredJob};
use crate::store::{Database, PgConnection, StoreError, partitions};
use crate::telemetry::Metrics;

/// How far a replay goes ahead of its rate: what becomes due later can still be paused and cancelled.
const AHEAD: Duration = Duration::from_secs(5);
/// How far a fan-out does, whose notifications are due at once.
const FAN_OUT_AHEAD: Duration = Duration::from_secs(1);
/// Time until a job that could not go on is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// Time from one look for jobs to the next, while there is none.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Goes on with jobs.
#[derive(Debug)]
pub struct JobRunner {
    /// The database.
    pub database: Database,
    /// Counts what is accepted.
    pub metrics: Arc<Metrics>,
    /// How long a key is remembered.
    pub window: Duration,
    /// Wakes it when a job was ordered on this node.
    pub woken: Arc<Notify>,
    /// Ends it.
    pub stop: Shutdown,
}

/// What a part has done, beside what is stored of it.
#[derive(Debug, Default)]
struct PartDone {
    /// How the job goes on.
    going: Going,
    /// What was accepted in it.
    accepted: AcceptedWithin,
    /// The webhook that has something to be told.
    webhook: Option<Uuid>,
    /// A run that says why nobody was told.
    nobody: Option<RunEnd>,
}

/// How a job goes on.
#[derive(Debug, Default)]
enum Going {
    /// There is nothing left.
    #[default]
    Ended,
    /// This part was done.
    On(JobPart),
    /// Others have so much to do with what it made that it waits.
    Waits(Duration),
}

impl JobRunner {
    /// Runs until told to stop.
    pub async fn run(self) {
        while !self.stop.is_raised() {
            match self.step().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "jobs could not be looked for; trying again"),
            }
            self.stop.pause(&self.woken, LOOK_EVERY).await;
        }
    }

    /// One part of the job that went on longest ago, of those that nobody works on. Says whether there was one. What
    /// was done and the place in the job are stored together: a node that dies leaves both or neither.
    async fn step(&self) -> Result<bool, StoreError> {
        let (mut begun, mut done) = (None, PartDone::default());
        let gone_on = self
            .database
            .transaction(async |connection| {
                let next = going_on::next(connection, (AHEAD, FAN_OUT_AHEAD)).await?;
                let Some((id, job)) = next else {
                    return Ok(false);
                };
                begun = Some(id);
                let job = job?;
                done = self.part(connection, &job).await?;
                match &done.going {
                    Going::On(part) => going_on::advance(connection, &job, part).await?,
                    Going::Waits(wait) => going_on::put_off(connection, id, *wait).await?,
                    Going::Ended => {
                        jobs::turn(connection, job.id, JobState::Finished).await?;
                        tracing::info!(job_id = %job.id, done = job.done, "a job has finished");
                    }
                }
                Ok(true)
            })
            .await;
        match (gone_on, begun) {
            (Err(StoreError::NoPartition), Some(_)) => {
                partitions::ensure(&mut *self.database.get().await?, clock::now()).await?;
                Ok(true)
            }
            (
                Err(
                    StoreError::Locked(_)
                    | StoreError::Deadlock
                    | StoreError::SerializationFailure
                    | StoreError::ForeignKey { .. },
                ),
                Some(id),
            ) => {
                // Somebody else changes the same, or a person is gone since they were read: others come first.
                going_on::put_off(&mut *self.database.get().await?, id, Duration::ZERO).await?;
                Ok(true)
            }
            (Err(error), Some(id)) => {
                tracing::warn!(%error, job_id = %id, "a job could not go on; it is tried again");
                let wait = AHEAD + AGAIN;
                going_on::put_off(&mut *self.database.get().await?, id, wait).await?;
                Ok(true)
            }
            (gone_on, _) => {
                done.accepted.tell(&self.database);
                self.database.webhooks().tell(done.webhook);
                if let (Ok(_), Some(end)) = (&gone_on, done.nobody) {
                    self.metrics.runs_ended(end, 1);
                }
                gone_on
            }
        }
    }

    /// The next part of a job.
    async fn part(
        &self,
        connection: &mut PgConnection,
        job: &StoredJob,
    ) -> Result<PartDone, StoreError> {
        match &job.order {
            JobOrder::DlqReplay(filter) => {
                let part = letters::part(&self.database, connection, job, filter).await?;
                Ok(PartDone {
                    going: part.map_or(Going::Ended, Going::On),
                    ..PartDone::default()
                })
            }
            JobOrder::FanOut(fan_out) => self.fan_out(connection, job, fan_out).await,
            JobOrder::WebhookReplay(replay) => {
                let part = deliveries::part(connection, job, replay).await?;
                Ok(PartDone {
                    going: part.map_or(Going::Ended, Going::On),
                    webhook: Some(replay.webhook_id),
                    ..PartDone::default()
                })
            }
        }
    }
}
