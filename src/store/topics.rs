//! Topics, and who subscribes to them.
//!
//! Whoever subscribes somebody counts the topic's `joined` up and holds its row until the commit: the order of these
//! numbers is the order of commits, so that a number says exactly who was there before.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::change::{UpsertAnswer, WriteChange};
use super::schema::notification_schema::topics;
use super::statement::statement;
use super::time::from_database;
use super::{Database, StoreError};
use crate::domain::Topic;

pub mod audience;
pub mod subscribers;

/// Rows of deleted topics that one statement removes.
const CHUNK: i64 = 5_000;

/// A topic as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTopic {
    /// Its id: a topic that is made again after it was deleted has another one.
    pub id: Uuid,
    /// What is said of it.
    pub topic: Topic,
    /// When it was made.
    pub created_at: Timestamp,
    /// When what is said of it was changed last.
    pub updated_at: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = topics)]
struct TopicRow {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    description: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<TopicRow> for StoredTopic {
    fn from(row: TopicRow) -> Self {
        Self {
            id: row.id,
            topic: Topic {
                tenant_id: row.tenant_id,
                name: row.name,
                description: row.description,
            },
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }
}

/// Declares a topic, or says anew what it is about.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    topic: &Topic,
) -> Result<WriteChange, StoreError> {
    let written: Option<UpsertAnswer> = diesel::sql_query(
        "INSERT INTO topics AS t (tenant_id, name, description) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id, name) WHERE deleted_at IS NULL DO UPDATE \
         SET description = EXCLUDED.description, updated_at = now() \
         WHERE t.description IS DISTINCT FROM EXCLUDED.description \
         RETURNING (xmax = 0) AS created",
    )
    .bind::<SqlUuid, _>(topic.tenant_id)
    .bind::<Text, _>(&topic.name)
    .bind::<Nullable<Text>, _>(&topic.description)
    .get_result(connection)
    .await
    .optional()?;
    Ok(UpsertAnswer::change(written.as_ref()))
}

/// Makes a topic of which nothing is said, unless it is there. Says whether it is new.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist.
pub async fn ensure(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<bool, StoreError> {
    let made = diesel::sql_query(
        "INSERT INTO topics (tenant_id, name) VALUES ($1, $2) \
         ON CONFLICT (tenant_id, name) WHERE deleted_at IS NULL DO NOTHING",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(name)
    .execute(connection)
    .await?;
    Ok(made > 0)
}

/// At most so many topics of a tenant, by name, behind another one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    after: Option<&str>,
    most: usize,
) -> Result<Vec<StoredTopic>, StoreError> {
    let mut page = topics::table
        .filter(topics::tenant_id.eq(tenant_id))
        .filter(topics::deleted_at.is_null())
        .select(TopicRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        page = page.filter(topics::name.gt(after.to_owned()));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<TopicRow> = page
        .order(topics::name)
        .limit(most)
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredTopic::from).collect())
}

/// A tenant's topic.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<Option<StoredTopic>, StoreError> {
    let row: Option<TopicRow> = topics::table
        .filter(topics::tenant_id.eq(tenant_id))
        .filter(topics::name.eq(name))
        .filter(topics::deleted_at.is_null())
        .select(TopicRow::as_select())
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(StoredTopic::from))
}

/// Deletes a topic: nothing finds it any more, and what is being sent to it goes to nobody else. Its subscribers are
/// removed later ([`forget`]). Says whether it was there.
///
/// # Errors
/// The database is out of reach.
pub async fn delete(connection: &mut AsyncPgConnection, id: Uuid) -> Result<bool, StoreError> {
    let gone = diesel::update(topics::table.find(id).filter(topics::deleted_at.is_null()))
        .set(topics::deleted_at.eq(diesel::dsl::now))
        .execute(connection)
        .await?;
    Ok(gone > 0)
}

statement!(
    /// Removes subscribers of deleted topics.
    ForgetSubscribers(most: i64 => BigInt) -> BigInt =
    "WITH gone AS (
         DELETE FROM topic_subscribers WHERE ctid = ANY (ARRAY(
             SELECT s.ctid FROM topics t JOIN topic_subscribers s ON s.topic_id = t.id
             WHERE t.deleted_at IS NOT NULL LIMIT ? FOR UPDATE OF s SKIP LOCKED))
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

/// Removes what is left of topics that were deleted.
///
/// # Errors
/// The database is out of reach; what is left is removed the next time.
pub async fn forget(database: &Database) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    loop {
        let gone: i64 = ForgetSubscribers { most: CHUNK }
            .get_result(&mut connection)
            .await?;
        if gone < CHUNK {
            break;
        }
    }
    let empty = "DELETE FROM topics t WHERE deleted_at IS NOT NULL
                 AND NOT EXISTS (SELECT FROM topic_subscribers s WHERE s.topic_id = t.id)";
    diesel::sql_query(empty).execute(&mut connection).await?;
    Ok(())
}
