//! What was told of notifications before they are sent once more.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::super::change::word;
use super::super::statement::statement;
use super::super::time::from_database;
use super::super::{Database, StoreError};
use crate::domain::{Channel, ProviderEvent, ToldBefore};

statement!(
    Before(ids: Vec<Uuid> => Array<SqlUuid>, channel: &'static str => Text, events: Vec<&'static str> => Array<Text>)
        -> (SqlUuid, Text, Text, Timestamptz, Timestamptz, Nullable<Array<Text>>) =
    "SELECT notification_id, provider, event, min(occurred_at), max(created_at), speaks_for FROM email_logs
     WHERE notification_id = ANY(?) AND message_type = ? AND event = ANY(?) AND matched_by <> 'address'
     GROUP BY notification_id, provider, event, speaks_for"
);

/// What accounts of a channel have told of these notifications for sure that proves that they accepted them: each kind
/// of event once, with when it happened first and when it was last told.
///
/// # Errors
/// The database is out of reach.
pub async fn told_before(
    database: &Database,
    channel: Channel,
    ids: Vec<Uuid>,
) -> Result<Vec<ToldBefore>, StoreError> {
    let proving = ProviderEvent::ALL
        .iter()
        .filter(|it| it.proves_acceptance());
    let before = Before {
        ids,
        channel: channel.as_str(),
        events: proving.map(|it| it.as_str()).collect(),
    };
    let rows: Vec<BeforeRow> = before.load(&mut *database.get().await?).await?;
    let told = rows.into_iter().map(|row| {
        let (id, provider, event, at, told_at, speaks_for) = row;
        Ok(ToldBefore {
            id,
            provider,
            speaks_for: speaks_for.unwrap_or_default(),
            event: word(&event)?,
            at: from_database(at),
            told_at: from_database(told_at),
        })
    });
    told.collect()
}

type BeforeRow = (
    Uuid,
    String,
    String,
    DateTime<Utc>,
    DateTime<Utc>,
    Option<Vec<String>>,
);
