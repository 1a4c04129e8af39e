//! Workflows: versions that never change, of which one is published and one may be a draft.

pub mod references;

use diesel::prelude::*;
use diesel::sql_types::{
    Array, Bool, Int4, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::statement::statement;
use super::{StoreError, WriteChange, time};

/// A stored version.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredWorkflow {
    /// The version's own id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Its name.
    pub name: String,
    /// Counts up from 1.
    pub version: i32,
    /// `draft`, `published` or `retired`.
    pub state: String,
    /// What was declared.
    pub definition: Map<String, Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was published, if it was.
    pub published_at: Option<Timestamp>,
}

/// A version that events meet, by which it is known whether it was read before.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName, Queryable)]
pub struct WorkflowVersion {
    /// Whose it is.
    #[diesel(sql_type = SqlUuid)]
    pub tenant_id: Uuid,
    /// The version's own id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
}

#[derive(QueryableByName)]
struct WorkflowRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Int4)]
    version: i32,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Jsonb)]
    definition: Value,
    #[diesel(sql_type = Timestamptz)]
    created_at: chrono::DateTime<chrono::Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    published_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl From<WorkflowRow> for StoredWorkflow {
    fn from(row: WorkflowRow) -> Self {
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name,
            version: row.version,
            state: row.state,
            definition: match row.definition {
                Value::Object(map) => map,
                _ => Map::new(),
            },
            created_at: time::from_database(row.created_at),
            published_at: row.published_at.map(time::from_database),
        }
    }
}

statement!(
    /// The published versions of some tenants.
    Published(
        tenants: Vec<Uuid> => Array<SqlUuid>,
    ) -> (SqlUuid, SqlUuid) =
        "SELECT tenant_id, id FROM workflows WHERE state = 'published' AND tenant_id = ANY(?)
         ORDER BY tenant_id, name"
);

/// The published versions of some tenants, by tenant and name.
///
/// # Errors
/// The database is out of reach.
pub async fn published(
    connection: &mut AsyncPgConnection,
    tenants: Vec<Uuid>,
) -> Result<Vec<WorkflowVersion>, StoreError> {
    Ok(Published { tenants }.load(connection).await?)
}

