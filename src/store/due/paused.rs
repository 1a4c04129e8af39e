//! Of a channel whose every account is tripped: the one notification with which one is tried.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int2, Int4, Int8, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::super::lease::living_runs;
use super::super::statement::statement;
use super::super::{Database, StoreError, form, time};
use super::row::taken_columns;
use super::text::{is_free, node_died, planned_anew, with_the_dead};
use super::{Columns, NotificationRow, Taken, Taking, words};
use crate::domain::{Lane, WaitsFor};

// An index scan a lane for what is due, and one for each name that is waited for, however far off its
// time. Each locks the row that it finds; those that are not picked are free again with the commit.
statement!(
    Probe(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        now: DateTime<Utc> => Timestamptz,
        format: i16 => Int2,
        run: i32 => Int4,
        refusing: Vec<Uuid> => Array<SqlUuid>,
        names: Vec<String> => Array<Text>,
        format_again: i16 => Int2,
        run_again: i32 => Int4,
        refusing_again: Vec<Uuid> => Array<SqlUuid>,
        heir: i32 => Int4,
        died: Value => Jsonb,
        take: i64 => Int8,
    ) -> Columns = concat!(
    "WITH asked AS (
         SELECT * FROM unnest(?, ?) WITH ORDINALITY AS asked (channel, priority, place)
     ), living AS MATERIALIZED (
         SELECT coalesce(array_agg(run), '{}') AS runs FROM ", living_runs!(), " AS alive (run)
     ), due AS MATERIALIZED (
         SELECT asked.place, 0::bigint AS nth, due.* FROM asked CROSS JOIN LATERAL (
             SELECT n.id, n.owner, n.takes FROM notifications n
             WHERE n.message_type = asked.channel AND n.priority = asked.priority
               AND n.status = 'pending' AND n.due_at <= ? AND n.takes < 5
               AND n.format <= ?
               AND ", is_free!(), "
             ORDER BY n.due_at LIMIT 1 FOR UPDATE SKIP LOCKED
         ) due
     ), waiting AS MATERIALIZED (
         SELECT asked.place, named.nth, due.* FROM asked
         CROSS JOIN unnest(?) WITH ORDINALITY AS named (name, nth) CROSS JOIN LATERAL (
             SELECT n.id, n.owner, n.takes FROM notifications n
             WHERE n.message_type = asked.channel AND n.priority = asked.priority
               AND n.status = 'pending' AND n.waits_for = named.name AND n.waits_for IS NOT NULL
               AND n.due_at IS NOT NULL AND n.takes < 5
               AND n.format <= ?
               AND ", is_free!(), "
             ORDER BY n.tenant_id, n.id LIMIT 1 FOR UPDATE SKIP LOCKED
         ) due
     ), picked AS MATERIALIZED (
         SELECT id, owner, takes FROM (
             SELECT * FROM due UNION ALL SELECT * FROM waiting
         ) AS either ORDER BY place, nth LIMIT 1
     )
     UPDATE notifications n SET owner = ?, attempts = ", with_the_dead!(), ", take = ?, takes = n.takes + 1
     FROM picked
     WHERE n.id = picked.id AND n.status = 'pending'
     RETURNING ", taken_columns!())
);

/// Takes the one notification with which a paused channel is probed: of the first of these lanes
/// that has any, the longest due, else one that waits for the first of these that anything waits for. Never
/// a suspect: a probe is to tell something.
///
/// # Errors
/// Those of [`super::take`].
pub async fn probe(
    database: &Database,
    taking: Taking<'_>,
    now: Timestamp,
    lanes: &[Lane],
    waits_for: &[WaitsFor],
) -> Result<Taken, StoreError> {
    let (channels, priorities) = words(lanes);
    let probe = Probe {
        channels,
        priorities,
        now: time::to_database(now),
        format: form::format(),
        run: taking.run.0,
        refusing: taking.refusing.to_vec(),
        names: waits_for.iter().map(ToString::to_string).collect(),
        format_again: form::format(),
        run_again: taking.run.0,
        refusing_again: taking.refusing.to_vec(),
        heir: taking.run.0,
        died: node_died(now),
        take: taking.take.0,
    };
    let rows: Vec<NotificationRow> = planned_anew!(database, probe)?;
    Ok(Taken::of(rows))
}
