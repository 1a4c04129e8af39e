//! Addresses that nothing may be sent to.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::change::{Change, Written};
use super::schema::notification_schema::suppressions;
use crate::domain::{Channel, Suppression};

/// Puts an address on the list, or gives it another reason. `since` stays the first day.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    suppression: &Suppression,
) -> Result<Change, StoreError> {
    let address = Suppression::address(suppression.channel, &suppression.address);
    let written: Option<Written> = diesel::sql_query(
        "INSERT INTO suppressions AS s (id, tenant_id, channel, address, reason) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT ON CONSTRAINT suppressions_address_key DO UPDATE \
         SET reason = EXCLUDED.reason WHERE s.reason <> EXCLUDED.reason \
         RETURNING (xmax = 0) AS created",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<SqlUuid, _>(suppression.tenant_id)
    .bind::<Text, _>(suppression.channel.as_str())
    .bind::<Text, _>(address)
    .bind::<Text, _>(suppression.reason.as_str())
    .get_result(connection)
    .await
    .optional()?;
    Ok(Written::change(written.as_ref()))
}

/// Takes an address off the list; says whether it was on it.
///
/// # Errors
/// The database is out of reach.
pub async fn remove(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    channel: Channel,
    address: &str,
) -> Result<bool, StoreError> {
    let entry = suppressions::table
        .filter(suppressions::tenant_id.eq(tenant_id))
        .filter(suppressions::channel.eq(channel.as_str()))
        .filter(suppressions::address.eq(Suppression::address(channel, address)));
    Ok(diesel::delete(entry).execute(connection).await? > 0)
}

/// Those of a channel's addresses that are suppressed, as [`Suppression::address`] spells them.
///
/// # Errors
/// The database is out of reach.
pub async fn among(
    connection: &mut AsyncPgConnection,
    channel: Channel,
    addresses: &[(Uuid, String)],
) -> Result<HashSet<(Uuid, String)>, StoreError> {
    let asked: HashSet<(Uuid, String)> = addresses
        .iter()
        .map(|(tenant, address)| (*tenant, Suppression::address(channel, address)))
        .collect();
    let (tenants, addresses): (Vec<Uuid>, Vec<&str>) = asked
        .iter()
        .map(|(tenant, address)| (*tenant, address.as_str()))
        .unzip();
    let listed: Vec<(Uuid, String)> = suppressions::table
        .filter(suppressions::tenant_id.eq_any(tenants))
        .filter(suppressions::channel.eq(channel.as_str()))
        .filter(suppressions::address.eq_any(addresses))
        .select((suppressions::tenant_id, suppressions::address))
        .load(connection)
        .await?;
    Ok(listed
        .into_iter()
        .filter(|entry| asked.contains(entry))
        .collect())
}
