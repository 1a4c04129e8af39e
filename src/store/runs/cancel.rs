//! Cancelling runs, and taking items out of digests.
//!
//! A run that carries the items of others goes on without its own. Many are ended in parts: a statement over hundreds of
//! thousands would never come to its end.

use diesel::prelude::*;
use diesel::sql_types::{Array, Int8, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::fan_outs;
pub use super::meant::{CancelOnOrder, RunsMeant};
use crate::domain::RunEnd;
use crate::store::StoreError;
use crate::store::statement::statement;

/// Most runs of a part.
pub(super) const PART: i64 = 2_000;

/// What became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunsCancelled {
    /// Runs that are meant, whatever became of them.
    pub meant: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Runs that had ended before.
    pub ended: u64,
    /// Items that were taken out of digests.
    pub items: u64,
    /// Fan-outs that would have started more of them, and were cancelled.
    pub fan_outs: u64,
    /// Notifications of theirs that waited, and are cancelled.
    pub notifications: u64,
    /// Notifications of theirs that are under way: a provider has some of them, or may be being asked.
    pub under_way: u64,
}

impl RunsCancelled {
    /// Whether there was anything that is meant.
    #[must_use]
    pub const fn is_anything(&self) -> bool {
        self.meant + self.fan_outs + self.notifications + self.under_way > 0
    }

    /// Whether anything was cancelled.
    #[must_use]
    pub const fn has_ended_any(&self) -> bool {
        self.cancelled + self.items + self.fan_outs + self.notifications > 0
    }
}

/// Whether a run `r` is to be told of still: it waits, or another one carries its item.
macro_rules! is_open {
    () => {
        "(r.status = 'waiting' OR EXISTS (SELECT 1 FROM digest_items i JOIN workflow_runs c ON c.id = i.brought_by
             WHERE i.run_id = r.id AND NOT i.taken_back AND c.status = 'waiting'))"
    };
}
pub(super) use is_open;

statement!(
    /// Ends runs that are held, and takes them out of digests that nobody was told yet.
    EndRuns(
        ids: Vec<Uuid> => Array<SqlUuid>,
        lines: String => Text,
        reason: &'static str => Text,
    ) -> (Int8, Int8) =
        "WITH meant AS (
             SELECT r.id, r.status = 'waiting' AND NOT EXISTS (SELECT 1 FROM digest_items i
                 WHERE i.digest_id = r.digest_id AND i.brought_by = r.id AND i.run_id <> r.id AND NOT i.taken_back)
                 AS ends
             FROM workflow_runs r WHERE r.id = ANY(?)
         ), lines AS (
             SELECT ?::jsonb AS said
         ), taken AS (
             UPDATE digest_items i SET taken_back = true FROM meant m
             WHERE i.run_id = m.id AND NOT i.taken_back
                 AND EXISTS (SELECT 1 FROM workflow_runs c WHERE c.id = i.brought_by AND c.status = 'waiting')
             RETURNING i.run_id
         ), noted AS (
             UPDATE workflow_runs r SET timeline = r.timeline || (SELECT said FROM lines)
             FROM meant m WHERE r.id = m.id AND NOT m.ends AND m.id IN (SELECT run_id FROM taken)
         ), ended AS (
             UPDATE workflow_runs r SET status = 'cancelled', reason = ?, due_at = NULL, finished_at = now(),
                 timeline = r.timeline || (SELECT said FROM lines)
             FROM meant m WHERE r.id = m.id AND m.ends
             RETURNING r.id
         )
         SELECT (SELECT count(*) FROM ended), (SELECT count(*) FROM taken)"
);

/// Ends runs that are held. How many were cancelled, and how many items were taken out of digests.
///
/// # Errors
/// The database's.
pub(super) async fn end(
    connection: &mut AsyncPgConnection,
    ids: Vec<Uuid>,
    reason: RunEnd,
    lines: &str,
) -> Result<(u64, u64), StoreError> {
    if ids.is_empty() {
        return Ok((0, 0));
    }
    let end = EndRuns {
        ids,
        lines: lines.to_owned(),
        reason: reason.as_str(),
    };
    let (cancelled, items): (i64, i64) = end.get_result(connection).await?;
    Ok((cancelled.unsigned_abs(), items.unsigned_abs()))
}

