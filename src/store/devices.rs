//! Push devices. A token is one app on one phone: when another person signs in there, it moves.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use super::change::{WriteChange, WrittenFor};
use super::statement::statement;
use super::time::to_database;
use crate::domain::Platform;

/// How it is known that a device belongs to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceSighting {
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
    sighting: DeviceSighting,
) -> Result<WriteChange, StoreError> {
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
    .bind::<Bool, _>(sighting == DeviceSighting::Reported)
    .get_result(connection)
    .await?;
    written.change()
}

/// A device that a provider says is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRetirement {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The device.
    pub device_id: Uuid,
    /// When the provider was asked.
    pub asked_at: Timestamp,
}

statement!(
    Retire(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        ids: Vec<Uuid> => Array<SqlUuid>,
        asked_at: Vec<DateTime<Utc>> => Array<Timestamptz>,
    ) -> SqlUuid =
    "WITH gone AS (
         SELECT tenant_id, id, max(asked_at) AS asked_at
         FROM unnest(?, ?, ?) AS gone (tenant_id, id, asked_at) GROUP BY tenant_id, id
     ), locked AS MATERIALIZED (
         SELECT d.id, gone.asked_at
         FROM gone JOIN user_devices d ON d.id = gone.id AND d.tenant_id = gone.tenant_id
         WHERE d.invalidated_at IS NULL AND d.last_seen_at <= gone.asked_at
         ORDER BY d.id FOR UPDATE OF d
     )
     UPDATE user_devices d SET invalidated_at = locked.asked_at FROM locked
     WHERE d.id = locked.id AND d.invalidated_at IS NULL AND d.last_seen_at <= locked.asked_at
     RETURNING d.id"
);

/// Retires devices, unless their app has reported since the provider was asked; returns those that
/// lived until now.
///
/// # Errors
/// The database is out of reach.
pub async fn retire(
    connection: &mut AsyncPgConnection,
    gone: &[DeviceRetirement],
) -> Result<Vec<Uuid>, StoreError> {
    if gone.is_empty() {
        return Ok(vec![]);
    }
    let retire = Retire {
        tenants: gone.iter().map(|one| one.tenant_id).collect(),
        ids: gone.iter().map(|one| one.device_id).collect(),
        asked_at: gone.iter().map(|one| to_database(one.asked_at)).collect(),
    };
    Ok(retire.load(connection).await?)
}