statement!(
    /// The versions of some tenants that are published, and those that are retired while runs of them wait, or are still
    /// being started, and that some event ends.
    VersionsMet(
        tenants: Vec<Uuid> => Array<SqlUuid>,
    ) -> (SqlUuid, SqlUuid, Bool) =
        "SELECT w.tenant_id, w.id, w.state = 'published' FROM workflows w
         WHERE w.tenant_id = ANY(?) AND (w.state = 'published'
             OR w.state = 'retired' AND jsonb_exists(w.definition, 'cancel_on')
                 AND (EXISTS (SELECT 1 FROM workflow_runs r WHERE r.workflow_id = w.id AND r.status = 'waiting')
                     OR EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'fan_out' AND j.state IN ('running', 'paused')
                         AND j.filter #>> '{what,run,workflow_id}' = w.id::text)))
         ORDER BY w.tenant_id, w.name, w.version"
);

/// The versions of some tenants that events meet, by tenant, name and number: those that are published, and those that are
/// retired while runs of them go on, and that some event ends.
///
/// # Errors
/// The database is out of reach.
pub async fn met(
    connection: &mut AsyncPgConnection,
    tenants: Vec<Uuid>,
) -> Result<(Vec<WorkflowVersion>, Vec<WorkflowVersion>), StoreError> {
    let met: Vec<(Uuid, Uuid, bool)> = VersionsMet { tenants }.load(connection).await?;
    let (mut published, mut outlasting) = (vec![], vec![]);
    for (tenant_id, id, is_published) in met {
        let version = WorkflowVersion { tenant_id, id };
        match is_published {
            true => published.push(version),
            false => outlasting.push(version),
        }
    }
    Ok((published, outlasting))
}

/// These versions, as far as they are there.
///
/// # Errors
/// The database is out of reach.
pub async fn load(
    connection: &mut AsyncPgConnection,
    ids: &[Uuid],
) -> Result<Vec<StoredWorkflow>, StoreError> {
    let rows: Vec<WorkflowRow> = diesel::sql_query(
        "SELECT id, tenant_id, name, version, state, definition, created_at, published_at \
         FROM workflows WHERE id = ANY($1)",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(StoredWorkflow::from).collect())
}

/// The newest version of a tenant's workflow, and those that are published or a draft; none if there is no such workflow.
///
/// # Errors
/// The database is out of reach.
pub async fn standing(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<Vec<StoredWorkflow>, StoreError> {
    let rows: Vec<WorkflowRow> = diesel::sql_query(
        "SELECT id, tenant_id, name, version, state, definition, created_at, published_at \
         FROM workflows w WHERE tenant_id = $1 AND name = $2 AND (state IN ('published', 'draft') OR version = \
             (SELECT max(version) FROM workflows n WHERE n.tenant_id = w.tenant_id AND n.name = w.name))",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(name)
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(StoredWorkflow::from).collect())
}

/// The versions of a tenant's workflow that come before another one, newest first.
///
/// # Errors
/// The database is out of reach.
pub async fn versions(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
    before: Option<i32>,
    most: usize,
) -> Result<Vec<StoredWorkflow>, StoreError> {
    let rows: Vec<WorkflowRow> = diesel::sql_query(
        "SELECT id, tenant_id, name, version, state, definition, created_at, published_at \
         FROM workflows WHERE tenant_id = $1 AND name = $2 AND version < $3 \
         ORDER BY version DESC LIMIT $4",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(name)
    .bind::<Int4, _>(before.unwrap_or(i32::MAX))
    .bind::<Int8, _>(i64::try_from(most).unwrap_or(i64::MAX))
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(StoredWorkflow::from).collect())
}

/// A tenant's workflows, by name, that come behind another one: of each the published version, else the newest.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    after: Option<&str>,
    most: usize,
) -> Result<Vec<StoredWorkflow>, StoreError> {
    let rows: Vec<WorkflowRow> = diesel::sql_query(
        "SELECT DISTINCT ON (name) id, tenant_id, name, version, state, definition, created_at, published_at \
         FROM workflows WHERE tenant_id = $1 AND name > $2 \
         ORDER BY name, (state = 'published') DESC, version DESC LIMIT $3",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(after.unwrap_or_default())
    .bind::<Int8, _>(i64::try_from(most).unwrap_or(i64::MAX))
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(StoredWorkflow::from).collect())
}

/// What is to be written of a workflow.
#[derive(Debug, Clone, Copy)]
pub struct WorkflowWrite<'a> {
    /// The new version's id, if there is to be one.
    pub id: Uuid,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Its name.
    pub name: &'a str,
    /// What is declared.
    pub definition: &'a Map<String, Value>,
    /// The id of the API key that does it; `None` is the command line.
    pub by: Option<&'a str>,
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Int4)]
    version: i32,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Bool)]
    is_same: bool,
}

/// Every version, held until the transaction around it ends, with whether it says the same.
async fn held(
    connection: &mut AsyncPgConnection,
    write: &WorkflowWrite<'_>,
) -> Result<Vec<VersionRow>, StoreError> {
    let rows = diesel::sql_query(
        "SELECT id, version, state, definition = $3::jsonb AS is_same FROM workflows \
         WHERE tenant_id = $1 AND name = $2 ORDER BY version FOR UPDATE",
    )
    .bind::<SqlUuid, _>(write.tenant_id)
    .bind::<Text, _>(write.name)
    .bind::<Text, _>(text(write.definition));
    Ok(rows.load(connection).await?)
}

