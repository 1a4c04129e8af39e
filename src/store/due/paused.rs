//! What waits for a provider: the one that is tried while all are tripped, and the rest once one
//! is back.

use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Double, Int2, Int4, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use jiff::Timestamp;
use serde_json::Value;

use super::super::lease::{RunId, living_runs};
use super::super::statement::statement;
use super::super::{Database, StoreError, form, time};
use super::{Row, Taken, columns, node_died, with_the_dead, words};
use crate::domain::{Channel, Lane};

// One index scan a lane. Each locks the row that it finds; those that are not picked are free again
// with the commit.
statement!(
    Probe(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        until: DateTime<Utc> => Timestamptz,
        format: i16 => Int2,
        now: DateTime<Utc> => Timestamptz,
        run: i32 => Int4,
        heir: i32 => Int4,
        died: Value => Jsonb,
    ) -> (
        SqlUuid, SqlUuid, Nullable<SqlUuid>, Text, Text, Text, Nullable<Text>, Jsonb, Int4, Int4,
        Timestamptz, Nullable<Timestamptz>, Nullable<Timestamptz>, Jsonb, Nullable<Text>,
        Nullable<Text>, Nullable<Jsonb>
    ) = concat!(
    "WITH asked AS (
         SELECT * FROM unnest(?, ?) WITH ORDINALITY AS asked (channel, priority, place)
     ), living AS MATERIALIZED (
         SELECT coalesce(array_agg(run), '{}') AS runs FROM ", living_runs!(), " AS alive (run)
     ), picked AS MATERIALIZED (
         SELECT due.id, due.owner FROM asked CROSS JOIN LATERAL (
             SELECT n.id, n.owner FROM notifications n
             WHERE n.message_type = asked.channel AND n.priority = asked.priority
               AND n.status = 'pending' AND n.due_at <= ? AND n.format <= ?
               AND (n.due_at <= ? OR n.reason = 'waiting_for_provider')
               AND (n.owner IS NULL OR (n.owner <> ? AND n.owner <> ALL (SELECT unnest(runs) FROM living)))
             ORDER BY n.due_at LIMIT 1 FOR UPDATE SKIP LOCKED
         ) due
         ORDER BY asked.place LIMIT 1
     )
     UPDATE notifications n SET owner = ?, attempts = ", with_the_dead!("n.attempts", "picked.owner"), "
     FROM picked
     WHERE n.id = picked.id AND n.status = 'pending'
     RETURNING n.id, n.tenant_id, n.user_id, n.idempotency_key, n.message_type, n.priority,
               n.category, n.payload, n.attempt_count, n.max_retries, n.created_at, n.send_at,
               n.expires_at, n.attempts, n.source_type, n.source_id, n.metadata")
);

/// Takes the one notification with which a paused channel is probed: of the first of these lanes
/// that has any, the longest due. What waits for a provider counts as due when it is so by
/// `until`.
///
/// # Errors
/// Those of [`super::take`].
pub async fn probe(
    database: &Database,
    run: RunId,
    now: Timestamp,
    until: Timestamp,
    lanes: &[Lane],
) -> Result<Taken, StoreError> {
    let (channels, priorities) = words(lanes);
    let probe = Probe {
        channels,
        priorities,
        until: time::to_database(until),
        format: form::format(),
        now: time::to_database(now),
        run: run.0,
        heir: run.0,
        died: node_died(now),
    };
    let rows: Vec<Row> = database
        .transaction(async |connection| {
            connection
                .batch_execute("SET LOCAL plan_cache_mode = force_custom_plan")
                .await?;
            Ok(probe.load(connection).await?)
        })
        .await?;
    Ok(Taken::of(rows))
}

// What is pinned to one account comes in its own time: it may wait for another than the one that
// is back.
statement!(
    Wake(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        most: Vec<i32> => Array<Int4>,
        now: DateTime<Utc> => Timestamptz,
        until: DateTime<Utc> => Timestamptz,
        due: DateTime<Utc> => Timestamptz,
    ) -> BigInt =
    "WITH asked AS (
         SELECT * FROM unnest(?, ?, ?) AS asked (channel, priority, most)
     ), picked AS MATERIALIZED (
         SELECT waiting.id FROM asked CROSS JOIN LATERAL (
             SELECT n.id FROM notifications n
             WHERE n.message_type = asked.channel AND n.priority = asked.priority
               AND n.status = 'pending' AND n.reason = 'waiting_for_provider'
               AND n.due_at > ? AND n.due_at <= ? AND n.owner IS NULL
               AND n.payload ->> 'provider' IS NULL
             ORDER BY n.due_at LIMIT asked.most FOR UPDATE SKIP LOCKED
         ) waiting
     ), woken AS (
         UPDATE notifications n SET due_at = ? FROM picked
         WHERE n.id = picked.id AND n.status = 'pending' RETURNING n.id
     )
     SELECT count(*) FROM woken"
);

/// Makes what waits for a provider due at once: at most so many of each lane, the longest waiting
/// first, of those that would be due by `until`. Says how many.
///
/// # Errors
/// When the database fails; what was woken then is only early.
pub async fn wake(
    database: &Database,
    now: Timestamp,
    until: Timestamp,
    lanes: &[(Lane, usize)],
) -> Result<usize, StoreError> {
    let (channels, priorities, most) = columns(lanes);
    let wake = Wake {
        channels,
        priorities,
        most,
        now: time::to_database(now),
        until: time::to_database(until),
        due: time::to_database(now),
    };
    let woken: i64 = database
        .transaction(async |connection| {
            connection
                .batch_execute("SET LOCAL plan_cache_mode = force_custom_plan")
                .await?;
            Ok(wake.get_result(connection).await?)
        })
        .await?;
    Ok(usize::try_from(woken).unwrap_or(0))
}

statement!(
    Hasten(
        now: DateTime<Utc> => Timestamptz,
        factor: f64 => Double,
        channel: &'static str => Text,
        soon: DateTime<Utc> => Timestamptz,
    ) -> BigInt =
    "WITH at AS (SELECT ?::timestamptz AS now, ?::double precision AS factor), hastened AS (
         UPDATE notifications n SET due_at = at.now + (n.due_at - at.now) * at.factor FROM at
         WHERE n.message_type = ? AND n.status = 'pending' AND n.reason = 'waiting_for_provider'
           AND n.due_at > ? AND n.owner IS NULL
         RETURNING 1
     )
     SELECT count(*) FROM hastened"
);

/// Brings what waits for a provider nearer by a factor below one, as far as it is due after `soon`:
/// it was put off by a rate that has been raised since. Says how many that were.
///
/// # Errors
/// When the database fails: nothing is hastened.
pub async fn hasten(
    database: &Database,
    channel: Channel,
    factor: f64,
    now: Timestamp,
    soon: Timestamp,
) -> Result<usize, StoreError> {
    let hasten = Hasten {
        now: time::to_database(now),
        factor: factor.clamp(0.0, 1.0),
        channel: channel.as_str(),
        soon: time::to_database(soon),
    };
    let counts: Vec<i64> = hasten.load(&mut *database.get().await?).await?;
    let count = counts.into_iter().next().unwrap_or(0);
    Ok(usize::try_from(count).unwrap_or(0))
}
