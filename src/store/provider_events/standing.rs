//! Notifications that events are about, as they stand; and what webhooks are told of them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::StoreError;
use super::super::due::{Columns, NotificationRow, Taken};
use super::super::statement::statement;
use super::super::time::from_database;
use super::super::webhooks::announce as told;
use crate::domain::{NewWebhookDelivery, Notification};

/// A notification as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingNotification {
    /// The notification.
    pub notification: Notification,
    /// Its status, as it is stored.
    pub status: String,
    /// Why, as it is stored.
    pub reason: Option<String>,
    /// The account that was asked last.
    pub provider: Option<String>,
    /// The provider's id of the message.
    pub provider_message_id: Option<String>,
    /// Whether a run has it in hand.
    pub is_in_hand: bool,
}

type StandingColumns = (
    Columns,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Bool,
);
type StandingRow = (
    NotificationRow,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    bool,
);

macro_rules! standing {
    () => {
        "SELECT n.id, n.tenant_id, n.user_id, n.idempotency_key, n.message_type, n.priority, n.category, n.payload,
                n.attempt_count, n.max_retries, n.created_at, n.send_at, n.expires_at, n.attempts, n.source_type,
                n.source_id, n.metadata, 0::smallint, n.status, n.reason, n.provider, n.provider_message_id,
                n.owner IS NOT NULL
         FROM notifications n WHERE n.id = ANY(?)"
    };
}

statement!(ReadStanding(ids: Vec<Uuid> => Array<SqlUuid>) -> StandingColumns = standing!());
statement!(
    HoldStanding(ids: Vec<Uuid> => Array<SqlUuid>) -> StandingColumns =
    concat!(standing!(), " ORDER BY n.id FOR NO KEY UPDATE")
);

/// How these notifications stand. One that cannot be read, or has no person any more, is left out.
///
/// # Errors
/// The database is out of reach.
pub async fn read(
    connection: &mut AsyncPgConnection,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, StandingNotification>, StoreError> {
    Ok(by_id(ReadStanding { ids }.load(connection).await?))
}

/// The same; they are held until the transaction ends.
///
/// # Errors
/// The database is out of reach, or somebody has locked one of them.
pub async fn hold(
    connection: &mut AsyncPgConnection,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, StandingNotification>, StoreError> {
    Ok(by_id(HoldStanding { ids }.load(connection).await?))
}

/// When notifications arrived last, each as an account told it; late ahead what a person has opened.
pub type Arrivals = HashMap<(Uuid, String), Timestamp>;

statement!(
    Arrived(ids: Vec<Uuid> => Array<SqlUuid>) -> (SqlUuid, Text, Timestamptz) =
    "SELECT notification_id, provider, max(CASE event WHEN 'delivered' THEN occurred_at ELSE now() + interval '1 day' END)
     FROM email_logs
     WHERE notification_id = ANY(?) AND event IN ('delivered', 'open', 'click', 'complaint', 'unsubscribe') AND matched_by <> 'address' GROUP BY 1, 2"
);

/// Which of these notifications have arrived, as far as is known for sure.
///
/// # Errors
/// The database is out of reach.
pub async fn arrived(
    connection: &mut AsyncPgConnection,
    ids: Vec<Uuid>,
) -> Result<Arrivals, StoreError> {
    let rows: Vec<(Uuid, String, DateTime<Utc>)> = Arrived { ids }.load(connection).await?;
    let arrived = rows
        .into_iter()
        .map(|(id, provider, at)| ((id, provider), from_database(at)));
    Ok(arrived.collect())
}

fn by_id(rows: Vec<StandingRow>) -> HashMap<Uuid, StandingNotification> {
    let standing = rows.into_iter().filter_map(
        |(row, status, reason, provider, provider_message_id, is_in_hand)| {
            let notification = Taken::of(vec![row]).notifications.into_iter().next()?;
            let standing = StandingNotification {
                notification,
                status,
                reason,
                provider,
                provider_message_id,
                is_in_hand,
            };
            Some((standing.notification.id, standing))
        },
    );
    standing.collect()
}

/// Writes what webhooks are told, in the transaction that stores what happened.
///
/// # Errors
/// The database is out of reach.
pub async fn announce(
    connection: &mut AsyncPgConnection,
    deliveries: &[NewWebhookDelivery],
) -> Result<(), StoreError> {
    let all: Vec<Uuid> = deliveries.iter().map(|it| it.notification_id).collect();
    told::write(connection, deliveries, &all).await
}