/// Publishes a definition: what differs becomes the next version, and the one before it is retired. A draft is
/// used up by it. Answers the number of the version that is published.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist; [`StoreError::UniqueViolation`] when somebody else
/// wrote the same workflow at the same moment.
pub async fn publish(
    connection: &mut AsyncPgConnection,
    write: &WorkflowWrite<'_>,
) -> Result<(i32, WriteChange), StoreError> {
    let rows = held(connection, write).await?;
    let published = rows.iter().find(|row| row.state == "published");
    if let Some(row) = published.filter(|row| row.is_same) {
        return Ok((row.version, WriteChange::Unchanged));
    }
    let change = match published {
        Some(row) => {
            set_state(connection, row.id, "retired", write.by).await?;
            WriteChange::Updated
        }
        None => WriteChange::Created,
    };
    if let Some(draft) = rows.iter().find(|row| row.state == "draft" && row.is_same) {
        set_state(connection, draft.id, "published", write.by).await?;
        return Ok((draft.version, change));
    }
    let version = rows.iter().map(|row| row.version).max().unwrap_or(0) + 1;
    insert(connection, write, version, "published").await?;
    Ok((version, change))
}

/// Saves a draft, in the place of one that is there. Answers its number.
///
/// # Errors
/// As [`publish`].
pub async fn draft(
    connection: &mut AsyncPgConnection,
    write: &WorkflowWrite<'_>,
) -> Result<(i32, WriteChange), StoreError> {
    let rows = held(connection, write).await?;
    if let Some(draft) = rows.iter().find(|row| row.state == "draft") {
        if draft.is_same {
            return Ok((draft.version, WriteChange::Unchanged));
        }
        diesel::sql_query(
            "UPDATE workflows SET definition = $2::jsonb, created_at = now() WHERE id = $1",
        )
        .bind::<SqlUuid, _>(draft.id)
        .bind::<Text, _>(text(write.definition))
        .execute(connection)
        .await?;
        return Ok((draft.version, WriteChange::Updated));
    }
    let version = rows.iter().map(|row| row.version).max().unwrap_or(0) + 1;
    insert(connection, write, version, "draft").await?;
    Ok((version, WriteChange::Created))
}

/// Retires the published version of a workflow, and drops its draft: no event starts it any more, and what runs
/// goes on. Says whether there was either.
///
/// # Errors
/// The database is out of reach.
pub async fn retire(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<bool, StoreError> {
    let retired = diesel::sql_query(
        "UPDATE workflows SET state = 'retired' WHERE tenant_id = $1 AND name = $2 AND state <> 'retired'",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(name)
    .execute(connection)
    .await?;
    Ok(retired > 0)
}

async fn set_state(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    state: &str,
    by: Option<&str>,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE workflows SET state = $2, \
             published_at = CASE WHEN $2 = 'published' THEN now() ELSE published_at END, \
             published_by = CASE WHEN $2 = 'published' THEN $3 ELSE published_by END \
         WHERE id = $1",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(state)
    .bind::<Nullable<Text>, _>(by)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert(
    connection: &mut AsyncPgConnection,
    write: &WorkflowWrite<'_>,
    version: i32,
    state: &str,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "INSERT INTO workflows (id, tenant_id, name, version, state, definition, published_at, published_by) \
         VALUES ($1, $2, $3, $4, $5, $6::jsonb, CASE WHEN $5 = 'published' THEN now() END, $7)",
    )
    .bind::<SqlUuid, _>(write.id)
    .bind::<SqlUuid, _>(write.tenant_id)
    .bind::<Text, _>(write.name)
    .bind::<Int4, _>(version)
    .bind::<Text, _>(state)
    .bind::<Text, _>(text(write.definition))
    .bind::<Nullable<Text>, _>(write.by)
    .execute(connection)
    .await?;
    Ok(())
}

fn text(definition: &Map<String, Value>) -> String {
    // What was read as JSON can be written as JSON.
    serde_json::to_string(definition).unwrap_or_else(|_| "{}".to_owned())
}
