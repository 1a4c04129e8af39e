//! A part of a replay of dead letters.

use std::collections::BTreeMap;

use super::AHEAD;
use crate::ops::replay;
use crate::runtime::clock;
use crate::store::dead_letters::{self, LetterFilter, LetterReplay};
use crate::store::jobs::going_on::{JobPart, JobResult};
use crate::store::jobs::{JobPlace, StoredJob};
use crate::store::{Database, PgConnection, StoreError};

/// Most dead letters of one part: one transaction.
const PART: u32 = 200;

/// Most dead letters of one part of a job: as many as become due while it may be ahead.
fn most(rate: u32) -> usize {
    let ahead = u64::from(rate).saturating_mul(AHEAD.as_secs());
    usize::try_from(ahead.clamp(1, PART.into())).unwrap_or(1)
}

/// The next letters of a job, sent on their way in the transaction that notes it; `None` at the end.
pub(super) async fn part(
    database: &Database,
    connection: &mut PgConnection,
    job: &StoredJob,
    filter: &LetterFilter,
) -> Result<Option<JobPart>, StoreError> {
    let now = clock::now();
    let place = match job.place {
        Some(JobPlace::Letter(place)) => Some(place),
        Some(JobPlace::Person(_) | JobPlace::Delivery(_)) | None => None,
    };
    let letters = dead_letters::list(database, filter, place, most(job.rate)).await?;
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
            notification_id: Some(judged.letter.notification_id),
            result: judged.fate.as_str().to_owned(),
        });
    let results: Vec<JobResult> = results.collect();
    let mut counts = BTreeMap::new();
    for result in &results {
        *counts.entry(result.result.clone()).or_default() += 1;
    }
    Ok(Some(JobPart {
        place: JobPlace::Letter(last),
        next_due: replay::due_at(begin, count, job.rate),
        looked_at: u64::try_from(results.len()).unwrap_or(u64::MAX),
        counts,
        results,
    }))
}
