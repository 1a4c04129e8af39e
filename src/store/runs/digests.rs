//! Digests: opened by the first who joins, closed once.

pub mod closing;
pub mod open;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, Bool, Int4, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::domain::limits;
use crate::store::statement::statement;
use crate::store::{StoreError, time};

/// Who joins which digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestJoin {
    /// The id of the digest, if it is opened.
    pub new_id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The workflow's name.
    pub workflow: String,
    /// Which digest of the workflow.
    pub slot: String,
    /// The person.
    pub user_id: Uuid,
    /// What it is about.
    pub key: String,
    /// The run.
    pub run_id: Uuid,
    /// The run's event.
    pub event_id: Uuid,
    /// The digest that the run carries, whose items all join.
    pub carried: Option<Uuid>,
    /// When it closes if it is opened now.
    pub closes_at: Timestamp,
    /// When it closes at the latest.
    pub closes_by: Timestamp,
    /// Whether each item moves the end.
    pub is_sliding: bool,
    /// It closes when so many have come.
    pub most: Option<u32>,
    /// Whether the first goes on at once.
    pub first_at_once: bool,
}

/// The digest that was joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinedDigest {
    /// Its id. Of a run that goes on at once that of a digest of its own, which is closed.
    pub id: Uuid,
    /// Whether the run goes on at once.
    pub goes_on: bool,
    /// Whether it is full, and due.
    pub is_full: bool,
}

// What was taken back does not fill a digest: where that may be so, what is left is counted. As many as a digest may ever
// have close it all the same.
statement!(
    /// Joins the open digest, or opens it.
    Join(
        id: Uuid => SqlUuid,
        tenant_id: Uuid => SqlUuid,
        workflow: String => Text,
        slot: String => Text,
        user_id: Uuid => SqlUuid,
        key: String => Text,
        came: i32 => Int4,
        opened_with: i32 => Int4,
        closes_at: DateTime<Utc> => Timestamptz,
        closes_by: DateTime<Utc> => Timestamptz,
        most: i32 => Int4,
        cap: i32 => Int4,
        is_sliding: bool => Bool,
    ) -> (SqlUuid, Int4, Bool) =
        "WITH asked AS (
             SELECT * FROM (SELECT ?::uuid, ?::uuid, ?::text, ?::text, ?::uuid, ?::text, ?::int, ?::int,
                 ?::timestamptz, ?::timestamptz, ?::int, ?::int, ?::boolean)
             AS asked (id, tenant_id, workflow, slot, user_id, key, came, opened_with, closes_at, closes_by, most,
                 cap, is_sliding)
         )
         INSERT INTO digests AS d (id, tenant_id, workflow, slot, user_id, key, came, opened_at, closes_at, closes_by)
         SELECT id, tenant_id, workflow, slot, user_id, key, opened_with, now(),
             CASE WHEN most > 0 AND opened_with >= most THEN now() ELSE closes_at END, closes_by
         FROM asked
         ON CONFLICT (tenant_id, workflow, slot, user_id, key) WHERE closed_at IS NULL DO UPDATE SET
             came = d.came + (SELECT came FROM asked),
             closes_at = CASE
                 WHEN (SELECT CASE
                     WHEN d.came + came >= cap THEN true
                     WHEN most > 0 AND d.came + came >= most THEN came + (
                         SELECT count(*) FROM digest_items i WHERE i.digest_id = d.id AND NOT i.taken_back) >= most
                     ELSE false END FROM asked) THEN now()
                 WHEN (SELECT is_sliding FROM asked) THEN greatest(d.closes_at, least(excluded.closes_at, d.closes_by))
                 ELSE d.closes_at END
         RETURNING id, came, (xmax = 0)"
);

statement!(
    /// Puts a run's own item into a digest, or all of the digest that it carries.
    PutItems(
        digest_id: Uuid => SqlUuid,
        run_id: Uuid => SqlUuid,
        event_id: Uuid => SqlUuid,
        carried: Option<Uuid> => Nullable<SqlUuid>,
    ) -> SqlUuid =
        "WITH asked AS (
             SELECT * FROM (SELECT ?::uuid, ?::uuid, ?::uuid, ?::uuid) AS asked (digest_id, run_id, event_id, carried)
         )
         INSERT INTO digest_items (digest_id, run_id, event_id, sequence, brought_by, taken_back)
         SELECT asked.digest_id, asked.run_id, e.id, e.sequence, asked.run_id, e.cancelled_at IS NOT NULL
         FROM asked JOIN events e ON e.id = asked.event_id WHERE asked.carried IS NULL
         UNION ALL
         SELECT asked.digest_id, i.run_id, i.event_id, i.sequence, asked.run_id, i.taken_back
         FROM asked JOIN digest_items i ON i.digest_id = asked.carried
         ON CONFLICT DO NOTHING
         RETURNING run_id"
);

