//! What tenants say for all their people: few rows, held in memory.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use uuid::Uuid;

use super::StoreError;
use super::change::word;
use super::preferences::PreferenceRow;
use super::schema::notification_schema::{categories, notification_preferences};
use crate::domain::{Category, TenantRules};

#[derive(Queryable, Selectable)]
#[diesel(table_name = categories)]
struct CategoryRow {
    tenant_id: Uuid,
    name: String,
    may_disable: bool,
    over_cap: String,
    on_unknown: Option<String>,
}

impl CategoryRow {
    fn category(self) -> Result<Category, StoreError> {
        Ok(Category {
            tenant_id: self.tenant_id,
            over_cap: word(&self.over_cap)?,
            on_unknown: self.on_unknown.as_deref().map(word).transpose()?,
            name: self.name,
            may_disable: self.may_disable,
        })
    }
}

/// The rules of every tenant that has any.
///
/// # Errors
/// The database is out of reach, or holds a word that this engine does not know.
pub async fn load(
    connection: &mut AsyncPgConnection,
) -> Result<HashMap<Uuid, TenantRules>, StoreError> {
    read(connection, None).await
}

/// The rules of one tenant; empty when it has none.
///
/// # Errors
/// Those of [`load`].
pub async fn of(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
) -> Result<TenantRules, StoreError> {
    let mut rules = read(connection, Some(tenant_id)).await?;
    Ok(rules.remove(&tenant_id).unwrap_or_default())
}

async fn read(
    connection: &AsyncPgConnection,
    tenant_id: Option<Uuid>,
) -> Result<HashMap<Uuid, TenantRules>, StoreError> {
    let (categories, defaults) = try_join(
        categories_of(connection, tenant_id),
        defaults_of(connection, tenant_id),
    )
    .await?;
    let mut rules: HashMap<Uuid, TenantRules> = HashMap::new();
    for row in categories {
        let of_tenant = rules.entry(row.tenant_id).or_default();
        of_tenant.categories.push(row.category()?);
    }
    for row in defaults {
        let of_tenant = rules.entry(row.tenant_id).or_default();
        of_tenant.defaults.extend(row.preference());
    }
    Ok(rules)
}

async fn categories_of(
    mut connection: &AsyncPgConnection,
    tenant_id: Option<Uuid>,
) -> QueryResult<Vec<CategoryRow>> {
    let mut rows = categories::table
        .order((categories::tenant_id, categories::name))
        .select(CategoryRow::as_select())
        .into_boxed();
    if let Some(tenant_id) = tenant_id {
        rows = rows.filter(categories::tenant_id.eq(tenant_id));
    }
    rows.load(&mut connection).await
}

async fn defaults_of(
    mut connection: &AsyncPgConnection,
    tenant_id: Option<Uuid>,
) -> QueryResult<Vec<PreferenceRow>> {
    use notification_preferences as wishes;
    let mut rows = wishes::table
        .filter(wishes::user_id.is_null())
        .order((wishes::tenant_id, wishes::channel, wishes::category))
        .select(PreferenceRow::as_select())
        .into_boxed();
    if let Some(tenant_id) = tenant_id {
        rows = rows.filter(wishes::tenant_id.eq(tenant_id));
    }
    rows.load(&mut connection).await
}
