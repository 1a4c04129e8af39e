//! Tenants.

use std::collections::HashSet;

use diesel::OptionalExtension;
use diesel::sql_types::{Array, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::change::{UpsertAnswer, WriteChange};
use super::statement::statement;

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
