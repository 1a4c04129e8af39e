//! Accounts whose providers call us, and those that may take over.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::row::AccountRow;
use crate::domain::{Account, Channel, ProviderKind};
use crate::store::StoreError;
use crate::store::schema::notification_schema::provider_configs;
use crate::store::seal::Sealer;

/// The account of a name, also one that is switched off: what it has sent is told of later.
///
/// # Errors
/// The database is out of reach, or the account's secrets cannot be opened.
pub async fn by_name(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    name: &str,
) -> Result<Option<Account>, StoreError> {
    let row: Option<AccountRow> = provider_configs::table
        .filter(provider_configs::deleted_at.is_null())
        .filter(provider_configs::provider_name.eq(name))
        .select(AccountRow::as_select())
        .first(connection)
        .await
        .optional()?;
    row.map(|row| row.open(sealer)).transpose()
}

/// All accounts of a kind, also those that were deleted: what they have sent is told of later. One whose secrets cannot be
/// opened is left out.
///
/// # Errors
/// The database is out of reach.
pub async fn of_kind(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    kind: ProviderKind,
) -> Result<Vec<Account>, StoreError> {
    let rows: Vec<AccountRow> = provider_configs::table
        .filter(provider_configs::kind.eq(kind.as_str()))
        .select(AccountRow::as_select())
        .load(connection)
        .await?;
    Ok(rows
        .iter()
        .filter_map(|row| row.open(sealer).ok())
        .collect())
}

/// The names of the accounts in use of a channel.
///
/// # Errors
/// The database is out of reach.
pub async fn in_use(
    connection: &mut AsyncPgConnection,
    channel: Channel,
) -> Result<Vec<String>, StoreError> {
    let names = provider_configs::table
        .filter(provider_configs::is_active)
        .filter(provider_configs::deleted_at.is_null())
        .filter(provider_configs::channel.eq(channel.as_str()))
        .select(provider_configs::provider_name)
        .load(connection);
    Ok(names.await?)
}
