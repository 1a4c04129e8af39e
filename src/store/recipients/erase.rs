//! Erasing a person: every row of theirs, in one transaction.
//!
//! Who holds the person's row keeps others from storing anything new of theirs. What is already stored and
//! changes meanwhile is waited for, events that are being stored too: notifications go first, and what depends on them by their ids, so that an
//! outcome that was stored beside leaves no dead letter behind.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::ledger::hour_of;
use crate::store::runs;
use crate::store::schema::notification_schema::{
    admin_system_events, email_logs, notification_dlq, notifications, status_outbox, user_devices,
    users, webhook_deliveries,
};
use crate::store::statement::statement;

/// Longest wait for a row that somebody has locked.
const PATIENCE: &str = "SET LOCAL lock_timeout = '5s'";
/// Notifications of one statement: somebody may have very many.
const IDS: i64 = 5_000;

/// Erases a person of a tenant, or of any without one; also one who was only marked as deleted. Says whose
/// they were. A trigger keeps their id, so that no late message brings them back; another one forgets what
/// the audit trail and the quarantine know of them. What was put on the suppression list for their e-mail
/// address or number stays: it keeps others from writing there.
///
/// # Errors
/// The database is out of reach, or somebody has locked a row of theirs for long: nothing is erased then.
pub async fn erase(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<Option<Uuid>, StoreError> {
    connection.batch_execute(PATIENCE).await?;
    let any_tenant = tenant_id.is_none().into_sql::<Bool>();
    let held: Option<Uuid> = users::table
        .filter(users::id.eq(id))
        .filter(any_tenant.or(users::tenant_id.eq(tenant_id.unwrap_or_default())))
        .select(users::tenant_id)
        .for_update()
        .first(connection)
        .await
        .optional()?;
    let Some(tenant_id) = held else {
        return Ok(None);
    };
    runs::forget::forget(connection, id).await?;
    loop {
        let some = notifications::table
            .filter(notifications::user_id.eq(id))
            .select(notifications::id)
            .order(notifications::id)
            .limit(IDS)
            .for_update();
        let ids: Vec<Uuid> = some.load(connection).await?;
        if ids.is_empty() {
            break;
        }
        remove(connection, &ids).await?;
        let letters = notification_dlq::notification_id.eq_any(&ids);
        diesel::delete(notification_dlq::table.filter(letters))
            .execute(connection)
            .await?;
        diesel::delete(email_logs::table.filter(email_logs::notification_id.eq_any(&ids)))
            .execute(connection)
            .await?;
        let told = webhook_deliveries::notification_id.eq_any(&ids);
        diesel::delete(webhook_deliveries::table.filter(told))
            .execute(connection)
            .await?;
        let published = status_outbox::notification_id.eq_any(&ids);
        diesel::delete(status_outbox::table.filter(published))
            .execute(connection)
            .await?;
    }
    let tokens: Vec<String> = user_devices::table
        .filter(user_devices::user_id.eq(id))
        .select(user_devices::token)
        .load(connection)
        .await?;
    // An inbox and a token are nobody else's.
    diesel::sql_query(
        "DELETE FROM suppressions s WHERE s.tenant_id = $1 \
         AND (s.channel = 'in_app' AND s.address = $2 OR s.channel = 'push' AND s.address = ANY ($3))",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(id.to_string())
    .bind::<Array<Text>, _>(tokens)
    .execute(connection)
    .await?;
    diesel::delete(admin_system_events::table.filter(admin_system_events::user_id.eq(id)))
        .execute(connection)
        .await?;
    // Events of which no notification is known, and which may be about them.
    diesel::sql_query(
        "DELETE FROM email_logs e USING users u WHERE u.id = $1 AND e.notification_id IS NULL \
         AND e.recipient IN (lower(u.email), u.phone)",
    )
    .bind::<SqlUuid, _>(id)
    .execute(connection)
    .await?;
    // With it go devices, preferences, counters and whatever else belongs to them alone.
    diesel::delete(users::table.find(id))
        .execute(connection)
        .await?;
    Ok(Some(tenant_id))
}

// What came in and is gone with its person stays in the books. Its key is free: a repetition meets nobody.
statement!(
    Remove(ids: Vec<Uuid> => Array<SqlUuid>, hours: Vec<DateTime<Utc>> => Array<Timestamptz>) -> Bool =
    "WITH named AS (
         SELECT * FROM unnest(?, ?) AS named (id, hour)
     ), gone AS (
         DELETE FROM notifications n USING named WHERE n.id = named.id
         RETURNING n.id, named.hour, n.tenant_id, n.message_type, n.idempotency_key
     ), keys AS (
         DELETE FROM notification_deduplication d USING gone
         WHERE d.idempotency_key = decode(gone.idempotency_key, 'hex') AND d.notification_id = gone.id
     ), counted AS (
         INSERT INTO intake (hour, tenant_id, channel, shard, erased)
         SELECT hour, tenant_id, message_type, 0, count(*) FROM gone
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
         ON CONFLICT (hour, tenant_id, channel, shard) DO UPDATE SET erased = intake.erased + excluded.erased
     )
     SELECT true FROM gone LIMIT 1"
);

/// Removes the rows of notifications, and their keys.
async fn remove(connection: &mut AsyncPgConnection, ids: &[Uuid]) -> Result<(), StoreError> {
    let remove = Remove {
        ids: ids.to_vec(),
        hours: ids.iter().map(|id| hour_of(*id)).collect(),
    };
    let _: Vec<bool> = remove.load(connection).await?;
    Ok(())
}
