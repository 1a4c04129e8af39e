//! What is due: notifications that waited in the database and whose time has come.

mod lenient;
mod lost_take;
mod paused;
mod refusing;
mod refusing_wishes;
mod row;
mod tenants;
mod text;
mod unreadable;
mod waiting;
mod wishes;

pub(super) use lenient::Lenient;
pub use lost_take::let_go;
pub use paused::probe;
pub use refusing::{Among, UntakeableRow, Wanting, refusing};
pub use row::Taken;
pub(super) use row::{Columns, NotificationRow};
pub use tenants::{FoundTenants, Front, TenantWanted, TenantsOf, fronts, take_in_turn, tenants};
pub use unreadable::give_back;
pub use waiting::{WaitingKey, WaitingLine, WaitingOf, WaitsFor, names, take_waiting, waiting};
pub use wishes::requeue_changed_preferences;

use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, Int2, Int4, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use serde_json::Value;
use uuid::Uuid;

use self::row::taken_columns;
pub(super) use self::text::node_died;
use self::text::{is_free, planned_anew, take_rows, take_statement, with_the_dead};
use super::lease::{RunId, living_runs};
use super::locks::in_halves;
use super::statement::statement;
use super::takes::TakeId;
use super::{Database, NotDone, StoreError, form, time};
use crate::domain::{Lane, Reason};

statement!(
    Take(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        most: Vec<i32> => Array<Int4>,
        since: Vec<DateTime<Utc>> => Array<Timestamptz>,
        suspects: Vec<i32> => Array<Int4>,
        now: DateTime<Utc> => Timestamptz,
        format: i16 => Int2,
        run: i32 => Int4,
        refusing: Vec<Uuid> => Array<SqlUuid>,
        due_aside: DateTime<Utc> => Timestamptz,
        heir: i32 => Int4,
        died: Value => Jsonb,
        take: i64 => Int8,
        due_again: DateTime<Utc> => Timestamptz,
    ) -> Columns = take_statement!(
        asked: "?, ?, ?, ?, ?) AS asked (channel, priority, most, since, suspects)",
        by: "n.due_at <= ? AND n.due_at >= asked.since",
        in_order_of: "n.due_at",
        suspects: "asked.suspects"
    )
);

/// Until a suspect comes up again whose taker died of it: a process that dies of a row once a minute,
/// wherever it runs, does its other work meanwhile.
const SUSPECT_AGAIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);

/// Under which number what is taken, and what of it.
#[derive(Debug, Clone, Copy)]
pub struct Taking<'a> {
    /// This run, the owner of what is taken.
    pub run: RunId,
    /// The number of this take.
    pub take: TakeId,
    /// Rows that are left out: PostgreSQL refuses to let them be taken ([`refusing()`]).
    pub refusing: &'a [Uuid],
}

impl Taking<'_> {
    /// No row that is taken at `now`, of those that are due by then, is due later than that
    /// afterwards: suspects are moved.
    #[must_use]
    pub fn latest(now: jiff::Timestamp) -> jiff::Timestamp {
        again(now)
    }
}

/// Takes notifications that are due at `now` for a run: at most so many of each lane, the longest
/// due first, none that was due before `since`. What this run holds, or another living one, is not
/// taken; what a dead one held says so in its timeline. `now` is the time by which policy decides, too:
/// by another the same row would come up again and again.
///
/// # Errors
/// When the database fails; what may have been taken is free again when the run ends.
pub async fn take(
    database: &Database,
    taking: Taking<'_>,
    now: jiff::Timestamp,
    lanes: &[Wanted],
) -> Result<Taken, StoreError> {
    let (channels, priorities) = words(lanes.iter().map(|wanted| &wanted.lane));
    take_rows!(
        database,
        taking,
        now,
        Take {
            channels,
            priorities,
            most: lanes.iter().map(|wanted| count(wanted.most)).collect(),
            since: lanes
                .iter()
                .map(|wanted| time::to_database(wanted.since))
                .collect(),
            suspects: lanes.iter().map(|it| i32::from(it.suspect)).collect(),
            now: time::to_database(now),
        }
    )
}

/// How many are wanted of a lane, due at this moment or later.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The lane.
    pub lane: Lane,
    /// Most rows.
    pub most: usize,
    /// No row that waits is due before that, as far as is known: at the front of the index may be
    /// very many entries of rows that have passed, and nothing else.
    pub since: jiff::Timestamp,
    /// Whether one row may be among them that may be what ends the process.
    pub suspect: bool,
}

/// When a suspect that is taken now comes up again, if its taker dies of it.
fn again(now: jiff::Timestamp) -> jiff::Timestamp {
    now.saturating_add(SUSPECT_AGAIN).unwrap_or(now)
}

fn count(most: usize) -> i32 {
    i32::try_from(most).unwrap_or(i32::MAX)
}

/// The words of lanes, as arrays for `unnest`.
fn words<'a>(lanes: impl IntoIterator<Item = &'a Lane>) -> (Vec<&'static str>, Vec<&'static str>) {
    let words = |lane: &Lane| (lane.channel.as_str(), lane.priority.as_str());
    lanes.into_iter().map(words).unzip()
}

statement!(
    EndWorn(ids: Vec<Uuid> => Array<SqlUuid>, take: i64 => Int8) -> SqlUuid =
    "WITH ended AS (
         UPDATE notifications SET status = 'failed', reason = 'retries_exhausted',
             failed_at = now(), due_at = NULL, owner = NULL, takes = 0,
             error_message = 'it was taken ' || takes - 1 || ' times, and each time the node that had '
                 'it ended before it came to an outcome'
         WHERE id = ANY(?) AND status = 'pending' AND take = ?
         RETURNING id, tenant_id, reason, attempts
     )
     INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason, retry_history)
     SELECT tenant_id, id, reason, attempts FROM ended
     ON CONFLICT (notification_id) DO UPDATE SET
         failure_reason = excluded.failure_reason, retry_history = excluded.retry_history,
         moved_to_dlq_at = now(), resolved = false, resolved_at = NULL, resolved_by = NULL
     RETURNING notification_id"
);

/// Ends rows that were taken too often without an outcome, as dead letters. Nothing of them is read:
/// to read them may be what ends the process. Those that cannot be ended now are in the answer, and stay this run's:
/// they are to be given back.
pub async fn end_worn(database: &Database, take: TakeId, ids: &[Uuid]) -> NotDone<Uuid> {
    in_halves!(database, ids, |part| EndWorn {
        ids: part.to_vec(),
        take: take.0,
    } => Uuid)
}

statement!(
    Waiting() -> (Nullable<Text>, Int8) =
    "SELECT reason, count(*) FROM notifications WHERE status = 'pending' GROUP BY reason"
);

statement!(
    Unresolved() -> Int8 = "SELECT count(*) FROM notification_dlq WHERE NOT resolved"
);

/// How many notifications wait, by reason, and how many dead letters are unresolved: over all
/// tenants, for gauges.
///
/// # Errors
/// When the database fails.
pub async fn backlog(database: &Database) -> Result<(Vec<(Reason, u64)>, u64), StoreError> {
    let mut connection = database.get().await?;
    let waiting: Vec<(Option<String>, i64)> = Waiting {}.load(&mut *connection).await?;
    let unresolved: i64 = Unresolved {}.get_result(&mut *connection).await?;
    let waiting = waiting.into_iter().filter_map(|(reason, count)| {
        Some((reason?.parse().ok()?, u64::try_from(count).unwrap_or(0)))
    });
    Ok((waiting.collect(), u64::try_from(unresolved).unwrap_or(0)))
}
