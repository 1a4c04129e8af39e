//! Rows that refuse to be let go of when a clock or a preference has changed: PostgreSQL refuses to change them,
//! or nobody can read since when they wait. They wait for what they waited for; nobody else does.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int8, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::super::locks::Halves;
use super::super::statement::statement;
use super::super::{Database, StoreError};

/// Rows tried at once: of so many, halves find one that refuses before they give up.
const TRIED: usize = 2_000;
/// Rows that are told of by their ids, each time.
const TOLD: usize = 10;

// What waits and may be let go of, without a look at since when.
statement!(
    WaitingOfPeople(now: DateTime<Utc> => Timestamptz, most: i64 => Int8) -> (SqlUuid, SqlUuid, SqlUuid) =
    "SELECT DISTINCT n.id, n.tenant_id, n.user_id
     FROM (SELECT ?::timestamptz AS now) moment
     CROSS JOIN LATERAL (SELECT * FROM wish_changes c
         WHERE c.look_at <= moment.now AND c.user_id IS NOT NULL ORDER BY c.look_at LIMIT ?) w
     JOIN notifications n ON n.tenant_id = w.tenant_id AND n.user_id = w.user_id
     WHERE n.due_at > moment.now AND n.status = 'pending'
       AND n.reason IN ('quiet_hours', 'frequency_cap') AND n.owner IS NULL"
);
statement!(
    WaitingOfTenant(now: DateTime<Utc> => Timestamptz, most: i64 => Int8) -> (SqlUuid, SqlUuid, SqlUuid) =
    "SELECT n.id, n.tenant_id, n.user_id
     FROM (SELECT ?::timestamptz AS now, ?::bigint AS most) moment
     CROSS JOIN LATERAL (SELECT * FROM wish_changes c
         WHERE c.look_at <= moment.now AND c.user_id IS NULL ORDER BY c.look_at LIMIT 1) w
     CROSS JOIN LATERAL (SELECT n.id, n.tenant_id, n.user_id FROM notifications n
         WHERE n.tenant_id = w.tenant_id
           AND n.status = 'pending' AND n.reason IN ('quiet_hours', 'frequency_cap')
           AND (n.user_id, n.id) > (coalesce(w.after_user, '00000000-0000-0000-0000-000000000000'),
                                    coalesce(w.after_id, '00000000-0000-0000-0000-000000000000'))
         ORDER BY n.user_id, n.id LIMIT moment.most) n"
);
// All that is done with such rows. What somebody else holds is not waited for.
statement!(
    TryOut(
        now: DateTime<Utc> => Timestamptz,
        ids: Vec<Uuid> => Array<SqlUuid>,
    ) -> Int8 =
    "WITH waits AS MATERIALIZED (
         SELECT n.id, moment.now FROM (SELECT ?::timestamptz AS now) moment CROSS JOIN notifications n
         WHERE n.id = ANY(?) AND n.status = 'pending' AND n.owner IS NULL AND n.due_at > moment.now
           AND coalesce((n.attempts -> -1 ->> 'at')::timestamptz, '-infinity') >= '-infinity'
         FOR UPDATE OF n SKIP LOCKED
     ), let_go AS (
         UPDATE notifications n SET due_at = waits.now FROM waits WHERE n.id = waits.id RETURNING n.id
     )
     SELECT count(*) FROM let_go"
);

/// A row that waits: its id, its tenant's and its person's.
pub(super) type WaitingRow = (Uuid, Uuid, Uuid);

/// Rows that refuse, and whose they are.
#[derive(Debug, Default)]
pub(super) struct RefusingWishes {
    pub(super) rows: Vec<Uuid>,
    pub(super) tenants: Vec<Uuid>,
    pub(super) users: Vec<Uuid>,
}

/// Finds those that refuse among what waits, and tells of them. Nothing is changed.
///
/// # Errors
/// The database fails, or refuses what is no row's fault: `failure`, then.
pub(super) async fn refusing(
    database: &Database,
    now: DateTime<Utc>,
    waiting: &[WaitingRow],
    failure: &StoreError,
) -> Result<RefusingWishes, StoreError> {
    // What fails for nobody fails for everybody.
    try_out(database, now, &[]).await?;
    let mut refusing = RefusingWishes::default();
    for tried in waiting.chunks(TRIED) {
        let mut halves = Halves::of(tried);
        while let Some(part) = halves.pop() {
            match try_out(database, now, part).await {
                Ok(()) => halves.done(),
                Err(error) if error.may_be_of_what_is_read() => halves.failed(part, error),
                Err(error) => return Err(error),
            }
        }
        for (id, tenant_id, user_id) in halves.into_left().0 {
            refusing.rows.push(*id);
            refusing.tenants.push(*tenant_id);
            refusing.users.push(*user_id);
        }
    }
    if refusing.rows.is_empty() {
        return Err(failure.clone());
    }
    refusing.tell(failure);
    Ok(refusing)
}

async fn try_out(
    database: &Database,
    now: DateTime<Utc>,
    rows: &[WaitingRow],
) -> Result<(), StoreError> {
    let try_out = TryOut {
        now,
        ids: rows.iter().map(|(id, ..)| *id).collect(),
    };
    let tried = database.rehearse(async |connection| {
        let _: i64 = try_out.get_result(connection).await?;
        Ok(())
    });
    tried.await
}

impl RefusingWishes {
    fn tell(&self, failure: &StoreError) {
        let (sqlstate, why) = (failure.code(), failure.without_data());
        for notification_id in self.rows.iter().take(TOLD) {
            tracing::error!(%notification_id, %sqlstate, why, "a notification cannot be changed in PostgreSQL, so that a changed preference does not hold for it yet: it stays due when it was, and is tried again in a minute; see what refuses it (a trigger, a CHECK, the last line of its attempts)");
        }
        let more = self.rows.len().saturating_sub(TOLD);
        if more > 0 {
            tracing::error!(
                more,
                "notifications like these, that cannot be changed either"
            );
        }
    }
}
