//! The suppression list as operators read and change it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::standing::origin;
use crate::domain::suppression::SuppressionOrigin;
use crate::domain::{Channel, Suppression, SuppressionReason};
use crate::store::StoreError;
use crate::store::change::word;
use crate::store::schema::notification_schema::{email_logs, suppressions};
use crate::store::time::{from_database, to_database};

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSuppression {
    /// Its id.
    pub id: Uuid,
    /// What it says.
    pub suppression: Suppression,
    /// When the address came on the list.
    pub since: Timestamp,
    /// When it ends by itself.
    pub ends_at: Option<Timestamp>,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// The provider's event that put it there, if it was one that is still known.
    pub told_by: Option<SuppressionOrigin>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = suppressions)]
struct SuppressionRow {
    id: Uuid,
    tenant_id: Uuid,
    channel: String,
    address: String,
    reason: String,
    category: Option<String>,
    since: DateTime<Utc>,
    ends_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    event_id: Option<Uuid>,
}

/// What providers told, by the ids of the events.
type Origins = HashMap<Uuid, SuppressionOrigin>;

/// The events that these rows come of.
async fn origins(
    connection: &mut AsyncPgConnection,
    rows: &[SuppressionRow],
) -> Result<Origins, StoreError> {
    let ids: Vec<Uuid> = rows.iter().filter_map(|row| row.event_id).collect();
    if ids.is_empty() {
        return Ok(Origins::new());
    }
    let told: Vec<(Uuid, String, String, DateTime<Utc>)> = email_logs::table
        .filter(email_logs::id.eq_any(ids))
        .select((
            email_logs::id,
            email_logs::provider,
            email_logs::event,
            email_logs::occurred_at,
        ))
        .load(connection)
        .await?;
    let told = told.into_iter().filter_map(|(id, provider, event, at)| {
        Some((id, origin(Some(provider), Some(event), Some(at))?))
    });
    Ok(told.collect())
}

impl SuppressionRow {
    fn stored(self, told: &Origins) -> Result<StoredSuppression, StoreError> {
        Ok(StoredSuppression {
            id: self.id,
            suppression: Suppression {
                tenant_id: self.tenant_id,
                channel: word(&self.channel)?,
                address: self.address,
                reason: word::<SuppressionReason>(&self.reason)?,
                category: self.category,
            },
            since: from_database(self.since),
            ends_at: self.ends_at.map(from_database),
            updated_at: from_database(self.updated_at),
            told_by: self.event_id.and_then(|id| told.get(&id).cloned()),
        })
    }
}

/// At most so many entries of a tenant, by falling id, that come behind another one; of all tenants without
/// one. `channel` and `address`, as the list spells it, must hold.
///
/// # Errors
/// The database is out of reach, or an entry cannot be read.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    (channel, address): (Option<Channel>, Option<&str>),
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredSuppression>, StoreError> {
    let mut entries = suppressions::table
        .select(SuppressionRow::as_select())
        .into_boxed();
    if let Some(tenant_id) = tenant_id {
        entries = entries.filter(suppressions::tenant_id.eq(tenant_id));
    }
    if let Some(channel) = channel {
        entries = entries.filter(suppressions::channel.eq(channel.as_str()));
    }
    if let Some(address) = address {
        entries = entries.filter(suppressions::address.eq(address.to_owned()));
    }
    if let Some(before) = before {
        entries = entries.filter(suppressions::id.lt(before));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let entries = entries.order(suppressions::id.desc()).limit(most);
    let rows: Vec<SuppressionRow> = entries.load(connection).await?;
    let told = origins(connection, &rows).await?;
    rows.into_iter().map(|row| row.stored(&told)).collect()
}

/// An entry of a tenant, or of any without one; held until the transaction around it ends.
///
/// # Errors
/// The database is out of reach, or the entry cannot be read.
pub async fn hold(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<Option<StoredSuppression>, StoreError> {
    let any_tenant = tenant_id.is_none().into_sql::<Bool>();
    let row: Option<SuppressionRow> = suppressions::table
        .filter(suppressions::id.eq(id))
        .filter(any_tenant.or(suppressions::tenant_id.eq(tenant_id.unwrap_or_default())))
        .select(SuppressionRow::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?;
    one(connection, row).await
}

/// The entry of the same address, category and reason, perhaps with another end.
///
/// # Errors
/// The database is out of reach, or the entry cannot be read.
pub async fn same(
    connection: &mut AsyncPgConnection,
    suppression: &Suppression,
) -> Result<Option<StoredSuppression>, StoreError> {
    let address = Suppression::address(suppression.channel, &suppression.address);
    let row: Option<SuppressionRow> = suppressions::table
        .filter(suppressions::tenant_id.eq(suppression.tenant_id))
        .filter(suppressions::channel.eq(suppression.channel.as_str()))
        .filter(suppressions::address.eq(address))
        .filter(suppressions::category.is_not_distinct_from(suppression.category.as_deref()))
        .filter(suppressions::reason.eq(suppression.reason.as_str()))
        .select(SuppressionRow::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?;
    one(connection, row).await
}

/// What is stored, if there is any.
async fn one(
    connection: &mut AsyncPgConnection,
    row: Option<SuppressionRow>,
) -> Result<Option<StoredSuppression>, StoreError> {
    let Some(row) = row else {
        return Ok(None);
    };
    let told = origins(connection, std::slice::from_ref(&row)).await?;
    row.stored(&told).map(Some)
}

#[derive(QueryableByName)]
struct PutId {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Puts an address on the list for a reason until it ends, if it does; gives one that is there its end. `since` stays
/// the first day. Answers its id.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist.
pub async fn put(
    connection: &mut AsyncPgConnection,
    suppression: &Suppression,
    ends_at: Option<Timestamp>,
) -> Result<Uuid, StoreError> {
    let address = Suppression::address(suppression.channel, &suppression.address);
    let put: PutId = diesel::sql_query(
        "INSERT INTO suppressions (id, tenant_id, channel, address, reason, category, ends_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT ON CONSTRAINT suppressions_address_key DO UPDATE \
         SET ends_at = EXCLUDED.ends_at, accounts = NULL \
         RETURNING id",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<SqlUuid, _>(suppression.tenant_id)
    .bind::<Text, _>(suppression.channel.as_str())
    .bind::<Text, _>(address)
    .bind::<Text, _>(suppression.reason.as_str())
    .bind::<Nullable<Text>, _>(&suppression.category)
    .bind::<Nullable<Timestamptz>, _>(ends_at.map(to_database))
    .get_result(connection)
    .await?;
    Ok(put.id)
}

/// Takes an entry off the list.
///
/// # Errors
/// The database is out of reach.
pub async fn lift(connection: &mut AsyncPgConnection, id: Uuid) -> Result<(), StoreError> {
    let entry = suppressions::table.find(id);
    diesel::delete(entry).execute(connection).await?;
    Ok(())
}
