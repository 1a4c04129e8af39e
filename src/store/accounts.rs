//! Accounts at providers: their secrets go in sealed, and come out opened.
//!
//! They belong to the whole engine and serve every tenant: these are the queries that name none.

pub mod desk;
pub mod hooks;
pub mod pauses;
mod row;
mod upsert;

pub use upsert::{AccountError, AccountFields, upsert};

use std::collections::HashSet;
use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use self::row::AccountRow;
use super::StoreError;
use super::fingerprint::{Fingerprint, Polled};
use super::schema::notification_schema::provider_configs;
use super::seal::Sealer;
use crate::domain::{Account, AccountPause, Channel};

/// The accounts in use.
#[derive(Debug, Default)]
pub struct Accounts {
    /// Those that can be used.
    pub opened: Vec<Account>,
    /// Those that cannot, because their secrets cannot be read; the others go on without them.
    pub unreadable: Vec<UnreadableAccount>,
    /// Those that somebody has stopped for a while.
    pub paused: Vec<PausedAccount>,
    /// The names of all that are there, switched off ones included, with their channels.
    pub there: Vec<(Channel, String)>,
}

/// An account whose secrets cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableAccount {
    /// Its name.
    pub name: String,
    /// Why, without the secret.
    pub reason: String,
}

/// An account that somebody has stopped for a while.
#[derive(Debug, Clone)]
pub struct PausedAccount {
    /// The account.
    pub account: Account,
    /// How, why, by whom and until when.
    pub pause: AccountPause,
    /// How long yet, by the database's clock.
    pub left: Duration,
}

/// Every active account, with its secrets opened, and what else is there.
///
/// # Errors
/// The database is out of reach.
pub async fn load(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
) -> Result<Accounts, StoreError> {
    let rows: Vec<AccountRow> = provider_configs::table
        .filter(provider_configs::is_active)
        .filter(provider_configs::deleted_at.is_null())
        .filter(sql::<Bool>("isfinite(updated_at)"))
        .order(provider_configs::provider_name)
        .select(AccountRow::as_select())
        .load(connection)
        .await?;
    let endless: Vec<String> = provider_configs::table
        .filter(provider_configs::is_active)
        .filter(provider_configs::deleted_at.is_null())
        .filter(sql::<Bool>("NOT isfinite(updated_at)"))
        .select(provider_configs::provider_name)
        .load(connection)
        .await?;
    let there: Vec<(String, String)> = provider_configs::table
        .filter(provider_configs::deleted_at.is_null())
        .select((provider_configs::channel, provider_configs::provider_name))
        .load(connection)
        .await?;
    // A channel that only a newer version knows is nobody's here.
    let known = |(of, name): (String, String)| Some((of.parse().ok()?, name));
    let mut accounts = Accounts {
        there: there.into_iter().filter_map(known).collect(),
        ..Accounts::default()
    };
    let unreadable = endless.into_iter().map(|name| UnreadableAccount {
        name,
        reason: "its `updated_at` is no moment".to_owned(),
    });
    accounts.unreadable.extend(unreadable);
    let mut pauses = pauses::holding(connection).await?;
    for row in rows {
        match row.open(sealer) {
            Ok(account) => match pauses.remove(&account.id) {
                Some((pause, left)) => accounts.paused.push(PausedAccount {
                    account,
                    pause,
                    left,
                }),
                None => accounts.opened.push(account),
            },
            Err(error) => accounts.unreadable.push(UnreadableAccount {
                name: row.provider_name,
                reason: error.to_string(),
            }),
        }
    }
    Ok(accounts)
}

/// The names among these that accounts have, switched off ones included, with their channels.
///
/// # Errors
/// The database is out of reach.
pub async fn channels(
    connection: &mut AsyncPgConnection,
    names: &[String],
) -> Result<HashSet<(String, Channel)>, StoreError> {
    use provider_configs::{channel, deleted_at, provider_name};
    let rows: Vec<(String, String)> = provider_configs::table
        .filter(deleted_at.is_null())
        .filter(provider_name.eq_any(names))
        .select((provider_name, channel))
        .load(connection)
        .await?;
    // A channel that only a newer version knows is nobody's here.
    let known = |(name, of): (String, String)| Some((name, of.parse().ok()?));
    Ok(rows.into_iter().filter_map(known).collect())
}

/// Whether [`load`] would find something else.
///
/// # Errors
/// The database is out of reach.
pub async fn fingerprint(connection: &mut AsyncPgConnection) -> Result<Fingerprint, StoreError> {
    Polled::Accounts.fingerprint(connection).await
}
