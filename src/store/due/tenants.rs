//! Tenants in turn: when more is due in a lane than can be taken, one tenant's rows must not stand
//! before all others'.

use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, Bool, Int2, Int4, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::super::lease::living_runs;
use super::super::statement::statement;
use super::super::{Database, StoreError, form, time};
use super::lenient::Lenient;
use super::row::taken_columns;
use super::text::{is_free, node_died, planned_anew, take_rows, take_statement, with_the_dead};
use super::{Columns, NotificationRow, Taken, Taking, again, count, words};
use crate::domain::Lane;

statement!(
    TakeInTurn(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        most: Vec<i32> => Array<Int4>,
        since: Vec<DateTime<Utc>> => Array<Timestamptz>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
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
        asked: "?, ?, ?, ?, ?, ?) AS asked (channel, priority, most, since, tenant_id, suspects)",
        by: "n.tenant_id = asked.tenant_id AND n.due_at <= ? AND n.due_at >= asked.since",
        in_order_of: "n.due_at",
        suspects: "asked.suspects"
    )
);

/// What is wanted of one tenant in one lane.
#[derive(Debug, Clone, Copy)]
pub struct TenantWanted {
    /// The lane.
    pub lane: Lane,
    /// The tenant.
    pub tenant: Uuid,
    /// Most rows.
    pub most: usize,
    /// As in [`super::Wanted`].
    pub since: Timestamp,
    /// As in [`super::Wanted`]: one of the lane.
    pub suspect: bool,
}

/// As [`super::take`], of these tenants.
///
/// # Errors
/// Those of [`super::take`].
pub async fn take_in_turn(
    database: &Database,
    taking: Taking<'_>,
    now: Timestamp,
    turns: &[TenantWanted],
) -> Result<Taken, StoreError> {
    let (channels, priorities) = words(turns.iter().map(|turn| &turn.lane));
    take_rows!(
        database,
        taking,
        now,
        TakeInTurn {
            channels,
            priorities,
            most: turns.iter().map(|turn| count(turn.most)).collect(),
            since: turns
                .iter()
                .map(|turn| time::to_database(turn.since))
                .collect(),
            tenants: turns.iter().map(|turn| turn.tenant).collect(),
            suspects: turns.iter().map(|it| i32::from(it.suspect)).collect(),
            now: time::to_database(now),
        }
    )
}

// A loose index scan: a step finds the next tenant that has anything waiting, with the earliest time
// of it. Tenants of which nothing is due yet cost a step each, so that there is a limit, and the rest
// comes next time. What has become due lately is found by its time, whosever it is.
statement!(
    DueTenants(
        channel: &'static str => Text,
        priority: &'static str => Text,
        after: Uuid => SqlUuid,
        since: DateTime<Utc> => Timestamptz,
        now: DateTime<Utc> => Timestamptz,
        steps: i32 => Int4,
        moment: DateTime<Utc> => Timestamptz,
        lately: i64 => Int8,
    ) -> (SqlUuid, Bool, Bool) =
    "WITH RECURSIVE asked AS (
         SELECT ? AS channel, ? AS priority, ? AS after, ? AS since, ? AS now, ? AS steps
     ), circle AS (
         SELECT first.*, 1 AS step FROM asked CROSS JOIN LATERAL (
             SELECT n.tenant_id, n.due_at FROM notifications n
             WHERE n.message_type = asked.channel AND n.priority = asked.priority
               AND n.status = 'pending' AND n.tenant_id > asked.after
             ORDER BY n.tenant_id, n.due_at LIMIT 1
         ) first
         UNION ALL
         SELECT next.*, circle.step + 1 FROM circle CROSS JOIN asked CROSS JOIN LATERAL (
             SELECT n.tenant_id, n.due_at FROM notifications n
             WHERE n.message_type = asked.channel AND n.priority = asked.priority
               AND n.status = 'pending' AND n.tenant_id > circle.tenant_id
             ORDER BY n.tenant_id, n.due_at LIMIT 1
         ) next WHERE circle.step < asked.steps
     ), lately AS (
         SELECT DISTINCT late.tenant_id FROM asked CROSS JOIN LATERAL (
             SELECT n.tenant_id FROM notifications n
             WHERE n.message_type = asked.channel AND n.priority = asked.priority
               AND n.status = 'pending' AND n.due_at > asked.since AND n.due_at <= ?
             ORDER BY n.due_at DESC LIMIT ?
         ) late
     )
     SELECT tenant_id, due_at <= asked.now, true FROM circle CROSS JOIN asked
     UNION ALL SELECT tenant_id, true, false FROM lately"
);

