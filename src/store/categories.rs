//! Categories of messages, as they are declared; `rules` reads them.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::change::{CountedUse, UpsertAnswer, Use, WriteChange, word};
use super::schema::notification_schema::categories;
use crate::domain::Category;
use crate::domain::category::OnUnknown;

/// Declares a category, or declares it anew.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    category: &Category,
) -> Result<WriteChange, StoreError> {
    let written: Option<UpsertAnswer> = diesel::sql_query(
        "INSERT INTO categories AS c (tenant_id, name, may_disable, over_cap, on_unknown) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, name) DO UPDATE \
         SET may_disable = EXCLUDED.may_disable, over_cap = EXCLUDED.over_cap, \
             on_unknown = EXCLUDED.on_unknown \
         WHERE (c.may_disable, c.over_cap, c.on_unknown) \
             IS DISTINCT FROM (EXCLUDED.may_disable, EXCLUDED.over_cap, EXCLUDED.on_unknown) \
         RETURNING (xmax = 0) AS created",
    )
    .bind::<SqlUuid, _>(category.tenant_id)
    .bind::<Text, _>(&category.name)
    .bind::<Bool, _>(category.may_disable)
    .bind::<Text, _>(category.over_cap.as_str())
    .bind::<Nullable<Text>, _>(category.on_unknown.map(OnUnknown::as_str))
    .get_result(connection)
    .await
    .optional()?;
    Ok(UpsertAnswer::change(written.as_ref()))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = categories)]
struct StoredCategoryRow {
    tenant_id: Uuid,
    name: String,
    may_disable: bool,
    over_cap: String,
    on_unknown: Option<String>,
}

impl StoredCategoryRow {
    fn category(self) -> Result<Category, StoreError> {
        Ok(Category {
            tenant_id: self.tenant_id,
            name: self.name,
            may_disable: self.may_disable,
            over_cap: word(&self.over_cap)?,
            on_unknown: self.on_unknown.as_deref().map(word).transpose()?,
        })
    }
}

/// At most so many of a tenant's categories, by name, that come behind another one.
///
/// # Errors
/// The database is out of reach, or a category cannot be read.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    after: Option<&str>,
    most: usize,
) -> Result<Vec<Category>, StoreError> {
    let mut of_tenant = categories::table
        .filter(categories::tenant_id.eq(tenant_id))
        .select(StoredCategoryRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        of_tenant = of_tenant.filter(categories::name.gt(after.to_owned()));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let of_tenant = of_tenant.order(categories::name).limit(most);
    let rows: Vec<StoredCategoryRow> = of_tenant.load(connection).await?;
    rows.into_iter().map(StoredCategoryRow::category).collect()
}

/// A tenant's category; held until the transaction around it ends.
///
/// # Errors
/// The database is out of reach, or the category cannot be read.
pub async fn hold(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<Option<Category>, StoreError> {
    let row: Option<StoredCategoryRow> = categories::table
        .find((tenant_id, name))
        .select(StoredCategoryRow::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?;
    row.map(StoredCategoryRow::category).transpose()
}

/// Removes a tenant's category.
///
/// # Errors
/// The database is out of reach.
pub async fn delete(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<(), StoreError> {
    let category = categories::table.find((tenant_id, name));
    diesel::delete(category).execute(connection).await?;
    Ok(())
}

/// What names a tenant's category, and how often.
///
/// # Errors
/// The database is out of reach.
pub async fn uses(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<Vec<Use>, StoreError> {
    let counted: Vec<CountedUse> = diesel::sql_query(
        "SELECT 'preferences' AS what, count(*) AS number FROM notification_preferences \
         WHERE tenant_id = $1 AND category = $2 \
         UNION ALL SELECT 'webhooks', count(*) FROM notification_webhooks \
         WHERE tenant_id = $1 AND $2 = ANY (categories) AND deleted_at IS NULL \
         UNION ALL SELECT 'suppressions', count(*) FROM suppressions \
         WHERE tenant_id = $1 AND category = $2 \
         UNION ALL SELECT 'workflows', count(*) FROM workflows \
         WHERE tenant_id = $1 AND state = 'published' AND jsonb_path_exists(definition, \
             '$.** ? (@.category == $name)', jsonb_build_object('name', $2::text)) \
         UNION ALL SELECT 'waiting notifications', count(*) FROM (SELECT FROM notifications \
         WHERE tenant_id = $1 AND category = $2 AND status = 'pending' LIMIT 10000) n",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(name)
    .load(connection)
    .await?;
    Ok(CountedUse::all(counted))
}
