//! What waits for somebody's clock, when that clock, or what they want of it, has changed: it is due
//! now, and decided on anew. So it is let go by the new window, whether that ends earlier or later.
//!
//! A change is a row that its own transaction writes (the migration `wish_changes`). It is looked at
//! three times: at once, for all that waits; then for what was decided just before, without knowing of
//! the change, and stored just after.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Int8, Timestamptz, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::statement::statement;
use super::super::{Database, StoreError, time};
use super::refusing_wishes::{
    RefusingWishes, WaitingOfPeople, WaitingOfTenant, WaitingRow, refusing,
};
use super::text::planned_anew;

/// Changes of people that one statement takes.
const PEOPLE: i64 = 500;
/// Rows that one statement lets go of for a tenant.
const ROWS: i64 = 2_000;

statement!(
    Anything(now: DateTime<Utc> => Timestamptz) -> Bool =
    "SELECT EXISTS (SELECT FROM wish_changes WHERE look_at <= ?)"
);

// Whoever has a row that refuses to be let go of: their change is looked at once more, in a minute.
macro_rules! once_more {
    () => {
        "INSERT INTO wish_changes (tenant_id, user_id, seen_at, look_at, looks)
         SELECT DISTINCT whose.tenant_id, whose.user_id, moment.now, moment.now + interval '1 minute', 2
         FROM (SELECT ?::timestamptz AS now) moment, unnest(?, ?) AS whose (tenant_id, user_id)"
    };
}

// A row waits since the last line of its timeline. What is decided two seconds after the change was
// seen, by whatever node, knows of it; what had waited to be decided on, ten seconds after it.
macro_rules! still_waits {
    () => {
        "n.status = 'pending' AND n.reason IN ('quiet_hours', 'frequency_cap') AND n.owner IS NULL \
         AND CASE WHEN n.id = ANY (seen.refusing) THEN false \
             ELSE coalesce((n.attempts -> -1 ->> 'at')::timestamptz, '-infinity') \
                 < seen.seen_at + CASE seen.looks WHEN 2 THEN interval '10 seconds' \
                                                  ELSE interval '2 seconds' END END"
    };
}

// Looked at again after three seconds, and after a minute.
macro_rules! looked {
    () => {
        "looks = w.looks + 1, seen_at = seen.seen_at, after_user = NULL, after_id = NULL, \
         look_at = seen.now + CASE w.looks WHEN 0 THEN interval '3 seconds' ELSE interval '1 minute' END"
    };
}

statement!(
    OfPeople(
        now: DateTime<Utc> => Timestamptz,
        refusing: Vec<Uuid> => Array<SqlUuid>,
        most: i64 => Int8,
        moment: DateTime<Utc> => Timestamptz,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        users: Vec<Uuid> => Array<SqlUuid>,
    ) -> (Int8, Int8) = concat!(
    "WITH seen AS MATERIALIZED (
         SELECT w.id, w.tenant_id, w.user_id, w.looks, coalesce(w.seen_at, moment.now) AS seen_at,
                moment.now, moment.refusing
         FROM (SELECT ?::timestamptz AS now, ?::uuid[] AS refusing) moment
         CROSS JOIN LATERAL (SELECT * FROM wish_changes c
             WHERE c.look_at <= moment.now AND c.user_id IS NOT NULL
             ORDER BY c.look_at LIMIT ? FOR UPDATE SKIP LOCKED) w
     ), found AS MATERIALIZED (
         SELECT DISTINCT n.id, seen.now FROM seen CROSS JOIN LATERAL (
             SELECT n.id FROM notifications n
             WHERE n.tenant_id = seen.tenant_id AND n.user_id = seen.user_id
               AND n.due_at > seen.now AND ", still_waits!(), "
             FOR UPDATE SKIP LOCKED) n
     ), let_go AS (
         UPDATE notifications n SET due_at = found.now FROM found WHERE n.id = found.id
         RETURNING n.id
     ), over AS (
         DELETE FROM wish_changes w USING seen WHERE w.id = seen.id AND seen.looks >= 2
     ), again AS (
         UPDATE wish_changes w SET ", looked!(), " FROM seen WHERE w.id = seen.id AND seen.looks < 2
     ), once_more AS (
         ", once_more!(), "
     )
     SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM let_go)")
);

