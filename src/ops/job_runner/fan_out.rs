//! A part of a fan-out: the next people, each of whom gets what it sends.
//!
//! Never more than a part is in memory, and what a part accepts is stored with the place behind it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{FAN_OUT_AHEAD, Going, JobRunner, PartDone};
use crate::broker::envelope::{KeySource, key_hash};
use crate::domain::fan_out::{FanOut, FanOutFate, FanOutWhat, NotificationDraft};
use crate::domain::{ContentHash, Notification, RunEnd};
use crate::ops::replay;
use crate::runtime::{clock, failpoint};
use crate::store::accept::{self, Acceptable, AcceptedWithin};
use crate::store::claims::Claimant;
use crate::store::jobs::going_on::{self, JobPart, JobResult};
use crate::store::jobs::{JobPlace, StoredJob};
use crate::store::runs::RunLine;
use crate::store::runs::backlog;
use crate::store::runs::starting::{self, RunSeed};
use crate::store::topics::audience::{self, AudienceMember};
use crate::store::topics::subscribers;
use crate::store::{PgConnection, StoreError, partitions};
use crate::templates::Expression;

/// Most people of one part: one transaction.
const PART: usize = 1_000;
/// Most bytes of the notifications of one part.
const PART_BYTES: usize = 4 * 1_024 * 1_024;
/// Runs of a tenant that may be due before a fan-out starts more: whatever else becomes due meanwhile waits behind these
/// alone.
const MOST_DUE: u32 = 2_000;
/// How long it waits then.
const WAIT: Duration = FAN_OUT_AHEAD.saturating_add(Duration::from_millis(50));

impl JobRunner {
    /// The next people of a fan-out.
    pub(super) async fn fan_out(
        &self,
        connection: &mut PgConnection,
        job: &StoredJob,
        fan_out: &FanOut,
    ) -> Result<PartDone, StoreError> {
        let after = match job.place {
            Some(JobPlace::Person(id)) => Some(id),
            Some(JobPlace::Letter(_) | JobPlace::Delivery(_)) | None => None,
        };
        let seed = match &fan_out.what {
            FanOutWhat::Notification(_) => None,
            FanOutWhat::Run(seed) => Some(seed_of(job, seed)?),
        };
        if let Some(seed) = &seed {
            if after.is_none() {
                let topics = fan_out.topics.iter().map(|topic| topic.id);
                let planned = subscribers::count_all(connection, topics).await?;
                going_on::plan(connection, job.id, planned).await?;
            }
            if backlog::due(connection, seed.tenant_id, MOST_DUE).await? >= MOST_DUE {
                return Ok(PartDone {
                    going: Going::Waits(WAIT),
                    ..PartDone::default()
                });
            }
        }
        let people = audience::page(connection, fan_out, after, most(job.rate, fan_out)).await?;
        let Some(last) = people.last().map(|one| one.user_id) else {
            let nobody = match &seed {
                Some(seed) => note_if_nobody(connection, job, fan_out, seed).await?,
                None => None,
            };
            return Ok(PartDone {
                nobody,
                ..PartDone::default()
            });
        };
        let condition = fan_out.condition.as_deref().map(Expression::compile);
        let condition = condition.transpose().map_err(|_| unreadable(job))?;
        let excluded: HashSet<Uuid> = fan_out.excluded.iter().copied().collect();
        let fate = |one: &AudienceMember| before(one, &excluded, condition.as_ref());
        let mut fates: Vec<FanOutFate> = people.iter().map(fate).collect();
        let told = people.iter().zip(&fates);
        let told = told.filter(|(_, fate)| **fate == FanOutFate::Accepted);
        let told: Vec<Uuid> = told.map(|(one, _)| one.user_id).collect();
        let (new, accepted) = match (&fan_out.what, &seed) {
            (FanOutWhat::Notification(draft), _) => {
                self.accept(connection, job, draft, &told).await?
            }
            (FanOutWhat::Run(_), None) => return Err(unreadable(job)),
            (FanOutWhat::Run(_), Some(seed)) => {
                let new = start_runs(connection, seed, &told).await?;
                (new, AcceptedWithin::default())
            }
        };
        failpoint::hit("fan_out.part");
        for (one, fate) in people.iter().zip(&mut fates) {
            if *fate == FanOutFate::Accepted && !new.contains(&one.user_id) {
                *fate = FanOutFate::ToldBefore;
            }
        }
        Ok(PartDone {
            going: Going::On(noted(job, last, told.len(), &people, &fates)),
            accepted,
            webhook: None,
            nobody: None,
        })
    }

    /// Accepts a notification for each; says who has got one.
    async fn accept(
        &self,
        connection: &mut PgConnection,
        job: &StoredJob,
        draft: &NotificationDraft,
        people: &[Uuid],
    ) -> Result<(HashSet<Uuid>, AcceptedWithin), StoreError> {
        let tenant_id = job.tenant_id.ok_or_else(|| unreadable(job))?;
        let key = KeySource::FanOut(&job.id);
        let notification = |user_id: &Uuid| {
            let id = clock::new_id();
            let created_at = partitions::moment_of(id).unwrap_or_else(clock::now);
            let key = key_hash(key, tenant_id, *user_id, draft.lane.channel);
            draft.of((tenant_id, *user_id), id, key, created_at)
        };
        let notifications: Vec<Notification> = people.iter().map(notification).collect();
        let content = content(job.id);
        let acceptable = |notification| Acceptable {
            notification,
            content,
            take: None,
            adopts: None,
            request_id: None,
            said: None,
        };
        let batch: Vec<Acceptable<'_>> = notifications.iter().map(acceptable).collect();
        // Whoever works on another job at the same time has another row of the books.
        let claimant = Claimant {
            run: None,
            worker: job.id.as_bytes().last().copied().unwrap_or(0),
            now: clock::now(),
        };
        let counted = (claimant, self.window);
        let accepted = accept::within(&self.database, connection, counted, &batch).await?;
        for _ in &accepted.new {
            self.metrics.accepted(draft.lane);
        }
        let whose = notifications.iter().map(|it| (it.id, it.user_id));
        let whose: HashMap<Uuid, Uuid> = whose.collect();
        let new = accepted.new.iter();
        let new = new.filter_map(|id| whose.get(id).copied()).collect();
        Ok((new, accepted))
    }
}

