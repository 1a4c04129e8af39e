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
