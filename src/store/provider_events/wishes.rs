//! What events say of people and addresses: what nothing is sent to any more, and what may be again.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::statement::statement;
use super::super::suppressions::{self, Learnt};
use super::super::{StoreError, time};
use crate::domain::{Channel, Suppression, SuppressionReason};

/// An address that nothing is to be sent to, as a person or a provider said at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWish {
    /// The entry.
    pub suppression: Suppression,
    /// When it was said.
    pub at: Timestamp,
}

/// A person wants to be written to again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiftedWish {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The channel.
    pub channel: Channel,
    /// The address, in its one spelling.
    pub address: String,
    /// Only in this category; `None` is all that was said.
    pub category: Option<String>,
    /// When it was said.
    pub at: Timestamp,
}

/// From how many soft bounces on, since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftBounces {
    /// So many.
    pub most: u32,
    /// Since then.
    pub since: Timestamp,
}

// Whoever subscribed again, to the same category, later than they unsubscribed stays. An entry with an end gives way to one without, and
// whatever else was said gives way to a complaint, which no START lifts.
statement!(
    Suppress(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        addresses: Vec<String> => Array<Text>,
        reasons: Vec<&'static str> => Array<Text>,
        categories: Vec<Option<String>> => Array<Nullable<Text>>,
        moments: Vec<DateTime<Utc>> => Array<Timestamptz>,
    ) -> Bool =
    "INSERT INTO suppressions AS s (tenant_id, channel, address, reason, category)
     SELECT DISTINCT ON (w.tenant_id, w.channel, w.address, w.category)
         w.tenant_id, w.channel, w.address, w.reason, w.category
     FROM unnest(?, ?, ?, ?, ?, ?) AS w (tenant_id, channel, address, reason, category, at)
     JOIN tenants t ON t.id = w.tenant_id
     WHERE w.reason NOT IN ('stop', 'unsubscribe')
        OR NOT EXISTS (SELECT FROM email_logs r
                       WHERE r.recipient = w.address AND r.event = 'resubscribe' AND r.message_type = w.channel
                         AND r.occurred_at > w.at
                         AND (w.category IS NULL OR coalesce((SELECT n.category FROM notifications n
                                      WHERE n.id = r.notification_id AND r.matched_by <> 'address' LIMIT 1),
                                     w.category) IS NOT DISTINCT FROM w.category))
     ORDER BY w.tenant_id, w.channel, w.address, w.category, w.reason <> 'complaint', w.at DESC
     ON CONFLICT ON CONSTRAINT suppressions_address_key DO UPDATE
     SET reason = EXCLUDED.reason, ends_at = NULL, accounts = NULL
     WHERE s.ends_at IS NOT NULL
        OR (EXCLUDED.reason = 'complaint' AND s.reason IN ('stop', 'unsubscribe', 'hard_bounce'))
     RETURNING true"
);

// Whoever unsubscribed later than they subscribed again, or at the same time, stays away.
statement!(
    Lift(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        addresses: Vec<String> => Array<Text>,
        categories: Vec<Option<String>> => Array<Nullable<Text>>,
        moments: Vec<DateTime<Utc>> => Array<Timestamptz>,
    ) -> Bool =
    "DELETE FROM suppressions s
     USING unnest(?, ?, ?, ?, ?) AS w (tenant_id, channel, address, category, at)
     WHERE s.tenant_id = w.tenant_id AND s.channel = w.channel AND s.address = w.address
       AND s.reason IN ('stop', 'unsubscribe') AND (w.category IS NULL OR s.category = w.category)
       AND NOT EXISTS (SELECT FROM email_logs r
                       WHERE r.recipient = w.address AND r.event = 'unsubscribe' AND r.message_type = w.channel
                         AND r.occurred_at >= w.at
                         AND (w.category IS NULL OR coalesce((SELECT n.category FROM notifications n
                                      WHERE n.id = r.notification_id AND r.matched_by <> 'address' LIMIT 1),
                                     w.category) IS NOT DISTINCT FROM w.category))
     RETURNING true"
);