/// Of which lane tenants are looked for, and from where on.
#[derive(Debug, Clone, Copy)]
pub struct TenantsOf {
    /// The lane.
    pub lane: Lane,
    /// The last tenant that was looked at before.
    pub after: Uuid,
    /// What has become due since then is found, whosever it is.
    pub since: Timestamp,
}

/// Tenants of a lane of whom something is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTenants {
    /// The tenants.
    pub tenants: Vec<Uuid>,
    /// Where to go on next time; `None` from the start, for all were looked at.
    pub after: Option<Uuid>,
}

/// Tenants looked at in a lane at once.
const STEPS: i32 = 128;
/// Rows looked at that have become due lately.
const LATELY: i64 = 500;

/// Looks for tenants of whom something is due at `now`: among the next ones in their order, and
/// whoever has something that has become due lately.
///
/// # Errors
/// When the database fails.
pub async fn tenants(
    database: &Database,
    of: TenantsOf,
    now: Timestamp,
) -> Result<FoundTenants, StoreError> {
    let moment = time::to_database(now);
    let find = DueTenants {
        channel: of.lane.channel.as_str(),
        priority: of.lane.priority.as_str(),
        after: of.after,
        since: time::to_database(of.since),
        now: moment,
        steps: STEPS,
        moment,
        lately: LATELY,
    };
    let rows: Vec<(Uuid, bool, bool)> = planned_anew!(database, find)?;
    let mut tenants: Vec<Uuid> = rows.iter().filter(|row| row.1).map(|row| row.0).collect();
    tenants.sort_unstable();
    tenants.dedup();
    let circle = || rows.iter().filter(|row| row.2).map(|row| row.0);
    let is_full = i32::try_from(circle().count()).is_ok_and(|count| count >= STEPS);
    let after = circle().max().filter(|_| is_full);
    Ok(FoundTenants { tenants, after })
}

statement!(
    Fronts(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        since: Vec<DateTime<Utc>> => Array<Timestamptz>,
    ) -> (Int8, Nullable<Timestamptz>) =
    "SELECT asked.place, (
         SELECT n.due_at FROM notifications n
         WHERE n.message_type = asked.channel AND n.priority = asked.priority
           AND n.status = 'pending' AND n.due_at >= asked.since
         ORDER BY n.due_at LIMIT 1)
     FROM unnest(?, ?, ?) WITH ORDINALITY AS asked (channel, priority, since, place)"
);

/// Where what waits in a lane begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Front {
    /// The lane.
    pub lane: Lane,
    /// The earliest time at which anything is due, at or after the one that was asked about, whoever
    /// has it in hand; `None` when nothing is.
    pub earliest: Option<Timestamp>,
}

/// The earliest due time in each of these lanes, at or after the one given.
///
/// # Errors
/// When the database fails.
pub async fn fronts(
    database: &Database,
    lanes: &[(Lane, Timestamp)],
) -> Result<Vec<Front>, StoreError> {
    let (channels, priorities) = words(lanes.iter().map(|(lane, _)| lane));
    let fronts = Fronts {
        channels,
        priorities,
        since: lanes
            .iter()
            .map(|(_, since)| time::to_database(*since))
            .collect(),
    };
    type Row = (i64, Option<Lenient<DateTime<Utc>>>);
    let rows: Vec<Row> = planned_anew!(database, fronts)?;
    let front = |(place, earliest): Row| {
        let at = usize::try_from(place - 1).ok()?;
        let (lane, _) = *lanes.get(at)?;
        // PostgreSQL reaches further than the client: what is read as no time lies beyond all others.
        let moment = |at: Lenient<DateTime<Utc>>| match at.of("due_at") {
            Ok(at) => time::from_database(at),
            Err(_) => Timestamp::MAX,
        };
        let earliest = earliest.map(moment);
        Some(Front { lane, earliest })
    };
    Ok(rows.into_iter().filter_map(front).collect())
}
