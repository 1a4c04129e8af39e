//! Many people at once, with their preferences and live devices.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{Device, EVERYBODY, Recipient};
use crate::store::preferences::PreferenceRow;
use crate::store::schema::notification_schema::{
    notification_preferences, tenants, user_devices, users,
};
use crate::store::sift::{Sifted, Sifting};
use crate::store::{StoreError, time};

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct UserRow {
    id: Uuid,
    tenant_id: Uuid,
    email: Option<String>,
    username: Option<String>,
    phone: Option<String>,
    timezone: Option<String>,
    locale: Option<String>,
    recipient_as_of: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = user_devices)]
struct DeviceRow {
    id: Uuid,
    tenant_id: Uuid,
    user_id: Uuid,
    token: String,
}

/// The people that exist among `(tenant, user)` pairs; a deleted one does not. One of whom something cannot
/// be read stops no other.
///
/// # Errors
/// The database is out of reach, or refuses the reading itself.
pub async fn load(
    connection: &AsyncPgConnection,
    people: &[(Uuid, Uuid)],
) -> Result<Sifted<(Uuid, Uuid), Recipient>, StoreError> {
    let asked: HashSet<(Uuid, Uuid)> = people.iter().copied().collect();
    // In another order each time: where a great many cannot be read, others are found than last time.
    let asked: Vec<(Uuid, Uuid)> = asked.into_iter().collect();
    let mut sifting = Sifting::of(&asked);
    while let Some(part) = sifting.next() {
        let read = load_all(connection, part).await;
        sifting.read(part, read)?;
    }
    Ok(sifting.into_sifted())
}

/// All of these, or none.
///
/// Three statements, sent at once on one connection, so that a batch costs one round trip. Their
/// text does not depend on how many people are asked for, so each is prepared once.
async fn load_all(
    connection: &AsyncPgConnection,
    asked: &[(Uuid, Uuid)],
) -> Result<HashMap<(Uuid, Uuid), Recipient>, StoreError> {
    let asked: HashSet<(Uuid, Uuid)> = asked.iter().copied().collect();
    let tenants: HashSet<Uuid> = asked.iter().map(|(tenant, _)| *tenant).collect();
    let tenants: Vec<Uuid> = tenants.into_iter().collect();
    let ids: Vec<Uuid> = asked.iter().map(|(_, user)| *user).collect();

    // To the end of all three: the connection is asked more after a failure.
    let (people, preferences, devices) = futures_util::future::join3(
        users_of(connection, &tenants, &ids),
        preferences_of(connection, &tenants, &ids),
        devices_of(connection, &tenants, &ids),
    )
    .await;
    let people = read_of("users", people)?;
    let preferences = read_of("notification_preferences", preferences)?;
    let devices = read_of("user_devices", devices)?;

    let mut recipients: HashMap<(Uuid, Uuid), Recipient> = people
        .into_iter()
        .filter(|row| asked.contains(&(row.tenant_id, row.id)))
        .map(|row| ((row.tenant_id, row.id), recipient(row)))
        .collect();
    for row in preferences {
        let whose = row.user_id.map(|user_id| (row.tenant_id, user_id));
        if let Some(recipient) = whose.and_then(|whose| recipients.get_mut(&whose)) {
            recipient.preferences.extend(row.preference());
        }
    }
    for row in devices {
        if let Some(recipient) = recipients.get_mut(&(row.tenant_id, row.user_id)) {
            recipient.devices.push(Device {
                id: row.id,
                token: row.token,
            });
        }
    }
    recipients.extend(everybody(connection, &asked).await?);
    Ok(recipients)
}

/// Nobody in particular, of each tenant for whose people something is.
async fn everybody(
    mut connection: &AsyncPgConnection,
    asked: &HashSet<(Uuid, Uuid)>,
) -> Result<HashMap<(Uuid, Uuid), Recipient>, StoreError> {
    let of = asked.iter().filter(|(_, user)| *user == EVERYBODY);
    let of: Vec<Uuid> = of.map(|(tenant, _)| *tenant).collect();
    if of.is_empty() {
        return Ok(HashMap::new());
    }
    let known = tenants::table
        .filter(tenants::id.eq_any(of))
        .select(tenants::id)
        .load(&mut connection)
        .await;
    let known: Vec<Uuid> = read_of("tenants", known)?;
    let keys = known.into_iter().map(|tenant| (tenant, EVERYBODY));
    Ok(keys.map(|key| (key, Recipient::nobody(key))).collect())
}

/// What a table has; what cannot be read of it names the table beside the column.
fn read_of<T>(table: &str, read: QueryResult<T>) -> Result<T, StoreError> {
    read.map_err(|error| match StoreError::from(error) {
        StoreError::Corrupt(why) => StoreError::Corrupt(format!("{table}: {why}")),
        other => other,
    })
}

async fn users_of(
    mut connection: &AsyncPgConnection,
    tenants: &[Uuid],
    ids: &[Uuid],
) -> QueryResult<Vec<UserRow>> {
    users::table
        .filter(users::id.eq_any(ids))
        .filter(users::tenant_id.eq_any(tenants))
        .filter(users::deleted_at.is_null())
        .select(UserRow::as_select())
        .load(&mut connection)
        .await
}

async fn preferences_of(
    mut connection: &AsyncPgConnection,
    tenants: &[Uuid],
    ids: &[Uuid],
) -> QueryResult<Vec<PreferenceRow>> {
    notification_preferences::table
        .filter(notification_preferences::user_id.eq_any(ids))
        .filter(notification_preferences::tenant_id.eq_any(tenants))
        .select(PreferenceRow::as_select())
        .load(&mut connection)
        .await
}

/// The oldest device first, so that a retry asks them in the same order.
async fn devices_of(
    mut connection: &AsyncPgConnection,
    tenants: &[Uuid],
    ids: &[Uuid],
) -> QueryResult<Vec<DeviceRow>> {
    user_devices::table
        .filter(user_devices::user_id.eq_any(ids))
        .filter(user_devices::tenant_id.eq_any(tenants))
        .filter(user_devices::invalidated_at.is_null())
        .order((user_devices::created_at, user_devices::id))
        .select(DeviceRow::as_select())
        .load(&mut connection)
        .await
}

fn recipient(row: UserRow) -> Recipient {
    Recipient {
        user_id: row.id,
        tenant_id: row.tenant_id,
        email: row.email,
        username: row.username,
        phone: row.phone,
        timezone: row.timezone,
        locale: row.locale,
        as_of: row.recipient_as_of.map(time::from_database),
        devices: Vec::new(),
        preferences: Vec::new(),
    }
}
