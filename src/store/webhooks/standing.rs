//! How a webhook stands: since when it fails, and whether it is disabled for it.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::WebhookDisabledReason;
use crate::store::time::{from_database, to_database};
use crate::store::{StoreError, system_events};

/// The type of the event of a webhook that Herald has disabled.
pub const DISABLED_EVENT: &str = "webhook_disabled";

#[derive(QueryableByName)]
struct FailingRow {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    failing_since: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_failed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

/// Since when an active webhook fails, when it failed last, and what time it is for the database.
pub type FailingSince = (Option<Timestamp>, Option<Timestamp>, Timestamp);

/// How an active webhook stands, and what time it is for the database. Its row is held until the transaction
/// around it ends.
///
/// # Errors
/// The database is out of reach.
pub async fn failing(
    connection: &mut AsyncPgConnection,
    webhook_id: Uuid,
) -> Result<Option<FailingSince>, StoreError> {
    let rows: Vec<FailingRow> = diesel::sql_query(
        "SELECT failing_since, last_failed_at, now() AS now FROM notification_webhooks
         WHERE id = $1 AND is_active AND deleted_at IS NULL FOR UPDATE",
    )
    .bind::<SqlUuid, _>(webhook_id)
    .load(connection)
    .await?;
    let row = rows.into_iter().next();
    Ok(row.map(|row| {
        let failed = row.last_failed_at.map(from_database);
        let since = row.failing_since.map(from_database);
        (since, failed, from_database(row.now))
    }))
}

/// Notes since when a webhook fails, and when it failed last.
///
/// # Errors
/// The database is out of reach.
pub async fn fails(
    connection: &mut AsyncPgConnection,
    webhook_id: Uuid,
    since: Option<Timestamp>,
    last: Option<Timestamp>,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE notification_webhooks SET failing_since = $2, last_failed_at = $3 WHERE id = $1",
    )
    .bind::<SqlUuid, _>(webhook_id)
    .bind::<Nullable<Timestamptz>, _>(since.map(to_database))
    .bind::<Nullable<Timestamptz>, _>(last.map(to_database))
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that webhooks work.
///
/// # Errors
/// The database is out of reach.
pub async fn works(
    connection: &mut AsyncPgConnection,
    webhooks: &[Uuid],
) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE notification_webhooks SET failing_since = NULL, last_failed_at = NULL
         WHERE id = ANY($1) AND failing_since IS NOT NULL",
    )
    .bind::<Array<SqlUuid>, _>(webhooks)
    .execute(connection)
    .await?;
    Ok(())
}

/// Disables a webhook that is still at this URL; says whether it was active until now.
///
/// # Errors
/// The database is out of reach.
pub async fn disable(
    connection: &mut AsyncPgConnection,
    (webhook_id, url): (Uuid, &str),
    reason: WebhookDisabledReason,
) -> Result<bool, StoreError> {
    let disabled = diesel::sql_query(
        "UPDATE notification_webhooks SET is_active = false, disabled_reason = $2
         WHERE id = $1 AND url = $3 AND is_active AND deleted_at IS NULL",
    )
    .bind::<SqlUuid, _>(webhook_id)
    .bind::<Text, _>(reason.as_str())
    .bind::<Text, _>(url)
    .execute(connection)
    .await?;
    Ok(disabled > 0)
}

/// Resolves the events that say of a webhook that it is disabled.
///
/// # Errors
/// The database is out of reach.
pub async fn resolve(
    connection: &mut AsyncPgConnection,
    webhook_id: Uuid,
) -> Result<(), StoreError> {
    let id = webhook_id.to_string();
    system_events::close_of(connection, None, DISABLED_EVENT, Some(&id)).await
}
