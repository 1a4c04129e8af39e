//! What tenants say for all their people.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::join3;
use uuid::Uuid;

use super::StoreError;
use super::change::word;
use super::preferences::PreferenceRow;
use super::schema::notification_schema::{categories, notification_preferences, tenants};
use super::sift::{Sifted, Sifting};
use crate::domain::{Category, TenantRules, name};

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
    /// What this version does not understand of it counts as not said: the rest of it holds, and the
    /// other categories.
    fn category(self) -> Category {
        let name = name::spelt(self.name.clone());
        let undeclared = Category::undeclared(self.tenant_id, &name);
        Category {
            over_cap: self
                .understood(Some(&self.over_cap))
                .unwrap_or(undeclared.over_cap),
            on_unknown: self.understood(self.on_unknown.as_deref()),
            may_disable: self.may_disable,
            ..undeclared
        }
    }

    fn understood<T: FromStr<Err: fmt::Display>>(&self, said: Option<&str>) -> Option<T> {
        let understood = said.map(word).transpose();
        understood.unwrap_or_else(|error| {
            let (tenant_id, category) = (self.tenant_id, &self.name);
            tracing::error!(%tenant_id, category, %error, "a category has an unknown value, which is ignored");
            None
        })
    }
}

/// The rules of those tenants that have any. One of whose something cannot be read stops no other.
///
/// # Errors
/// The database is out of reach, or refuses the reading itself.
pub async fn of(
    connection: &AsyncPgConnection,
    tenants: &[Uuid],
) -> Result<Sifted<Uuid, TenantRules>, StoreError> {
    let tenants: HashSet<Uuid> = tenants.iter().copied().collect();
    let tenants: Vec<Uuid> = tenants.into_iter().collect();
    let mut sifting = Sifting::of(&tenants);
    while let Some(part) = sifting.next() {
        let read = of_all(connection, part).await;
        sifting.read(part, read)?;
    }
    Ok(sifting.into_sifted())
}

/// Those of all of these, or of none.
async fn of_all(
    connection: &AsyncPgConnection,
    tenants: &[Uuid],
) -> Result<HashMap<Uuid, TenantRules>, StoreError> {
    let (categories, defaults, locales) = join3(
        categories_of(connection, tenants),
        defaults_of(connection, tenants),
        locales_of(connection, tenants),
    )
    .await;
    let (categories, defaults, locales) = (categories?, defaults?, locales?);
    let mut rules: HashMap<Uuid, TenantRules> = HashMap::new();
    for row in categories {
        let of_tenant = rules.entry(row.tenant_id).or_default();
        of_tenant.categories.push(row.category());
    }
    for row in defaults {
        let of_tenant = rules.entry(row.tenant_id).or_default();
        of_tenant.defaults.extend(row.preference());
    }
    for (tenant_id, locale) in locales {
        rules.entry(tenant_id).or_default().locale = locale;
    }
    Ok(rules)
}

async fn categories_of(
    mut connection: &AsyncPgConnection,
    tenants: &[Uuid],
) -> QueryResult<Vec<CategoryRow>> {
    categories::table
        .filter(categories::tenant_id.eq_any(tenants))
        .order((categories::tenant_id, categories::name))
        .select(CategoryRow::as_select())
        .load(&mut connection)
        .await
}

async fn locales_of(
    mut connection: &AsyncPgConnection,
    of: &[Uuid],
) -> QueryResult<Vec<(Uuid, Option<String>)>> {
    tenants::table
        .filter(tenants::id.eq_any(of))
        .filter(tenants::locale.is_not_null())
        .select((tenants::id, tenants::locale))
        .load(&mut connection)
        .await
}

async fn defaults_of(
    mut connection: &AsyncPgConnection,
    tenants: &[Uuid],
) -> QueryResult<Vec<PreferenceRow>> {
    use notification_preferences as wishes;
    wishes::table
        .filter(wishes::user_id.is_null())
        .filter(wishes::tenant_id.eq_any(tenants))
        .order((wishes::tenant_id, wishes::channel, wishes::category))
        .select(PreferenceRow::as_select())
        .load(&mut connection)
        .await
}
