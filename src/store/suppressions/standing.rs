//! The entries that stand against addresses now, for whoever asks why nothing was sent.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{SuppressionKey, holds};
use crate::domain::suppression::{StandingSuppression, SuppressionOrigin};
use crate::domain::{Channel, Suppression};
use crate::store::StoreError;
use crate::store::change::word;
use crate::store::statement::statement;
use crate::store::time::from_database;

type HeldEntryRow = (
    Uuid,
    String,
    Option<String>,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<String>,
    Option<String>,
    Option<DateTime<Utc>>,
);

/// What is answered of an entry `s` and its event `e`.
macro_rules! held_entry {
    () => {
        "SELECT s.id, s.reason, s.category, s.since, s.ends_at, e.provider, e.event, e.occurred_at"
    };
}

type HeldEntryColumns = (
    SqlUuid,
    Text,
    Nullable<Text>,
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Timestamptz>,
);

statement!(
    FindHeld(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        addresses: Vec<String> => Array<Text>,
        categories: Vec<Option<String>> => Array<Nullable<Text>>,
        most: i64 => Int8,
    ) -> HeldEntryColumns = concat!(
    held_entry!(), "
     FROM unnest(?, ?, ?, ?) AS asked (tenant_id, channel, address, category)
     JOIN suppressions s USING (tenant_id, channel, address)
     LEFT JOIN email_logs e ON e.id = s.event_id
     WHERE ", holds!(), "
     ORDER BY s.since, s.id LIMIT ?")
);

statement!(
    FindHeldOf(id: Uuid => SqlUuid, most: i64 => Int8) -> HeldEntryColumns = concat!(
    held_entry!(), "
     FROM (SELECT n.tenant_id, n.message_type AS channel, n.category, addressed.address
           FROM notifications n LEFT JOIN users u ON u.id = n.user_id
           CROSS JOIN LATERAL (
               SELECT coalesce(n.recipient, n.payload ->> 'to', CASE n.message_type
                   WHEN 'email' THEN lower(u.email) WHEN 'sms' THEN u.phone WHEN 'in_app' THEN u.id::text END) AS address
               UNION ALL
               SELECT d.token FROM user_devices d
               WHERE d.user_id = n.user_id AND n.message_type = 'push' AND n.payload ->> 'to' IS NULL) addressed
           WHERE n.id = ? AND n.redacted_at IS NULL) AS asked
     JOIN suppressions s USING (tenant_id, channel, address)
     LEFT JOIN email_logs e ON e.id = s.event_id
     WHERE ", holds!(), "
     ORDER BY s.since, s.id LIMIT ?")
);

/// At most so many entries that stand against addresses now, the eldest first.
///
/// # Errors
/// The database is out of reach, or an entry cannot be read.
pub async fn standing(
    connection: &mut AsyncPgConnection,
    asked: &[SuppressionKey],
    most: usize,
) -> Result<Vec<StandingSuppression>, StoreError> {
    let spelt = |(_, channel, address, _): &SuppressionKey| Suppression::address(*channel, address);
    let standing = FindHeld {
        tenants: asked.iter().map(|(tenant, ..)| *tenant).collect(),
        channels: asked
            .iter()
            .map(|(_, it, ..)| Channel::as_str(*it))
            .collect(),
        addresses: asked.iter().map(spelt).collect(),
        categories: asked.iter().map(|(.., it)| it.clone()).collect(),
        most: i64::try_from(most).unwrap_or(i64::MAX),
    };
    let rows: Vec<HeldEntryRow> = standing.load(connection).await?;
    rows.into_iter().map(entry).collect()
}

/// At most so many entries that stand against the addresses of a notification now, the eldest first.
///
/// # Errors
/// The database is out of reach, or an entry cannot be read.
pub async fn standing_of(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    most: i64,
) -> Result<Vec<StandingSuppression>, StoreError> {
    let rows: Vec<HeldEntryRow> = FindHeldOf { id, most }.load(connection).await?;
    rows.into_iter().map(entry).collect()
}

fn entry(row: HeldEntryRow) -> Result<StandingSuppression, StoreError> {
    let (id, reason, category, since, ends_at, provider, event, at) = row;
    Ok(StandingSuppression {
        id,
        reason: word(&reason)?,
        category,
        since: from_database(since),
        until: ends_at.map(from_database),
        told_by: origin(provider, event, at),
    })
}

/// What an event told; nothing of one that is forgotten.
pub(super) fn origin(
    provider: Option<String>,
    event: Option<String>,
    at: Option<DateTime<Utc>>,
) -> Option<SuppressionOrigin> {
    Some(SuppressionOrigin {
        provider: provider?,
        event: event?,
        at: from_database(at?),
    })
}
