//! Rows that cannot be taken: PostgreSQL refuses to change or to read them. One of them fails every take
//! that comes by.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int2, Int4, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::lease::living_runs;
use super::super::parts::Parts;
use super::super::statement::statement;
use super::super::{Database, StoreError, form, time};
use super::text::{is_free, planned_anew};
use super::{Taking, WaitsFor, count, words};
use crate::domain::Lane;

// What a take of what is due would find, without its lock.
statement!(
    Due(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        tenants: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        most: Vec<i32> => Array<Int4>,
        since: Vec<DateTime<Utc>> => Array<Timestamptz>,
        now: DateTime<Utc> => Timestamptz,
        format: i16 => Int2,
        run: i32 => Int4,
        refusing: Vec<Uuid> => Array<SqlUuid>,
    ) -> SqlUuid = concat!(
    "WITH asked AS (
         SELECT * FROM unnest(?, ?, ?, ?, ?) AS asked (channel, priority, tenant_id, most, since)
     ), living AS MATERIALIZED (
         SELECT coalesce(array_agg(run), '{}') AS runs FROM ", living_runs!(), " AS alive (run)
     )
     SELECT due.id FROM asked CROSS JOIN LATERAL (
         SELECT n.id FROM notifications n
         WHERE n.message_type = asked.channel AND n.priority = asked.priority
           AND n.status = 'pending' AND n.due_at <= ? AND n.due_at >= asked.since
           AND (asked.tenant_id IS NULL OR n.tenant_id = asked.tenant_id) AND n.format <= ?
           AND ", is_free!(), "
         ORDER BY n.due_at LIMIT asked.most
     ) due")
);

// The same of what waits for an account.
statement!(
    Waiting(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        tenants: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        most: Vec<i32> => Array<Int4>,
        names: Vec<String> => Array<Text>,
        after: Vec<Uuid> => Array<SqlUuid>,
        format: i16 => Int2,
        run: i32 => Int4,
        refusing: Vec<Uuid> => Array<SqlUuid>,
    ) -> SqlUuid = concat!(
    "WITH asked AS (
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?)
             AS asked (channel, priority, tenant_id, most, name, after)
     ), living AS MATERIALIZED (
         SELECT coalesce(array_agg(run), '{}') AS runs FROM ", living_runs!(), " AS alive (run)
     )
     SELECT waits.id FROM asked CROSS JOIN LATERAL (
         SELECT n.id FROM notifications n
         WHERE n.message_type = asked.channel AND n.priority = asked.priority
           AND n.status = 'pending' AND n.waits_for = asked.name AND n.waits_for IS NOT NULL
           AND n.due_at IS NOT NULL AND n.id > asked.after
           AND (asked.tenant_id IS NULL OR n.tenant_id = asked.tenant_id) AND n.format <= ?
           AND ", is_free!(), "
         ORDER BY n.tenant_id, n.id LIMIT asked.most
     ) waits")
);

// All that a take does with its rows: locks, changes and reads them. Those that somebody else holds are
// not waited for.
statement!(
    TryOut(ids: Vec<Uuid> => Array<SqlUuid>, run: i32 => Int4) -> Int8 =
    "WITH free AS MATERIALIZED (
         SELECT id FROM notifications WHERE id = ANY(?) AND status = 'pending' FOR UPDATE SKIP LOCKED
     ), taken AS (
         UPDATE notifications n SET owner = ?, takes = least(n.takes, 1000) + 1 FROM free
         WHERE n.id = free.id
         RETURNING length(n.payload::text || n.attempts::text || coalesce(n.metadata::text, '')) AS size
     )
     SELECT coalesce(sum(size), 0)::bigint FROM taken"
);

/// What a take wanted that failed.
#[derive(Debug, Clone)]
pub struct Wanting {
    /// The lane.
    pub lane: Lane,
    /// Of this tenant alone.
    pub tenant: Option<Uuid>,
    /// Most rows.
    pub most: usize,
    /// Among which.
    pub among: Among,
}

/// Among which rows a take looks.
#[derive(Debug, Clone)]
pub enum Among {
    /// What is due, since then at the earliest.
    Due(Timestamp),
    /// What waits for this, after that row.
    Waiting(WaitsFor, Uuid),
}

/// A row that cannot be taken, and why.
pub type UntakeableRow = (Uuid, StoreError);

/// Finds the rows for which a take fails. Nothing is changed.
///
/// # Errors
/// When the database fails, or refuses more than single rows.
pub async fn refusing(
    database: &Database,
    taking: Taking<'_>,
    now: Timestamp,
    wanted: &[Wanting],
) -> Result<Vec<UntakeableRow>, StoreError> {
    let mut ids = due(database, taking, now, wanted).await?;
    ids.extend(waiting(database, taking, wanted).await?);
    let mut parts = Parts::of(&ids);
    while let Some(part) = parts.next() {
        let try_out = TryOut {
            ids: part.to_vec(),
            run: taking.run.0,
        };
        let tried = database.rehearse(async |connection| {
            let _: i64 = try_out.get_result(connection).await?;
            Ok(())
        });
        if let Err(error) = tried.await {
            parts.refused(part, error)?;
        }
    }
    let refused = parts.into_refused().into_iter();
    Ok(refused.map(|(id, error)| (*id, error)).collect())
}

async fn due(
    database: &Database,
    taking: Taking<'_>,
    now: Timestamp,
    wanted: &[Wanting],
) -> Result<Vec<Uuid>, StoreError> {
    let due = wanted.iter().filter_map(|it| match it.among {
        Among::Due(since) => Some((it, time::to_database(since))),
        Among::Waiting(..) => None,
    });
    let (of, since): (Vec<&Wanting>, Vec<_>) = due.unzip();
    let (channels, priorities) = words(of.iter().map(|it| &it.lane));
    let due = Due {
        channels,
        priorities,
        tenants: of.iter().map(|it| it.tenant).collect(),
        most: of.iter().map(|it| count(it.most)).collect(),
        since,
        now: time::to_database(now),
        format: form::format(),
        run: taking.run.0,
        refusing: taking.refusing.to_vec(),
    };
    planned_anew!(database, due)
}

async fn waiting(
    database: &Database,
    taking: Taking<'_>,
    wanted: &[Wanting],
) -> Result<Vec<Uuid>, StoreError> {
    let waiting = wanted.iter().filter_map(|it| match &it.among {
        Among::Waiting(name, after) => Some((it, (name.to_string(), *after))),
        Among::Due(_) => None,
    });
    let (of, whom): (Vec<&Wanting>, Vec<(String, Uuid)>) = waiting.unzip();
    let (channels, priorities) = words(of.iter().map(|it| &it.lane));
    let (names, after) = whom.into_iter().unzip();
    let waiting = Waiting {
        channels,
        priorities,
        tenants: of.iter().map(|it| it.tenant).collect(),
        most: of.iter().map(|it| count(it.most)).collect(),
        names,
        after,
        format: form::format(),
        run: taking.run.0,
        refusing: taking.refusing.to_vec(),
    };
    planned_anew!(database, waiting)
}