// One tenant at a time, so many of its rows at a time, in the order of people and ids. Each is looked up by its id,
// whatever the planner knows of the table: joined, it may compare every row that waits with every one passed.
statement!(
    OfTenant(
        now: DateTime<Utc> => Timestamptz,
        most: i64 => Int8,
        refusing: Vec<Uuid> => Array<SqlUuid>,
        moment: DateTime<Utc> => Timestamptz,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        users: Vec<Uuid> => Array<SqlUuid>,
    ) -> (Int8, Int8) = concat!(
    "WITH seen AS MATERIALIZED (
         SELECT w.id, w.tenant_id, w.looks, w.after_user, w.after_id,
                coalesce(w.seen_at, moment.now) AS seen_at, moment.now, moment.most, moment.refusing
         FROM (SELECT ?::timestamptz AS now, ?::bigint AS most, ?::uuid[] AS refusing) moment
         CROSS JOIN LATERAL (SELECT * FROM wish_changes c
             WHERE c.look_at <= moment.now AND c.user_id IS NULL
             ORDER BY c.look_at LIMIT 1 FOR UPDATE SKIP LOCKED) w
     ), passed AS MATERIALIZED (
         SELECT n.* FROM seen CROSS JOIN LATERAL (
             SELECT n.id, n.user_id FROM notifications n
             WHERE n.tenant_id = seen.tenant_id
               AND n.status = 'pending' AND n.reason IN ('quiet_hours', 'frequency_cap')
               AND (n.user_id, n.id) > (coalesce(seen.after_user, '00000000-0000-0000-0000-000000000000'),
                                        coalesce(seen.after_id, '00000000-0000-0000-0000-000000000000'))
             ORDER BY n.user_id, n.id LIMIT seen.most) n
     ), found AS MATERIALIZED (
         SELECT n.id, seen.now FROM seen CROSS JOIN passed CROSS JOIN LATERAL (
             SELECT n.id FROM notifications n
             WHERE n.id = passed.id AND n.due_at > seen.now AND ", still_waits!(), "
             FOR UPDATE SKIP LOCKED) n
     ), let_go AS (
         UPDATE notifications n SET due_at = found.now FROM found WHERE n.id = found.id
         RETURNING n.id
     ), last AS (
         SELECT user_id, id, (SELECT count(*) FROM passed) AS many FROM passed
         ORDER BY user_id DESC, id DESC LIMIT 1
     ), onwards AS (
         UPDATE wish_changes w SET seen_at = seen.seen_at, after_user = last.user_id, after_id = last.id
         FROM seen CROSS JOIN last WHERE w.id = seen.id AND last.many >= seen.most
     ), over AS (
         DELETE FROM wish_changes w USING seen WHERE w.id = seen.id AND seen.looks >= 2
           AND (SELECT count(*) FROM passed) < seen.most
     ), again AS (
         UPDATE wish_changes w SET ", looked!(), " FROM seen WHERE w.id = seen.id AND seen.looks < 2
           AND (SELECT count(*) FROM passed) < seen.most
     ), once_more AS (
         ", once_more!(), "
     )
     SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM let_go)")
);

/// Lets go of all. When that fails for what may be one row's sake, those that refuse are found first, and left.
macro_rules! all_but_the_refusing {
    ($database:expr, $now:expr, $Waiting:ident { most: $most:expr }, $LetGo:ident) => {{
        let (database, now) = ($database, $now);
        let let_go = async |refusing: &RefusingWishes| -> Result<Vec<(i64, i64)>, StoreError> {
            let let_go = $LetGo {
                now,
                most: $most,
                refusing: refusing.rows.clone(),
                moment: now,
                tenants: refusing.tenants.clone(),
                users: refusing.users.clone(),
            };
            planned_anew!(database, let_go)
        };
        match let_go(&RefusingWishes::default()).await {
            Err(error) if error.may_be_of_what_is_read() => {
                let waiting = $Waiting { now, most: $most };
                let waiting: Vec<WaitingRow> = planned_anew!(database, waiting)?;
                let refusing = refusing(database, now, &waiting, &error).await?;
                let_go(&refusing).await
            }
            done => done,
        }
    }};
}

/// Makes due what waits by a clock or a preference that has changed, a part of it at a time; returns how many
/// rows, or `None` when there was no change to look at.
///
/// # Errors
/// When the database fails; the change is looked at again.
pub async fn requeue_changed_preferences(
    database: &Database,
    now: Timestamp,
) -> Result<Option<u64>, StoreError> {
    let now = time::to_database(now);
    let anything: bool = {
        let mut connection = database.get().await?;
        Anything { now }.get_result(&mut *connection).await?
    };
    if !anything {
        return Ok(None);
    }
    let of_people =
        all_but_the_refusing!(database, now, WaitingOfPeople { most: PEOPLE }, OfPeople)?;
    let of_tenant = all_but_the_refusing!(database, now, WaitingOfTenant { most: ROWS }, OfTenant)?;
    let both = || of_people.iter().chain(&of_tenant);
    // Another node is just looking at it.
    if both().all(|(seen, _)| *seen == 0) {
        return Ok(None);
    }
    let let_go: i64 = both().map(|(_, let_go)| *let_go).sum();
    Ok(Some(u64::try_from(let_go).unwrap_or(0)))
}
