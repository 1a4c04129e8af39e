//! Whom a fan-out goes to, a part at a time.

use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::fan_out::FanOut;
use crate::store::StoreError;
use crate::store::statement::statement;

/// Somebody whom a fan-out may go to.
#[derive(Debug, Clone, PartialEq)]
pub struct AudienceMember {
    /// The person.
    pub user_id: Uuid,
    /// By how many of the topics they are meant.
    pub subscriptions: u64,
    /// What each subscription says of them, where there is a condition; else nothing.
    pub attributes: Vec<Map<String, Value>>,
    /// Whether they are there still.
    pub is_known: bool,
}

type AudienceRow = (SqlUuid, BigInt, Array<Nullable<Jsonb>>, Bool);

// Each topic is read by its key from the place on, as far as one part needs: of the first people in all of them
// together, every subscription is among these.
statement!(
    /// The next subscribers of topics behind a person, each once.
    Audience(
        topics: Vec<Uuid> => Array<SqlUuid>,
        joined: Vec<i64> => Array<BigInt>,
        after: Uuid => SqlUuid,
        of_each: i64 => BigInt,
        with_attributes: bool => Bool,
        most: i64 => BigInt,
    ) -> AudienceRow =
    "WITH meant AS (
         SELECT asked.id, asked.joined FROM unnest(?, ?) AS asked (id, joined)
         JOIN topics t ON t.id = asked.id AND t.deleted_at IS NULL
     ), found AS (
         SELECT s.user_id, s.attributes FROM meant CROSS JOIN LATERAL (
             SELECT user_id, attributes FROM topic_subscribers
             WHERE topic_id = meant.id AND user_id > ? AND joined <= meant.joined
             ORDER BY user_id LIMIT ?) s
     ), people AS (
         SELECT user_id, count(*) AS subscriptions, array_agg(CASE WHEN ? THEN attributes END) AS attributes
         FROM found GROUP BY user_id ORDER BY user_id LIMIT ?
     )
     SELECT p.user_id, p.subscriptions, p.attributes, u.id IS NOT NULL
     FROM people p LEFT JOIN users u ON u.id = p.user_id AND u.deleted_at IS NULL
     ORDER BY p.user_id"
);

/// At most so many people behind a place, by id: those who subscribed before the fan-out was ordered, and still do.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    fan_out: &FanOut,
    after: Option<Uuid>,
    most: usize,
) -> Result<Vec<AudienceMember>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let audience = Audience {
        topics: fan_out.topics.iter().map(|topic| topic.id).collect(),
        joined: fan_out.topics.iter().map(|topic| topic.joined).collect(),
        after: after.unwrap_or_default(),
        of_each: most,
        with_attributes: fan_out.condition.is_some(),
        most,
    };
    let rows: Vec<(Uuid, i64, Vec<Option<Value>>, bool)> = audience.load(connection).await?;
    let attributes = |value: Option<Value>| match value {
        Some(Value::Object(fields)) => Some(fields),
        _ => None,
    };
    let member =
        |(user_id, subscriptions, said, is_known): (Uuid, i64, Vec<_>, bool)| AudienceMember {
            user_id,
            subscriptions: subscriptions.unsigned_abs(),
            attributes: said.into_iter().filter_map(attributes).collect(),
            is_known,
        };
    Ok(rows.into_iter().map(member).collect())
}