/// Starts a run of a workflow for each; says who has got one.
async fn start_runs(
    connection: &mut PgConnection,
    seed: &RunSeed,
    people: &[Uuid],
) -> Result<HashSet<Uuid>, StoreError> {
    let line = line("the event tells a topic to which they subscribe".to_owned());
    starting::start_within(connection, seed, people, &line).await
}

/// Of a fan-out that has told nobody there is a run that says so; how that ended, if it is new.
async fn note_if_nobody(
    connection: &mut PgConnection,
    job: &StoredJob,
    fan_out: &FanOut,
    seed: &RunSeed,
) -> Result<Option<RunEnd>, StoreError> {
    let of = |fate: FanOutFate| job.counts.get(fate.as_str()).copied().unwrap_or(0);
    if of(FanOutFate::Accepted) + of(FanOutFate::ToldBefore) > 0 {
        return Ok(None);
    }
    let names: Vec<&str> = fan_out.topics.iter().map(|it| it.name.as_str()).collect();
    let names = names.join("`, `");
    let line = line(match job.done {
        0 => format!("nobody subscribes to `{names}`"),
        _ => {
            let counts = job.counts.iter();
            let counts: Vec<String> = counts
                .map(|(what, many)| format!("{many} {what}"))
                .collect();
            format!(
                "of those who subscribe to `{names}` nobody is told: {}",
                counts.join(", ")
            )
        }
    });
    let end = RunEnd::EmptyAudience;
    let is_new = starting::note_nobody(connection, seed, end, &line).await?;
    Ok(is_new.then_some(end))
}

fn seed_of(job: &StoredJob, seed: &serde_json::Value) -> Result<RunSeed, StoreError> {
    serde_json::from_value(seed.clone()).map_err(|_| unreadable(job))
}

fn line(words: String) -> RunLine {
    RunLine {
        at: clock::now(),
        step: String::new(),
        words,
    }
}

/// Most people of a part: as many as a second has, and as their notifications have room.
fn most(rate: u32, fan_out: &FanOut) -> usize {
    let size = match &fan_out.what {
        FanOutWhat::Notification(draft) => {
            serde_json::to_string(draft).map_or(PART_BYTES, |text| text.len())
        }
        FanOutWhat::Run(_) => 1,
    };
    let room = (PART_BYTES / size.max(1)).clamp(1, PART);
    usize::try_from(rate).unwrap_or(PART).clamp(1, room)
}

/// What becomes of somebody, as far as that is known beforehand.
fn before(
    one: &AudienceMember,
    excluded: &HashSet<Uuid>,
    condition: Option<&Expression>,
) -> FanOutFate {
    if excluded.contains(&one.user_id) {
        return FanOutFate::Excluded;
    }
    if !one.is_known {
        return FanOutFate::UnknownUser;
    }
    let Some(condition) = condition else {
        return FanOutFate::Accepted;
    };
    let mut fate = FanOutFate::NotMatching;
    for attributes in &one.attributes {
        match condition.truth(attributes) {
            Ok(true) => return FanOutFate::Accepted,
            Ok(false) => {}
            Err(_) => fate = FanOutFate::ConditionFailed,
        }
    }
    fate
}

/// What is stored of a part.
fn noted(
    job: &StoredJob,
    last: Uuid,
    told: usize,
    people: &[AudienceMember],
    fates: &[FanOutFate],
) -> JobPart {
    let now = clock::now();
    let begin = job.next_due.map_or(now, |due| due.max(now));
    let (mut counts, mut results) = (BTreeMap::new(), vec![]);
    let mut number = job.done;
    for (one, fate) in people.iter().zip(fates) {
        number = number.saturating_add(one.subscriptions);
        *counts.entry(fate.as_str().to_owned()).or_default() += 1;
        if fate.is_kept() {
            results.push(JobResult {
                number,
                item_id: one.user_id,
                notification_id: None,
                result: fate.as_str().to_owned(),
            });
        }
    }
    JobPart {
        place: JobPlace::Person(last),
        next_due: due_after(begin, told, job.rate),
        looked_at: number.saturating_sub(job.done),
        counts,
        results,
    }
}

/// When the next one is due, after so many.
fn due_after(begin: Timestamp, told: usize, rate: u32) -> Timestamp {
    replay::due_at(begin, u32::try_from(told).unwrap_or(u32::MAX), rate)
}

/// All notifications of a fan-out say the same.
fn content(job: Uuid) -> ContentHash {
    let id = job.as_bytes();
    let byte = |at: usize| id.get(at % id.len()).copied().unwrap_or(0);
    ContentHash(std::array::from_fn(byte))
}

fn unreadable(job: &StoredJob) -> StoreError {
    StoreError::Corrupt(format!("the order of job {}", job.id))
}