/// How many items a digest that a run carries has.
async fn carried(connection: &mut AsyncPgConnection, id: Option<Uuid>) -> Result<i32, StoreError> {
    use crate::store::schema::notification_schema::digest_items::dsl as i;
    let Some(id) = id else { return Ok(1) };
    let count: i64 = i::digest_items
        .filter(i::digest_id.eq(id))
        .filter(i::taken_back.eq(false))
        .count()
        .get_result(connection)
        .await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// Joins the open digest, or opens it; the row is held until the transaction ends, so that nobody closes it meanwhile.
///
/// # Errors
/// The database's.
pub async fn join(
    connection: &mut AsyncPgConnection,
    joining: &DigestJoin,
) -> Result<JoinedDigest, StoreError> {
    let came = carried(connection, joining.carried).await?;
    let cap = i32::try_from(limits::MOST_DIGEST_ITEMS).unwrap_or(i32::MAX);
    let most = joining.most.unwrap_or(limits::MOST_DIGEST_ITEMS);
    let most = i32::try_from(most.min(limits::MOST_DIGEST_ITEMS)).unwrap_or(i32::MAX);
    let join = Join {
        id: joining.new_id,
        tenant_id: joining.tenant_id,
        workflow: joining.workflow.clone(),
        slot: joining.slot.clone(),
        user_id: joining.user_id,
        key: joining.key.clone(),
        came,
        opened_with: if joining.first_at_once { 0 } else { came },
        closes_at: time::to_database(joining.closes_at),
        closes_by: time::to_database(joining.closes_by),
        most,
        cap,
        is_sliding: joining.is_sliding,
    };
    let mut answer: Vec<(Uuid, i32, bool)> = join.load(connection).await?;
    let (id, now_in_it, is_new) = answer.pop().ok_or(StoreError::NotFound)?;
    let goes_on = is_new && joining.first_at_once;
    let digest_id = match goes_on {
        false => id,
        true => alone(connection, joining).await?,
    };
    let put = PutItems {
        digest_id,
        run_id: joining.run_id,
        event_id: joining.event_id,
        carried: joining.carried,
    };
    let _: Vec<Uuid> = put.load(connection).await?;
    Ok(JoinedDigest {
        id: digest_id,
        goes_on,
        is_full: most > 0 && now_in_it >= most,
    })
}

/// A digest of one run, which is closed from the beginning.
async fn alone(
    connection: &mut AsyncPgConnection,
    joining: &DigestJoin,
) -> Result<Uuid, StoreError> {
    let id = joining.run_id;
    diesel::sql_query(
        "INSERT INTO digests (id, tenant_id, workflow, slot, user_id, key, came, opened_at, closes_at, closes_by, \
             closed_at) VALUES ($1, $2, $3, $4, $5, $6, 1, now(), now(), now(), now()) ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<SqlUuid, _>(joining.tenant_id)
    .bind::<Text, _>(&joining.workflow)
    .bind::<Text, _>(&joining.slot)
    .bind::<SqlUuid, _>(joining.user_id)
    .bind::<Text, _>(&joining.key)
    .execute(connection)
    .await?;
    Ok(id)
}

statement!(
    /// How many items digests have that were not taken back.
    CountItems(
        ids: Vec<Uuid> => Array<SqlUuid>,
    ) -> (SqlUuid, Int8) =
        "SELECT digest_id, count(*) FROM digest_items WHERE digest_id = ANY(?) AND NOT taken_back GROUP BY digest_id"
);

/// How many items digests have that were not taken back; one that has none is not among them.
///
/// # Errors
/// The database is out of reach.
pub async fn counts(
    connection: &mut AsyncPgConnection,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, u64>, StoreError> {
    let counted: Vec<(Uuid, i64)> = CountItems { ids }.load(connection).await?;
    let counts = counted.into_iter();
    Ok(counts
        .map(|(id, count)| (id, u64::try_from(count).unwrap_or(0)))
        .collect())
}

/// When the next digest is due.
///
/// # Errors
/// The database is out of reach.
pub async fn next_due(connection: &mut AsyncPgConnection) -> Result<Option<Timestamp>, StoreError> {
    use crate::store::schema::notification_schema::digests::dsl as d;
    let next: Option<DateTime<Utc>> = d::digests
        .filter(d::closed_at.is_null())
        .order(d::closes_at)
        .select(d::closes_at)
        .first(connection)
        .await
        .optional()?;
    Ok(next.map(time::from_database))
}

statement!(
    /// The first items of digests that were not taken back, in the order of their events.
    FirstItems(
        ids: Vec<Uuid> => Array<SqlUuid>,
        most: i64 => Int8,
    ) -> (SqlUuid, Jsonb, Text, Timestamptz) =
        "SELECT asked.id, e.data, e.kind, e.happened_at
         FROM unnest(?) AS asked (id) CROSS JOIN LATERAL (
             SELECT event_id, sequence FROM digest_items
             WHERE digest_id = asked.id AND NOT taken_back ORDER BY sequence LIMIT ?
         ) AS i JOIN events e ON e.id = i.event_id ORDER BY asked.id, i.sequence"
);

/// The first items of digests, as templates see them.
///
/// # Errors
/// The database is out of reach.
pub async fn first_items(
    connection: &mut AsyncPgConnection,
    ids: Vec<Uuid>,
    most: u32,
) -> Result<HashMap<Uuid, Vec<Map<String, Value>>>, StoreError> {
    let rows: Vec<(Uuid, Value, String, DateTime<Utc>)> = FirstItems {
        ids,
        most: most.into(),
    }
    .load(connection)
    .await?;
    let mut items: HashMap<Uuid, Vec<Map<String, Value>>> = HashMap::new();
    for (id, data, kind, happened_at) in rows {
        let time = time::from_database(happened_at).to_string();
        let item = json!({ "data": data, "type": kind, "time": time });
        if let Value::Object(item) = item {
            items.entry(id).or_default().push(item);
        }
    }
    Ok(items)
}