#[derive(QueryableByName)]
struct HeldRun {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct MeantCount {
    #[diesel(sql_type = Int8)]
    meant: i64,
}

/// Cancels runs, and takes what they are about out of digests that nobody was told yet, within the transaction around it.
///
/// # Errors
/// The database's.
pub async fn cancel(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    meant: &RunsMeant,
    lines: &str,
) -> Result<RunsCancelled, StoreError> {
    let fan_outs = fan_outs::end(connection, tenant_id, meant).await?;
    let mut counts = RunsCancelled {
        fan_outs: u64::try_from(fan_outs).unwrap_or(u64::MAX),
        ..RunsCancelled::default()
    };
    counts.meant = count(connection, tenant_id, meant).await?;
    let (mut held, mut after) = (0_u64, Uuid::nil());
    loop {
        let part = hold(connection, tenant_id, meant, after).await?;
        let Some(last) = part.last() else { break };
        after = *last;
        held = held.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        let (cancelled, items) = end(connection, part, RunEnd::CancelledByRequest, lines).await?;
        counts.cancelled = counts.cancelled.saturating_add(cancelled);
        counts.items = counts.items.saturating_add(items);
    }
    counts.ended = counts.meant.saturating_sub(held);
    Ok(counts)
}

/// Runs a statement over the runs `r` that are meant: `$1` is the tenant, `$2` and `$3` are the statement's own.
macro_rules! over_meant {
    ($connection:ident, $meant:ident, $begin:literal $(, $open:expr)?; $($bind:expr),+) => {
        match $meant {
            RunsMeant::Run(id) => over_meant!(@run $connection, concat!($begin, " r.id = $4" $(, " AND ", $open)?),
                ($($bind),+), SqlUuid => id),
            RunsMeant::Event(id) => over_meant!(@run $connection,
                concat!($begin, " r.event_id = $4" $(, " AND ", $open)?), ($($bind),+), SqlUuid => id),
            RunsMeant::Person(id) => over_meant!(@run $connection,
                concat!($begin, " r.user_id = $4 AND r.status = 'waiting'" $(, " AND ", $open)?), ($($bind),+),
                SqlUuid => id),
            RunsMeant::Key(None, key) => over_meant!(@run $connection,
                concat!($begin, " r.key = $4" $(, " AND ", $open)?), ($($bind),+), Text => key),
            RunsMeant::Key(Some(workflow), key) => over_meant!(@run $connection,
                concat!($begin, " r.key = $4 AND r.workflow = $5" $(, " AND ", $open)?), ($($bind),+),
                Text => key, Text => workflow),
        }
    };
    (@run $connection:ident, $text:expr, ($tenant:expr, $after:expr, $most:expr), $($type:ty => $value:expr),+) => {
        diesel::sql_query($text)
            .bind::<SqlUuid, _>($tenant)
            .bind::<SqlUuid, _>($after)
            .bind::<Int8, _>($most)
            $(.bind::<$type, _>($value))+
            .load($connection)
            .await?
    };
}

/// How many runs are meant.
async fn count(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    meant: &RunsMeant,
) -> Result<u64, StoreError> {
    let counted: Vec<MeantCount> = over_meant!(connection, meant,
        "SELECT count(*) AS meant FROM workflow_runs r WHERE r.tenant_id = $1 AND r.id > $2 AND $3::bigint > 0 AND";
        tenant_id, Uuid::nil(), PART);
    let one = counted.into_iter().next();
    Ok(one.map_or(0, |it| it.meant.unsigned_abs()))
}

/// Holds the next part of what is meant and open. By a statement of its own: whoever has just put one into a digest is
/// waited for here, and what they stored is seen by the next statement alone.
async fn hold(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    meant: &RunsMeant,
    after: Uuid,
) -> Result<Vec<Uuid>, StoreError> {
    let held: Vec<HeldRun> = over_meant!(connection, meant,
        "SELECT r.id FROM workflow_runs r WHERE r.tenant_id = $1 AND r.id > $2 AND",
        concat!(is_open!(), " ORDER BY r.id LIMIT $3 FOR UPDATE OF r");
        tenant_id, after, PART);
    Ok(held.into_iter().map(|it| it.id).collect())
}
