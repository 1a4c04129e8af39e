//! Accounts as operators make, change, look at and remove them.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::pauses;
use super::row::AccountRow;
use super::upsert::{AccountError, AccountFields, sealed};
use crate::domain::AccountPause;
use crate::store::StoreError;
use crate::store::schema::notification_schema::provider_configs;
use crate::store::seal::Sealer;
use crate::store::time::from_database;

/// An account as it is stored. It has no `Debug`, for its secrets.
pub struct StoredProvider {
    /// The row's id.
    pub id: Uuid,
    /// Unique name.
    pub name: String,
    /// Whose protocol, as it is written.
    pub kind: String,
    /// The channel that it serves, as it is written.
    pub channel: String,
    /// Whether it is used.
    pub is_active: bool,
    /// Higher is asked first.
    pub priority: i32,
    /// Share among accounts of equal priority.
    pub weight: i32,
    /// Requests a minute.
    pub rate_limit: Option<i32>,
    /// Longest that one request may take.
    pub timeout_seconds: i32,
    /// Whether there is a first credential.
    pub has_key: bool,
    /// Whether there is a second one.
    pub has_secret: bool,
    /// What it is; why that cannot be read, if so.
    pub fields: Result<AccountFields, String>,
    /// Who has stopped it for a while.
    pub pause: Option<AccountPause>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// At most so many accounts by name, of those behind a name.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    after: Option<&str>,
    most: usize,
) -> Result<Vec<StoredProvider>, StoreError> {
    use provider_configs as p;
    let rows: Vec<(AccountRow, DateTime<Utc>)> = p::table
        .filter(p::deleted_at.is_null())
        .filter(p::provider_name.gt(after.unwrap_or_default()))
        .order(p::provider_name)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select((AccountRow::as_select(), p::created_at))
        .load(connection)
        .await?;
    let mut pauses = pauses::holding(connection).await?;
    let rows = rows.into_iter();
    Ok(rows.map(|row| stored(row, sealer, &mut pauses)).collect())
}

/// The account of a name; held until the transaction around it ends.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    name: &str,
) -> Result<Option<StoredProvider>, StoreError> {
    use provider_configs as p;
    let row: Option<(AccountRow, DateTime<Utc>)> = p::table
        .filter(p::deleted_at.is_null())
        .filter(p::provider_name.eq(name))
        .select((AccountRow::as_select(), p::created_at))
        .for_update()
        .first(connection)
        .await
        .optional()?;
    let Some(row) = row else {
        return Ok(None);
    };
    let mut pauses = pauses::holding(connection).await?;
    Ok(Some(stored(row, sealer, &mut pauses)))
}

/// Makes an account; answers its id.
///
/// # Errors
/// [`StoreError::UniqueViolation`] when another account has the name; its secrets cannot be sealed.
pub async fn create(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    fields: &AccountFields,
) -> Result<Uuid, AccountError> {
    let id = Uuid::now_v7();
    diesel::insert_into(provider_configs::table)
        .values(sealed(sealer, id, fields)?)
        .execute(connection)
        .await?;
    Ok(id)
}

/// Makes an account what its fields say.
///
/// # Errors
/// The database is out of reach; its secrets cannot be sealed.
pub async fn change(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    id: Uuid,
    fields: &AccountFields,
) -> Result<(), AccountError> {
    diesel::update(provider_configs::table.find(id))
        .set(sealed(sealer, id, fields)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes an account, and its secrets for good.
///
/// # Errors
/// The database is out of reach.
pub async fn delete(connection: &mut AsyncPgConnection, id: Uuid) -> Result<(), StoreError> {
    use provider_configs as p;
    const NOTHING: Option<Vec<u8>> = None;
    diesel::update(p::table.find(id))
        .set((
            p::deleted_at.eq(diesel::dsl::now),
            p::is_active.eq(false),
            p::api_key.eq(NOTHING),
            p::api_secret.eq(NOTHING),
            p::config_json.eq(NOTHING),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

fn stored(
    (row, created_at): (AccountRow, DateTime<Utc>),
    sealer: &Sealer,
    pauses: &mut HashMap<Uuid, (AccountPause, Duration)>,
) -> StoredProvider {
    let fields = row.open(sealer);
    StoredProvider {
        id: row.id,
        pause: pauses.remove(&row.id).map(|(pause, _)| pause),
        fields: fields
            .map(|account| AccountFields::of(account, row.is_active))
            .map_err(|error| error.to_string()),
        is_active: row.is_active,
        priority: row.priority,
        weight: row.weight,
        rate_limit: row.rate_limit,
        timeout_seconds: row.timeout_seconds,
        has_key: row.api_key.is_some(),
        has_secret: row.api_secret.is_some(),
        name: row.provider_name,
        kind: row.kind,
        channel: row.channel,
        created_at: from_database(created_at),
        updated_at: from_database(row.updated_at),
    }
}
