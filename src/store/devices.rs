//! Push devices. A token is one app on one phone: when another person signs in there, it moves.

pub mod many;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use super::change::{WriteChange, WrittenFor};
use super::schema::notification_schema::user_devices;
use super::statement::statement;
use super::time::{from_database, to_database};
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

/// A person's device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDevice {
    /// Its id.
    pub id: Uuid,
    /// Registration token.
    pub token: String,
    /// What it runs.
    pub platform: String,
    /// When its app reported last.
    pub last_seen_at: Timestamp,
    /// When its provider said that it is gone.
    pub invalidated_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = user_devices)]
struct StoredDeviceRow {
    id: Uuid,
    user_id: Uuid,
    token: String,
    platform: String,
    last_seen_at: DateTime<Utc>,
    invalidated_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<StoredDeviceRow> for StoredDevice {
    fn from(row: StoredDeviceRow) -> Self {
        Self {
            id: row.id,
            token: row.token,
            platform: row.platform,
            last_seen_at: from_database(row.last_seen_at),
            invalidated_at: row.invalidated_at.map(from_database),
            created_at: from_database(row.created_at),
        }
    }
}

/// A person's devices, the oldest first.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    user_id: Uuid,
) -> Result<Vec<StoredDevice>, StoreError> {
    let rows: Vec<StoredDeviceRow> = user_devices::table
        .filter(user_devices::user_id.eq(user_id))
        .filter(user_devices::tenant_id.eq(tenant_id))
        .order((user_devices::created_at, user_devices::id))
        .select(StoredDeviceRow::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredDevice::from).collect())
}

/// At most so many of a person's devices, the oldest first, that come behind another one, whether that is there still or not.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    (tenant_id, user_id): (Uuid, Uuid),
    after: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredDevice>, StoreError> {
    let rows: Vec<StoredDeviceRow> = user_devices::table
        .filter(user_devices::user_id.eq(user_id))
        .filter(user_devices::tenant_id.eq(tenant_id))
        .filter(user_devices::id.gt(after.unwrap_or_default()))
        .order(user_devices::id)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select(StoredDeviceRow::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredDevice::from).collect())
}

/// The device of a token, and whose it is.
///
/// # Errors
/// The database is out of reach.
pub async fn of_token(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    token: &str,
) -> Result<Option<(Uuid, StoredDevice)>, StoreError> {
    let row: Option<StoredDeviceRow> = user_devices::table
        .filter(user_devices::token.eq(token))
        .filter(user_devices::tenant_id.eq(tenant_id))
        .select(StoredDeviceRow::as_select())
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(|row| (row.user_id, row.into())))
}

/// Removes a person's device; says whether they had it.
///
/// # Errors
/// The database is out of reach.
pub async fn remove(
    connection: &mut AsyncPgConnection,
    (tenant_id, user_id): (Uuid, Uuid),
    id: Uuid,
) -> Result<bool, StoreError> {
    let device = user_devices::table
        .filter(user_devices::id.eq(id))
        .filter(user_devices::user_id.eq(user_id))
        .filter(user_devices::tenant_id.eq(tenant_id));
    Ok(diesel::delete(device).execute(connection).await? > 0)
}
