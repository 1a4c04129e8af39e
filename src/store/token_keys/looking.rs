//! What is asked with each token: its key, and whether there is its person.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{StoredTokenKey, TokenKeyRow};
use crate::store::StoreError;
use crate::store::schema::notification_schema::{token_keys, users};

/// The keys of tenants that have one of these names, live or not.
///
/// # Errors
/// The database is out of reach.
pub async fn named(
    connection: &mut AsyncPgConnection,
    names: &[(Uuid, String)],
) -> Result<Vec<StoredTokenKey>, StoreError> {
    let (tenants, kids): (Vec<Uuid>, Vec<&str>) = names
        .iter()
        .map(|(tenant, kid)| (*tenant, kid.as_str()))
        .unzip();
    let rows: Vec<TokenKeyRow> = token_keys::table
        .filter(token_keys::tenant_id.eq_any(tenants))
        .filter(token_keys::kid.eq_any(kids))
        .order(token_keys::id.desc())
        .select(TokenKeyRow::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(TokenKeyRow::stored).collect())
}

/// Those of people that are there, by tenant and id.
///
/// # Errors
/// The database is out of reach.
pub async fn people_there(
    connection: &mut AsyncPgConnection,
    people: &[(Uuid, Uuid)],
) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
    let ids: Vec<Uuid> = people.iter().map(|(_, id)| *id).collect();
    Ok(users::table
        .filter(users::id.eq_any(ids))
        .filter(users::deleted_at.is_null())
        .select((users::tenant_id, users::id))
        .load(connection)
        .await?)
}

/// Those of these keys that are not taken back.
///
/// # Errors
/// The database is out of reach.
pub async fn live(
    connection: &mut AsyncPgConnection,
    ids: &[Uuid],
) -> Result<HashSet<Uuid>, StoreError> {
    let live: Vec<Uuid> = token_keys::table
        .filter(token_keys::id.eq_any(ids))
        .filter(token_keys::revoked_at.is_null())
        .select(token_keys::id)
        .load(connection)
        .await?;
    Ok(live.into_iter().collect())
}
