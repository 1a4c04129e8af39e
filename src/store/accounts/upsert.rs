//! An account as an operator declares it.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::row::{AccountRow, place};
use crate::domain::{Account, Channel, ProviderKind};
use crate::store::StoreError;
use crate::store::change::WriteChange;
use crate::store::schema::notification_schema::provider_configs;
use crate::store::seal::{SealError, Sealer};

/// A whole account: what is absent is not kept from before. It has no `Debug`, for its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountFields {
    /// Unique name.
    pub name: String,
    /// Whose protocol.
    pub kind: ProviderKind,
    /// The channel it serves.
    pub channel: Channel,
    /// Whether it is used.
    pub is_active: bool,
    /// Higher is asked first.
    pub priority: i32,
    /// Share among accounts of equal priority.
    pub weight: u32,
    /// Requests a minute.
    pub rate_limit: Option<u32>,
    /// Longest that one request may take, in whole seconds.
    pub timeout: Duration,
    /// API key, user, bot token.
    pub api_key: Option<String>,
    /// Secret, password, service-account JSON, incoming-webhook URL.
    pub api_secret: Option<String>,
    /// Settings by kind.
    pub config: Map<String, Value>,
}

/// Why an account could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Its secrets cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database's trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for AccountError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Declares an account, by name. Secrets sealed with a key that does not seal any more, or that
/// cannot be opened at all, are sealed anew, and that is an update.
///
/// # Errors
/// The database is out of reach, or somebody else created the account at the same moment.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    fields: &AccountFields,
) -> Result<WriteChange, AccountError> {
    connection
        .transaction(async |connection| {
            let existing: Option<AccountRow> = provider_configs::table
                .filter(provider_configs::provider_name.eq(&fields.name))
                .filter(provider_configs::deleted_at.is_null())
                .select(AccountRow::as_select())
                .for_update()
                .first(connection)
                .await
                .optional()?;
            match existing {
                Some(row) if is_same(&row, sealer, fields) => Ok(WriteChange::Unchanged),
                Some(row) => {
                    diesel::update(provider_configs::table.find(row.id))
                        .set(sealed(sealer, row.id, fields)?)
                        .execute(connection)
                        .await?;
                    Ok(WriteChange::Updated)
                }
                None => {
                    diesel::insert_into(provider_configs::table)
                        .values(sealed(sealer, Uuid::now_v7(), fields)?)
                        .execute(connection)
                        .await?;
                    Ok(WriteChange::Created)
                }
            }
        })
        .await
}

/// A row as it is written; an absent value clears the column.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = provider_configs, treat_none_as_null = true)]
pub(super) struct SealedRow<'a> {
    id: Uuid,
    provider_name: &'a str,
    kind: &'a str,
    channel: &'a str,
    api_key: Option<Vec<u8>>,
    api_secret: Option<Vec<u8>>,
    config_json: Option<Vec<u8>>,
    is_active: bool,
    rate_limit: Option<i32>,
    timeout_seconds: i32,
    priority: i32,
    weight: i32,
}

pub(super) fn sealed<'a>(
    sealer: &Sealer,
    id: Uuid,
    fields: &'a AccountFields,
) -> Result<SealedRow<'a>, SealError> {
    let seal = |column, plain: &[u8]| sealer.seal(place(id, column), plain);
    let secret = |column, plain: &Option<String>| {
        plain
            .as_deref()
            .map(|plain| seal(column, plain.as_bytes()))
            .transpose()
    };
    let config = Value::Object(fields.config.clone()).to_string();
    Ok(SealedRow {
        id,
        provider_name: &fields.name,
        kind: fields.kind.as_str(),
        channel: fields.channel.as_str(),
        api_key: secret("api_key", &fields.api_key)?,
        api_secret: secret("api_secret", &fields.api_secret)?,
        config_json: Some(seal("config_json", config.as_bytes())?),
        is_active: fields.is_active,
        rate_limit: fields.rate_limit.map(to_integer),
        timeout_seconds: i32::try_from(fields.timeout.as_secs()).unwrap_or(i32::MAX),
        priority: fields.priority,
        weight: to_integer(fields.weight),
    })
}

/// PostgreSQL has no unsigned integers; nobody asks for two billion requests a minute.
fn to_integer(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

impl AccountFields {
    /// What an account is, and whether it is used.
    pub(super) fn of(account: Account, is_active: bool) -> Self {
        Self {
            name: account.name,
            kind: account.kind,
            channel: account.channel,
            is_active,
            priority: account.priority,
            weight: account.weight,
            rate_limit: account.rate_limit,
            timeout: account.timeout,
            api_key: account.api_key,
            api_secret: account.api_secret,
            config: account.config,
        }
    }
}

fn is_same(row: &AccountRow, sealer: &Sealer, fields: &AccountFields) -> bool {
    row.is_current(sealer)
        && row
            .open(sealer)
            .is_ok_and(|account| AccountFields::of(account, row.is_active) == *fields)
}