statement!(
    TenantsOf(emails: Vec<String> => Array<Text>, phones: Vec<String> => Array<Text>) -> (Text, SqlUuid) =
    "SELECT lower(u.email), u.tenant_id FROM users u WHERE lower(u.email) = ANY(?) AND u.deleted_at IS NULL
     UNION
     SELECT u.phone, u.tenant_id FROM users u WHERE u.phone = ANY(?) AND u.deleted_at IS NULL"
);

statement!(
    FullMailboxes(
        channel: &'static str => Text,
        addresses: Vec<String> => Array<Text>,
        since: DateTime<Utc> => Timestamptz,
        most: i64 => Int8,
    ) -> Text =
    "SELECT r.recipient FROM email_logs r
     WHERE r.event = 'soft_bounce' AND r.message_type = ? AND r.recipient = ANY(?) AND r.occurred_at > ?
     GROUP BY r.recipient HAVING count(*) >= ?"
);

/// Puts addresses on the list, without an end; says how many entries are new or say something else now.
///
/// # Errors
/// The database is out of reach.
pub async fn suppress(
    connection: &mut AsyncPgConnection,
    wishes: &[StoredWish],
) -> Result<usize, StoreError> {
    let entries = || wishes.iter().map(|it| &it.suppression);
    let suppress = Suppress {
        tenants: entries().map(|it| it.tenant_id).collect(),
        channels: entries().map(|it| it.channel.as_str()).collect(),
        addresses: entries()
            .map(|it| Suppression::address(it.channel, &it.address))
            .collect(),
        reasons: entries().map(|it| it.reason.as_str()).collect(),
        categories: entries().map(|it| it.category.clone()).collect(),
        moments: wishes.iter().map(|it| time::to_database(it.at)).collect(),
    };
    let written: Vec<bool> = suppress.load(connection).await?;
    Ok(written.len())
}

/// Takes entries off the list that STOP or unsubscribing brought there; says how many.
///
/// # Errors
/// The database is out of reach.
pub async fn lift(
    connection: &mut AsyncPgConnection,
    wishes: &[LiftedWish],
) -> Result<usize, StoreError> {
    let lift = Lift {
        tenants: wishes.iter().map(|it| it.tenant_id).collect(),
        channels: wishes.iter().map(|it| it.channel.as_str()).collect(),
        addresses: wishes.iter().map(|it| it.address.clone()).collect(),
        categories: wishes.iter().map(|it| it.category.clone()).collect(),
        moments: wishes.iter().map(|it| time::to_database(it.at)).collect(),
    };
    let lifted: Vec<bool> = lift.load(connection).await?;
    Ok(lifted.len())
}

/// Puts dead addresses on the list, as sending does: the first word is believed for a week, one after that for good.
///
/// # Errors
/// The database is out of reach.
pub async fn learn_dead(
    connection: &mut AsyncPgConnection,
    dead: &[(Uuid, Channel, String)],
) -> Result<(), StoreError> {
    let learnt = dead.iter().map(|(tenant_id, channel, address)| Learnt {
        suppression: Suppression {
            tenant_id: *tenant_id,
            channel: *channel,
            address: address.clone(),
            reason: SuppressionReason::HardBounce,
            category: None,
        },
        account: None,
    });
    suppressions::learn(connection, &learnt.collect::<Vec<_>>()).await
}

/// The tenants that know people by these addresses, each with the address.
///
/// # Errors
/// The database is out of reach.
pub async fn tenants_of(
    connection: &mut AsyncPgConnection,
    channel: Channel,
    addresses: Vec<String>,
) -> Result<Vec<(String, Uuid)>, StoreError> {
    let (emails, phones) = match channel {
        Channel::Email => (addresses, vec![]),
        Channel::Sms => (vec![], addresses),
        Channel::Push | Channel::InApp | Channel::Chat => return Ok(vec![]),
    };
    Ok(TenantsOf { emails, phones }.load(connection).await?)
}

/// Those of these addresses whose mailbox could not take mail too often.
///
/// # Errors
/// The database is out of reach.
pub async fn full_mailboxes(
    connection: &mut AsyncPgConnection,
    channel: Channel,
    addresses: Vec<String>,
    bounces: SoftBounces,
) -> Result<Vec<String>, StoreError> {
    let full = FullMailboxes {
        channel: channel.as_str(),
        addresses,
        since: time::to_database(bounces.since),
        most: i64::from(bounces.most),
    };
    Ok(full.load(connection).await?)
}
