//! What is changed of an API key after it was made.

use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ApiKeyRow, StoredApiKey, entry};
use crate::store::StoreError;
use crate::store::audit::{self, AuditChanges, DoneBy};
use crate::store::schema::notification_schema::api_keys;
use crate::store::time::to_database;

/// A key of this tenant, or of any without one; locked until the transaction ends.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    tenant_id: Option<Uuid>,
) -> Result<Option<StoredApiKey>, StoreError> {
    let any_tenant = tenant_id.is_none().into_sql::<Bool>();
    let row: Option<ApiKeyRow> = api_keys::table
        .find(id)
        .filter(any_tenant.or(api_keys::tenant_id.is_not_distinct_from(tenant_id)))
        .select(ApiKeyRow::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(StoredApiKey::from))
}

/// Writes what differs from `were`, in the transaction that locked it.
///
/// # Errors
/// The database is out of reach.
pub async fn write(
    connection: &mut AsyncPgConnection,
    were: &StoredApiKey,
    are: &StoredApiKey,
    by: &DoneBy,
) -> Result<(), StoreError> {
    let changes = AuditChanges::between(said(were), said(are));
    if changes.is_empty() {
        return Ok(());
    }
    diesel::update(api_keys::table.find(were.id))
        .set((
            api_keys::name.eq(&are.name),
            api_keys::scopes.eq(json!(are.scopes.words())),
            api_keys::networks.eq(networks(are)),
            api_keys::rate_limit.eq(are.rate_limit.and_then(|it| i32::try_from(it).ok())),
            api_keys::expires_at.eq(are.expires_at.map(to_database)),
        ))
        .execute(connection)
        .await?;
    let entry = entry((were.id, were.tenant_id), "update", changes);
    audit::record(connection, by, entry).await
}

fn networks(key: &StoredApiKey) -> Vec<String> {
    let networks = key.networks.iter().flatten();
    networks.map(ToString::to_string).collect()
}

/// What the audit trail keeps of a key.
fn said(key: &StoredApiKey) -> Value {
    json!({
        "name": key.name,
        "scopes": key.scopes.words(),
        "networks": networks(key),
        "rate_limit": key.rate_limit,
        "expires_at": key.expires_at.map(|moment| moment.to_string()),
    })
}
