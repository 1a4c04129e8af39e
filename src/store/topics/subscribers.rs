//! Who subscribes to a topic.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::schema::notification_schema::{topic_subscribers, users};
use crate::store::time::from_database;

/// Most subscribers that are counted.
pub const MOST_COUNTED: u64 = 1_000_000;

/// Somebody who is to subscribe.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscriber {
    /// The person.
    pub user_id: Uuid,
    /// What a condition may ask about; `None` leaves it as it is.
    pub attributes: Option<Map<String, Value>>,
}

/// Somebody who subscribes.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSubscriber {
    /// The person.
    pub user_id: Uuid,
    /// What a condition may ask about.
    pub attributes: Map<String, Value>,
    /// When they subscribed.
    pub joined_at: Timestamp,
    /// When their attributes were changed last.
    pub updated_at: Timestamp,
}

/// What subscribing has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Subscribed {
    /// How many are new.
    pub joined: u64,
    /// Of how many the attributes are other ones now.
    pub changed: u64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = topic_subscribers)]
struct SubscriberRow {
    user_id: Uuid,
    attributes: Value,
    joined_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<SubscriberRow> for StoredSubscriber {
    fn from(row: SubscriberRow) -> Self {
        let attributes = match row.attributes {
            Value::Object(attributes) => attributes,
            // The column holds nothing else.
            _ => Map::new(),
        };
        Self {
            user_id: row.user_id,
            attributes,
            joined_at: from_database(row.joined_at),
            updated_at: from_database(row.updated_at),
        }
    }
}

#[derive(QueryableByName)]
struct SubscribedRow {
    #[diesel(sql_type = BigInt)]
    joined: i64,
    #[diesel(sql_type = BigInt)]
    changed: i64,
}

#[derive(QueryableByName)]
struct CountedSubscribers {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Those of these people whom a tenant has, held until the transaction ends: nobody erases them meanwhile.
///
/// # Errors
/// The database is out of reach.
pub async fn hold_known(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    ids: &[Uuid],
) -> Result<HashSet<Uuid>, StoreError> {
    let known: Vec<Uuid> = users::table
        .filter(users::tenant_id.eq(tenant_id))
        .filter(users::id.eq_any(ids))
        .filter(users::deleted_at.is_null())
        .select(users::id)
        .order(users::id)
        .for_key_share()
        .load(connection)
        .await?;
    Ok(known.into_iter().collect())
}

/// Subscribes people, each once, whom [`hold_known`] holds. Who subscribes already keeps their number.
///
/// # Errors
/// The database is out of reach.
pub async fn subscribe(
    connection: &mut AsyncPgConnection,
    topic_id: Uuid,
    people: &[Subscriber],
) -> Result<Subscribed, StoreError> {
    let said = |one: &Subscriber| {
        let said = one.attributes.as_ref();
        said.map(|fields| serde_json::json!(fields).to_string())
    };
    let subscribed: SubscribedRow = diesel::sql_query(
        "WITH asked AS (
             SELECT user_id, attributes::jsonb FROM unnest($2, $3) AS asked (user_id, attributes)
         ), counted AS (
             UPDATE topics SET joined = joined + (SELECT count(*) FROM asked) WHERE id = $1 RETURNING joined
         ), said AS (
             INSERT INTO topic_subscribers AS s (topic_id, user_id, attributes, joined)
             SELECT $1, user_id, attributes, joined FROM asked, counted WHERE attributes IS NOT NULL ORDER BY user_id
             ON CONFLICT (topic_id, user_id) DO UPDATE SET attributes = EXCLUDED.attributes, updated_at = now()
             WHERE s.attributes IS DISTINCT FROM EXCLUDED.attributes
             RETURNING xmax = 0 AS is_new
         ), unsaid AS (
             INSERT INTO topic_subscribers (topic_id, user_id, joined)
             SELECT $1, user_id, joined FROM asked, counted WHERE attributes IS NULL ORDER BY user_id
             ON CONFLICT (topic_id, user_id) DO NOTHING
             RETURNING true AS is_new
         ), written AS (
             SELECT * FROM said UNION ALL SELECT * FROM unsaid
         )
         SELECT count(*) FILTER (WHERE is_new) AS joined, count(*) FILTER (WHERE NOT is_new) AS changed FROM written",
    )
    .bind::<SqlUuid, _>(topic_id)
    .bind::<Array<SqlUuid>, _>(people.iter().map(|one| one.user_id).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(people.iter().map(said).collect::<Vec<_>>())
    .get_result(connection)
    .await?;
    Ok(Subscribed {
        joined: subscribed.joined.unsigned_abs(),
        changed: subscribed.changed.unsigned_abs(),
    })
}

/// Ends the subscriptions of these people; says how many there were.
///
/// # Errors
/// The database is out of reach.
pub async fn unsubscribe(
    connection: &mut AsyncPgConnection,
    topic_id: Uuid,
    ids: &[Uuid],
) -> Result<u64, StoreError> {
    let those = topic_subscribers::table
        .filter(topic_subscribers::topic_id.eq(topic_id))
        .filter(topic_subscribers::user_id.eq_any(ids));
    let gone = diesel::delete(those).execute(connection).await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}

/// At most so many subscribers of a topic, by id, behind another one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    topic_id: Uuid,
    after: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredSubscriber>, StoreError> {
    let rows: Vec<SubscriberRow> = topic_subscribers::table
        .filter(topic_subscribers::topic_id.eq(topic_id))
        .filter(topic_subscribers::user_id.gt(after.unwrap_or_default()))
        .order(topic_subscribers::user_id)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select(SubscriberRow::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredSubscriber::from).collect())
}

/// How many subscribe to a topic; at most [`MOST_COUNTED`] are counted.
///
/// # Errors
/// The database is out of reach.
pub async fn count(connection: &mut AsyncPgConnection, topic_id: Uuid) -> Result<u64, StoreError> {
    let counted: CountedSubscribers = diesel::sql_query(
        "SELECT count(*) AS number FROM (SELECT FROM topic_subscribers WHERE topic_id = $1 LIMIT $2) s",
    )
    .bind::<SqlUuid, _>(topic_id)
    .bind::<BigInt, _>(i64::try_from(MOST_COUNTED).unwrap_or(i64::MAX))
    .get_result(connection)
    .await?;
    Ok(counted.number.unsigned_abs())
}

/// How many subscriptions some topics have.
///
/// # Errors
/// The database is out of reach.
pub async fn count_all(
    connection: &mut AsyncPgConnection,
    topics: impl Iterator<Item = Uuid>,
) -> Result<u64, StoreError> {
    let mut subscriptions = 0_u64;
    for topic in topics {
        subscriptions = subscriptions.saturating_add(count(connection, topic).await?);
    }
    Ok(subscriptions)
}
