//! What operators should see.

use diesel::sql_types::{Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::StoreError;
use crate::domain::SystemEvent;

/// Opens an event, unless the same trouble is open already: the same type and tenant, and the
/// same `provider` in the details. Says whether it did.
///
/// # Errors
/// The database is out of reach.
pub async fn open(
    connection: &mut AsyncPgConnection,
    event: &SystemEvent,
) -> Result<bool, StoreError> {
    let opened = diesel::sql_query(
        "INSERT INTO admin_system_events \
             (event_type, severity, description, details, tenant_id, user_id) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (event_type, tenant_id, (details ->> 'provider')) WHERE NOT is_resolved \
         DO NOTHING",
    )
    .bind::<Text, _>(&event.event_type)
    .bind::<Text, _>(event.severity.as_str())
    .bind::<Text, _>(&event.description)
    .bind::<Jsonb, _>(Value::Object(event.details.clone()))
    .bind::<Nullable<SqlUuid>, _>(event.tenant_id)
    .bind::<Nullable<SqlUuid>, _>(event.user_id)
    .execute(connection)
    .await?;
    Ok(opened > 0)
}

/// Resolves every open event of a type; says how many.
///
/// # Errors
/// The database is out of reach.
pub async fn resolve_type(
    connection: &mut AsyncPgConnection,
    event_type: &str,
) -> Result<usize, StoreError> {
    let resolved = diesel::sql_query(
        "UPDATE admin_system_events SET is_resolved = true, resolved_at = now() \
         WHERE event_type = $1 AND NOT is_resolved",
    )
    .bind::<Text, _>(event_type)
    .execute(connection)
    .await?;
    Ok(resolved)
}

/// Resolves the open events of a type that name a provider; says how many.
///
/// # Errors
/// The database is out of reach.
pub async fn resolve(
    connection: &mut AsyncPgConnection,
    event_type: &str,
    provider: &str,
) -> Result<usize, StoreError> {
    let resolved = diesel::sql_query(
        "UPDATE admin_system_events SET is_resolved = true, resolved_at = now() \
         WHERE event_type = $1 AND details ->> 'provider' = $2 AND NOT is_resolved",
    )
    .bind::<Text, _>(event_type)
    .bind::<Text, _>(provider)
    .execute(connection)
    .await?;
    Ok(resolved)
}

/// Resolves the open events of a type that name a node.
///
/// # Errors
/// The database is out of reach.
pub async fn resolve_of_node(
    connection: &mut AsyncPgConnection,
    event_type: &str,
    node: &str,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE admin_system_events SET is_resolved = true, resolved_at = now() \
         WHERE event_type = $1 AND details ->> 'node' = $2 AND NOT is_resolved",
    )
    .bind::<Text, _>(event_type)
    .bind::<Text, _>(node)
    .execute(connection)
    .await?;
    Ok(())
}
