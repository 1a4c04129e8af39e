//! What events say of people and addresses: what nothing is sent to any more, and what may be again.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
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
    /// The event that says it.
    pub event_id: Uuid,
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
    /// Only in this category; `None` is what was said of all.
    pub category: Option<String>,
    /// When it was said.
    pub at: Timestamp,
}

/// The category that an event `r` is about for sure: `NULL` is all of the channel, and what is a guess.
macro_rules! scope {
    () => {
        "(SELECT n.category FROM notifications n
          WHERE n.id = r.notification_id AND r.matched_by <> 'address' AND r.message_type <> 'sms' LIMIT 1)"
    };
}

/// Whether an event `r` says something to the tenant of the wish `w` as well.
macro_rules! concerns {
    () => {
        "(r.recipient = w.address AND r.message_type = w.channel
          AND (r.message_type = 'sms' OR r.tenant_id = w.tenant_id OR coalesce(r.matched_by, 'address') = 'address'))"
    };
}

// Whoever subscribed again, to the same, later than they unsubscribed stays. An entry with an end gives way to one without.
statement!(
    Suppress(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        addresses: Vec<String> => Array<Text>,
        reasons: Vec<&'static str> => Array<Text>,
        categories: Vec<Option<String>> => Array<Nullable<Text>>,
        moments: Vec<DateTime<Utc>> => Array<Timestamptz>,
        events: Vec<Uuid> => Array<SqlUuid>,
    ) -> Bool = concat!(
    "INSERT INTO suppressions AS s (tenant_id, channel, address, reason, category, event_id)
     SELECT DISTINCT ON (w.tenant_id, w.channel, w.address, w.category, w.reason)
         w.tenant_id, w.channel, w.address, w.reason, w.category, w.event_id
     FROM unnest(?, ?, ?, ?, ?, ?, ?) AS w (tenant_id, channel, address, reason, category, at, event_id)
     JOIN tenants t ON t.id = w.tenant_id
     WHERE w.reason NOT IN ('stop', 'unsubscribe')
        OR NOT EXISTS (SELECT FROM email_logs r
                       WHERE r.event = 'resubscribe' AND r.occurred_at > w.at AND ", concerns!(), "
                         AND ", scope!(), " IS NOT DISTINCT FROM w.category)
     ORDER BY w.tenant_id, w.channel, w.address, w.category, w.reason, w.at DESC
     ON CONFLICT ON CONSTRAINT suppressions_address_key DO UPDATE
     SET ends_at = NULL, accounts = NULL, event_id = EXCLUDED.event_id
     WHERE s.ends_at IS NOT NULL
     RETURNING true")
);

// Whoever unsubscribed later than they subscribed again, or at the same time, stays away. What was unsubscribed from
// without a word of what it was may have been this.
statement!(
    Lift(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        channels: Vec<&'static str> => Array<Text>,
        addresses: Vec<String> => Array<Text>,
        categories: Vec<Option<String>> => Array<Nullable<Text>>,
        moments: Vec<DateTime<Utc>> => Array<Timestamptz>,
    ) -> Bool = concat!(
    "DELETE FROM suppressions s
     USING unnest(?, ?, ?, ?, ?) AS w (tenant_id, channel, address, category, at)
     WHERE s.tenant_id = w.tenant_id AND s.channel = w.channel AND s.address = w.address
       AND s.reason IN ('stop', 'unsubscribe')
       AND (s.category IS NOT DISTINCT FROM w.category OR w.channel = 'sms')
       AND NOT EXISTS (SELECT FROM email_logs r
                       WHERE r.event = 'unsubscribe' AND r.occurred_at >= w.at AND ", concerns!(), "
                         AND coalesce(", scope!(), ", w.category) IS NOT DISTINCT FROM w.category)
     RETURNING true")
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
        events: wishes.iter().map(|it| it.event_id).collect(),
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

/// An address that an event calls dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadWord {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The channel.
    pub channel: Channel,
    /// The address.
    pub address: String,
    /// The event that says it.
    pub event_id: Uuid,
}

/// Puts dead addresses on the list, as sending does: the first word is believed for a week, one after that for good.
///
/// # Errors
/// The database is out of reach.
pub async fn learn_dead(
    connection: &mut AsyncPgConnection,
    dead: &[DeadWord],
) -> Result<(), StoreError> {
    let learnt = dead.iter().map(|word| Learnt {
        suppression: Suppression {
            tenant_id: word.tenant_id,
            channel: word.channel,
            address: word.address.clone(),
            reason: SuppressionReason::HardBounce,
            category: None,
        },
        account: None,
        event_id: Some(word.event_id),
    });
    suppressions::learn(connection, &learnt.collect::<Vec<_>>()).await
}
