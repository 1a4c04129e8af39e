//! Events about a notification that somebody has in hand: what follows for it follows once its outcome is stored.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int8, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::super::StoreError;
use super::super::statement::statement;
use super::place::EventPlace;
use super::{EventRest, KeptColumns, KeptEvent, KeptRow, kept, take_ready};

statement!(
    Await(ids: Vec<Uuid> => Array<SqlUuid>) -> SqlUuid =
    "UPDATE email_logs SET awaits_outcome = true WHERE id = ANY(?) RETURNING id"
);

// After an hour it is judged as its notification stands.
statement!(
    TakeSettled(at: DateTime<Utc> => Timestamptz, id: Uuid => SqlUuid, most: i64 => Int8) -> KeptColumns = concat!(
    "WITH looked AS MATERIALIZED (
         SELECT e.id FROM email_logs e WHERE e.awaits_outcome AND (e.created_at, e.id) > (?, ?)
         ORDER BY e.created_at, e.id LIMIT ?
     ), ready AS MATERIALIZED (
         SELECT e.id, e.notification_id FROM email_logs e JOIN looked USING (id)
         WHERE e.awaits_outcome
           AND (e.created_at < now() - interval '1 hour'
                OR (SELECT n.status = 'pending' AND n.owner IS NOT NULL FROM notifications n
                    WHERE n.id = e.notification_id LIMIT 1) IS NOT TRUE)
         FOR UPDATE OF e SKIP LOCKED
     )", take_ready!("awaits_outcome"))
);

/// Notes that what follows from events for their notifications waits for an outcome.
///
/// # Errors
/// The database is out of reach.
pub async fn await_outcome(
    connection: &mut AsyncPgConnection,
    ids: Vec<Uuid>,
) -> Result<(), StoreError> {
    let _: Vec<Uuid> = Await { ids }.load(connection).await?;
    Ok(())
}

/// Takes those whose notification nobody has in hand any more, of the next so many behind a place.
///
/// # Errors
/// The database is out of reach.
pub async fn take_settled(
    connection: &mut AsyncPgConnection,
    behind: EventPlace,
    most: i64,
) -> Result<Vec<KeptEvent>, StoreError> {
    let take = TakeSettled {
        at: behind.at,
        id: behind.id,
        most,
    };
    let rows: Vec<KeptRow> = take.load(connection).await?;
    let rest = |event: KeptEvent| KeptEvent {
        rest: EventRest::Notification,
        ..event
    };
    rows.into_iter().map(|row| kept(row).map(rest)).collect()
}
