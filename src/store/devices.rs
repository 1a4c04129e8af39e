//! Push devices. A token is one app on one phone: when another person signs in there, it moves.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use super::change::{Change, WrittenFor};
use super::schema::notification_schema::user_devices;
use super::time::to_database;
use crate::domain::Platform;

/// How it is known that a device belongs to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// The app reported its token just now: one that was retired lives again.
    Reported,
    /// An operator's file says so: what the provider has retired stays retired.
    Declared,
}

/// Writes a person's device.
///
/// # Errors
/// [`StoreError::NotFound`] when the tenant has no such person.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    user_id: Uuid,
    token: &str,
    platform: Platform,
    sighting: Sighting,
) -> Result<Change, StoreError> {
    let written: WrittenFor = diesel::sql_query(
        "WITH person AS ( \
             SELECT id FROM users WHERE id = $3 AND tenant_id = $2 AND deleted_at IS NULL), \
         written AS ( \
             INSERT INTO user_devices AS d (id, tenant_id, user_id, token, platform) \
             SELECT $1, $2, person.id, $4, $5 FROM person \
             ON CONFLICT ON CONSTRAINT user_devices_token_key DO UPDATE SET \
                 user_id = EXCLUDED.user_id, platform = EXCLUDED.platform, \
                 last_seen_at = EXCLUDED.last_seen_at, invalidated_at = NULL \
             WHERE $6 OR d.user_id <> EXCLUDED.user_id OR d.platform <> EXCLUDED.platform \
             RETURNING (xmax = 0) AS created) \
         SELECT EXISTS (SELECT FROM person) AS known, (SELECT created FROM written) AS created",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<SqlUuid, _>(user_id)
    .bind::<Text, _>(token)
    .bind::<Text, _>(platform.as_str())
    .bind::<Bool, _>(sighting == Sighting::Reported)
    .get_result(connection)
    .await?;
    written.change()
}

/// Retires devices that a provider says are gone, unless the app has reported since `asked_at`,
/// when the provider was asked.
///
/// # Errors
/// The database is out of reach.
pub async fn retire(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    devices: &[Uuid],
    asked_at: Timestamp,
) -> Result<usize, StoreError> {
    let asked_at: DateTime<Utc> = to_database(asked_at);
    let live = user_devices::table
        .filter(user_devices::id.eq_any(devices))
        .filter(user_devices::tenant_id.eq(tenant_id))
        .filter(user_devices::invalidated_at.is_null())
        .filter(user_devices::last_seen_at.le(asked_at));
    let retired = diesel::update(live)
        .set(user_devices::invalidated_at.eq(asked_at))
        .execute(connection)
        .await?;
    Ok(retired)
}
