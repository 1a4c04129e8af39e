//! Tenants.

use diesel::OptionalExtension;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::change::{Change, Written};

/// Creates or renames a tenant.
///
/// # Errors
/// [`StoreError::UniqueViolation`] when another tenant has the name.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<Change, StoreError> {
    let written: Option<Written> = diesel::sql_query(
        "INSERT INTO tenants (id, name) VALUES ($1, $2) \
         ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name \
         WHERE tenants.name IS DISTINCT FROM EXCLUDED.name \
         RETURNING (xmax = 0) AS created",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(name)
    .get_result(connection)
    .await
    .optional()?;
    Ok(Written::change(written.as_ref()))
}
