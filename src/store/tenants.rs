//! Tenants.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use super::change::{CountedUse, UpsertAnswer, Use, WriteChange};
use super::schema::notification_schema::tenants;
use super::statement::statement;
use super::time::from_database;

statement!(
    Known(ids: Vec<Uuid> => Array<SqlUuid>) -> SqlUuid = "SELECT id FROM tenants WHERE id = ANY(?)"
);

/// Those of some tenants that exist.
///
/// # Errors
/// The database is out of reach.
pub async fn known(
    connection: &mut AsyncPgConnection,
    ids: &[Uuid],
) -> Result<HashSet<Uuid>, StoreError> {
    let known = Known { ids: ids.to_vec() };
    let found: Vec<Uuid> = known.load(connection).await?;
    Ok(found.into_iter().collect())
}

/// Creates or changes a tenant; without a locale it has none.
///
/// # Errors
/// [`StoreError::UniqueViolation`] when another tenant has the name.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
    locale: Option<&str>,
) -> Result<WriteChange, StoreError> {
    let written: Option<UpsertAnswer> = diesel::sql_query(
        "INSERT INTO tenants (id, name, locale) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, locale = EXCLUDED.locale \
         WHERE (tenants.name, tenants.locale) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.locale) \
         RETURNING (xmax = 0) AS created",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(name)
    .bind::<Nullable<Text>, _>(locale)
    .get_result(connection)
    .await
    .optional()?;
    Ok(UpsertAnswer::change(written.as_ref()))
}

/// A tenant as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTenant {
    /// Its id.
    pub id: Uuid,
    /// Its unique name.
    pub name: String,
    /// The language of messages to people of whom none is known.
    pub locale: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tenants)]
struct TenantRow {
    id: Uuid,
    name: String,
    locale: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<TenantRow> for StoredTenant {
    fn from(row: TenantRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            locale: row.locale,
            created_at: from_database(row.created_at),
            updated_at: from_database(row.updated_at),
        }
    }
}

/// At most so many tenants, by falling id, that come behind another one; only one with its id.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    only: Option<Uuid>,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredTenant>, StoreError> {
    let mut all = tenants::table.select(TenantRow::as_select()).into_boxed();
    if let Some(only) = only {
        all = all.filter(tenants::id.eq(only));
    }
    if let Some(before) = before {
        all = all.filter(tenants::id.lt(before));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let all = all.order(tenants::id.desc()).limit(most);
    let rows: Vec<TenantRow> = all.load(connection).await?;
    Ok(rows.into_iter().map(StoredTenant::from).collect())
}

/// A tenant; held until the transaction around it ends.
///
/// # Errors
/// The database is out of reach.
pub async fn hold(
    connection: &mut AsyncPgConnection,
    id: Uuid,
) -> Result<Option<StoredTenant>, StoreError> {
    let row: Option<TenantRow> = tenants::table
        .find(id)
        .select(TenantRow::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(StoredTenant::from))
}

/// Removes a tenant that nothing uses, with its categories.
///
/// # Errors
/// [`StoreError::ForeignKey`] when there are people, or the database is out of reach.
pub async fn delete(connection: &mut AsyncPgConnection, id: Uuid) -> Result<(), StoreError> {
    diesel::delete(tenants::table.find(id))
        .execute(connection)
        .await?;
    Ok(())
}

/// What belongs to a tenant, and how much of it, up to ten thousand of each.
///
/// # Errors
/// The database is out of reach.
pub async fn uses(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Vec<Use>, StoreError> {
    let counted: Vec<CountedUse> = diesel::sql_query(
        "SELECT 'users' AS what, count(*) AS number FROM (SELECT FROM users \
             WHERE tenant_id = $1 LIMIT 10000) u \
         UNION ALL SELECT 'templates', count(*) FROM notification_templates \
         WHERE tenant_id = $1 AND deleted_at IS NULL \
         UNION ALL SELECT 'webhooks', count(*) FROM notification_webhooks \
         WHERE tenant_id = $1 AND deleted_at IS NULL \
         UNION ALL SELECT 'API keys', count(*) FROM api_keys \
         WHERE tenant_id = $1 AND revoked_at IS NULL \
         UNION ALL SELECT 'suppressions', count(*) FROM (SELECT FROM suppressions \
             WHERE tenant_id = $1 LIMIT 10000) s \
         UNION ALL SELECT 'preferences', count(*) FROM notification_preferences \
         WHERE tenant_id = $1 AND user_id IS NULL \
         UNION ALL SELECT 'topics', count(*) FROM topics WHERE tenant_id = $1 AND deleted_at IS NULL \
         UNION ALL SELECT 'workflows', count(*) FROM workflows \
         WHERE tenant_id = $1 AND state <> 'retired'",
    )
    .bind::<SqlUuid, _>(id)
    .load(connection)
    .await?;
    Ok(CountedUse::all(counted))
}
