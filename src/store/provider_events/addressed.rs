//! Who writes to an address, and how that went.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int8, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::notifications::bound;
use super::super::statement::statement;
use super::super::{StoreError, time};
use crate::domain::Channel;

/// What is in the index of notifications that named their address themselves; `n` is one. Its words are the index's.
macro_rules! by_to {
    () => {
        "n.payload ->> 'to' IS NOT NULL AND n.message_type IN ('email', 'sms')"
    };
}

/// From how many soft bounces on, since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftBounces {
    /// So many.
    pub most: u32,
    /// Since then.
    pub since: Timestamp,
}

/// How long before it came back a mail was sent, at most.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_hours(7 * 24);

// Of what was sent to an address that is no person's the last thousand are looked at.
statement!(
    TenantsOf(
        emails: Vec<String> => Array<Text>,
        phones: Vec<String> => Array<Text>,
        channel: &'static str => Text,
        named: Vec<String> => Array<Text>,
    ) -> (Text, SqlUuid) = concat!(
    "SELECT lower(u.email), u.tenant_id FROM users u WHERE lower(u.email) = ANY(?) AND u.deleted_at IS NULL
     UNION
     SELECT u.phone, u.tenant_id FROM users u WHERE u.phone = ANY(?) AND u.deleted_at IS NULL
     UNION
     SELECT asked.address, sent.tenant_id
     FROM (SELECT ?::text AS channel) AS by CROSS JOIN unnest(?) AS asked (address)
     CROSS JOIN LATERAL (
         SELECT n.tenant_id FROM notifications n
         WHERE n.recipient = asked.address AND n.message_type = by.channel AND ", by_to!(), "
         ORDER BY n.id DESC LIMIT 1000) sent")
);

// The bounce that makes it too many, counted from the newest: none since then may have arrived. One that is told again
// under another id is the same: a message comes back once at a time. What arrived and came back all the same did not.
// After an entry has ended, counting begins anew.
statement!(
    FullMailboxes(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        addresses: Vec<String> => Array<Text>,
        channel: &'static str => Text,
        since: DateTime<Utc> => Timestamptz,
        sent_since: Uuid => SqlUuid,
        others: i64 => Int8,
    ) -> (SqlUuid, Text) = concat!(
    "SELECT w.tenant_id, w.address
     FROM unnest(?, ?) AS w (tenant_id, address)
     CROSS JOIN (SELECT ?::text AS channel, ?::timestamptz AS since, ?::uuid AS sent_since) AS asked
     CROSS JOIN LATERAL (
         SELECT r.occurred_at AS at FROM email_logs r
         WHERE r.event = 'soft_bounce' AND r.recipient = w.address AND r.message_type = asked.channel
           AND r.occurred_at > asked.since
           AND (r.tenant_id = w.tenant_id OR coalesce(r.matched_by, 'address') = 'address')
           AND r.occurred_at > coalesce((
               SELECT s.ends_at FROM suppressions s
               WHERE s.tenant_id = w.tenant_id AND s.channel = asked.channel AND s.address = w.address
                 AND s.category IS NULL AND s.reason = 'hard_bounce'), '-infinity')
         GROUP BY r.occurred_at, r.notification_id
         ORDER BY r.occurred_at DESC OFFSET ? LIMIT 1) first
     WHERE NOT EXISTS (
         SELECT FROM (
             SELECT n.id FROM users u JOIN notifications n ON n.user_id = u.id
             WHERE lower(u.email) = w.address AND u.deleted_at IS NULL AND n.recipient = w.address
               AND n.id >= asked.sent_since
             UNION ALL
             SELECT n.id FROM notifications n
             WHERE n.recipient = w.address AND n.id >= asked.sent_since AND ", by_to!(), ") n
         JOIN email_logs d ON d.notification_id = n.id AND d.event = 'delivered' AND d.occurred_at >= first.at
         WHERE NOT EXISTS (
             SELECT FROM email_logs b
             WHERE b.notification_id = n.id AND b.event IN ('bounce', 'soft_bounce')
               AND b.occurred_at > d.occurred_at))")
);

/// The tenants that write to these addresses, each with the address: to a person who has it, or because a
/// notification named it.
///
/// # Errors
/// The database is out of reach.
pub async fn tenants_of(
    connection: &mut AsyncPgConnection,
    channel: Channel,
    addresses: Vec<String>,
) -> Result<Vec<(String, Uuid)>, StoreError> {
    let named = addresses.clone();
    let (emails, phones) = match channel {
        Channel::Email => (addresses, vec![]),
        Channel::Sms => (vec![], addresses),
        Channel::Push | Channel::InApp | Channel::Chat => return Ok(vec![]),
    };
    let tenants = TenantsOf {
        emails,
        phones,
        channel: channel.as_str(),
        named,
    };
    Ok(tenants.load(connection).await?)
}

/// Those of these addresses whose mailbox could not take mail of their tenant too often, since something arrived
/// there.
///
/// # Errors
/// The database is out of reach.
pub async fn full_mailboxes(
    connection: &mut AsyncPgConnection,
    channel: Channel,
    addresses: Vec<(Uuid, String)>,
    bounces: SoftBounces,
) -> Result<Vec<(Uuid, String)>, StoreError> {
    let (tenants, addresses) = addresses.into_iter().unzip();
    let sent_since = bounces.since.saturating_sub(ON_ITS_WAY);
    let full = FullMailboxes {
        tenants,
        addresses,
        channel: channel.as_str(),
        since: time::to_database(bounces.since),
        sent_since: bound(sent_since.unwrap_or(bounces.since)),
        others: i64::from(bounces.most.saturating_sub(1)),
    };
    Ok(full.load(connection).await?)
}
