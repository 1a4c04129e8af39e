//! The runner: goes on with the jobs that are running, a part at a time, beside those of other nodes.

use std::time::Duration;

use tokio::time::sleep;

use super::replay;
use crate::domain::JobState;
use crate::runtime::{Shutdown, clock};
use crate::store::dead_letters::{self, LetterReplay};
use crate::store::jobs::{self, JobPart, JobResult, StoredJob};
use crate::store::{Database, PgConnection, StoreError};

/// Most dead letters of one part: one transaction.
const PART: u32 = 200;
/// How far a job goes ahead of its rate: what becomes due later can still be paused and cancelled.
const AHEAD: Duration = Duration::from_secs(5);
/// Time until a job that could not go on is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// Time from one look for jobs to the next, while there is none.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Goes on with jobs until it is told to stop.
pub async fn run(database: Database, stop: Shutdown) {
    while !stop.is_raised() {
        match step(&database).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "jobs could not be looked for; trying again"),
        }
        stop.or(sleep(LOOK_EVERY)).await;
    }
}

/// One part of the job that went on longest ago, of those that nobody works on. Says whether there was one. What
/// was done and the place in the job are stored together: a node that dies leaves both or neither.
async fn step(database: &Database) -> Result<bool, StoreError> {
    let mut begun = None;
    let gone_on = database
        .transaction(async |connection| {
            let Some((id, job)) = jobs::next(connection, AHEAD).await? else {
                return Ok(false);
            };
            begun = Some(id);
            let job = job?;
            match part(database, connection, &job).await? {
                Some(part) => jobs::advance(connection, &job, &part).await?,
                None => {
                    jobs::turn(connection, job.id, JobState::Finished).await?;
                    tracing::info!(job_id = %job.id, done = job.done, "a job has finished");
                }
            }
            Ok(true)
        })
        .await;
    match (gone_on, begun) {
        (Err(error), Some(id)) => {
            tracing::warn!(%error, job_id = %id, "a job could not go on; it is tried again");
            jobs::put_off(&mut *database.get().await?, id, AHEAD + AGAIN).await?;
            Ok(true)
        }
        (gone_on, _) => gone_on,
    }
}

/// Most dead letters of one part of a job: as many as become due while it may be ahead.
fn most(rate: u32) -> usize {
    let ahead = u64::from(rate).saturating_mul(AHEAD.as_secs());
    usize::try_from(ahead.clamp(1, PART.into())).unwrap_or(1)
}

/// The next letters of a job, sent on their way in the transaction that notes it; `None` at the end.
async fn part(
    database: &Database,
    connection: &mut PgConnection,
    job: &StoredJob,
) -> Result<Option<JobPart>, StoreError> {
    let now = clock::now();
    let letters = dead_letters::list(database, &job.filter, job.place, most(job.rate)).await?;
    let Some(last) = letters.last().map(dead_letters::DeadLetter::place) else {
        return Ok(None);
    };
    let begin = job.next_due.map_or(now, |due| due.max(now));
    let due_at = |number| replay::due_at(begin, number, job.rate);
    let mut judged = replay::judge(database, letters, due_at).await?;
    let replays: Vec<LetterReplay<'_>> = judged.iter().filter_map(replay::wanted).collect();
    let sent = dead_letters::replay_within(connection, &replays, None, now).await?;
    replay::leave_alone_but(&sent, &mut judged);
    let count = u32::try_from(sent.len()).unwrap_or(u32::MAX);
    let results = (job.done + 1..)
        .zip(&judged)
        .map(|(number, judged)| JobResult {
            number,
            item_id: judged.letter.id,
            notification_id: judged.letter.notification_id,
            result: judged.fate.as_str().to_owned(),
        });
    Ok(Some(JobPart {
        place: last,
        next_due: replay::due_at(begin, count, job.rate),
        results: results.collect(),
    }))
}
