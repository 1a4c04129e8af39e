//! Events that call addresses dead and were not believed: too many did at once. They are judged again later.

use diesel::sql_types::{Array, Int8, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::statement::statement;
use super::super::{StoreError, system_events};
use super::{EventRest, KeptColumns, KeptEvent, KeptRow, kept, take_ready};
use crate::domain::{Severity, SystemEvent};

/// The `event_type` of an account whose events call too many addresses dead.
const TOO_MANY: &str = "provider_events_doubted";

statement!(
    Doubt(ids: Vec<Uuid> => Array<SqlUuid>) -> SqlUuid =
    "UPDATE email_logs SET is_doubted = true WHERE id = ANY(?) RETURNING id"
);

// A transaction that is not over is not seen: nodes that are told at the same moment believe a little more.
statement!(
    DeadLately(provider: String => Text, without: Vec<Uuid> => Array<SqlUuid>) -> Int8 =
    "SELECT count(*) FROM (
         SELECT FROM email_logs
         WHERE provider = ? AND blame = 'dead' AND created_at > now() - interval '1 minute' AND id <> ALL(?)
         LIMIT 20000) lately"
);

// What nobody could believe for a day is let go of.
statement!(
    /// The accounts of which events may be judged again.
    Doubted() -> Text =
    "WITH over AS (
         UPDATE email_logs SET is_doubted = false WHERE id = ANY (ARRAY(
             SELECT id FROM email_logs WHERE is_doubted AND created_at < now() - interval '1 day'
             ORDER BY provider, created_at LIMIT 5000 FOR UPDATE SKIP LOCKED))
     )
     SELECT p.provider_name FROM provider_configs p
     WHERE EXISTS (SELECT FROM email_logs e
                   WHERE e.is_doubted AND e.provider = p.provider_name
                     AND e.created_at < now() - interval '10 minutes')"
);

statement!(
    TakeDoubted(provider: String => Text, most: i64 => Int8) -> KeptColumns = concat!(
    "WITH ready AS MATERIALIZED (
         SELECT id, notification_id FROM email_logs
         WHERE is_doubted AND provider = ? AND created_at < now() - interval '10 minutes'
         ORDER BY created_at LIMIT ? FOR UPDATE SKIP LOCKED
     )", take_ready!("is_doubted"))
);

statement!(
    /// The accounts of which nothing was doubted for ten minutes, though operators were told so.
    Calm(event_type: &'static str => Text) -> Text =
    "SELECT s.details ->> 'provider' FROM admin_system_events s
     WHERE s.event_type = ? AND NOT s.is_resolved
       AND NOT EXISTS (SELECT FROM email_logs e
                       WHERE e.is_doubted AND e.provider = s.details ->> 'provider'
                         AND e.created_at > now() - interval '10 minutes')"
);

/// How many events of an account called an address dead in the last minute, whichever node was told, without these; at most 20,000.
///
/// # Errors
/// The database is out of reach.
pub async fn dead_lately(
    connection: &mut AsyncPgConnection,
    provider: &str,
    without: Vec<Uuid>,
) -> Result<u32, StoreError> {
    let lately = DeadLately {
        provider: provider.to_owned(),
        without,
    };
    let count: i64 = lately.get_result(connection).await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Notes that an account's events are not believed, and tells operators once.
///
/// # Errors
/// The database is out of reach.
pub async fn doubt(
    connection: &mut AsyncPgConnection,
    provider: &str,
    ids: Vec<Uuid>,
) -> Result<(), StoreError> {
    let _: Vec<Uuid> = Doubt { ids }.load(connection).await?;
    let details = [("provider".to_owned(), Value::from(provider))];
    let event = SystemEvent {
        event_type: TOO_MANY.to_owned(),
        severity: Severity::High,
        description: format!(
            "provider `{provider}`: its events call more addresses dead than \
             providers.dead_addresses_a_minute: for now none of these is suppressed; they are judged again later"
        ),
        details: Map::from_iter(details),
        tenant_id: None,
        user_id: None,
    };
    system_events::open(connection, &event).await?;
    Ok(())
}

/// The accounts of which doubted events may be judged again; what operators were told of the others is over.
///
/// # Errors
/// The database is out of reach.
pub async fn doubted(connection: &mut AsyncPgConnection) -> Result<Vec<String>, StoreError> {
    let event_type = TOO_MANY;
    let calm: Vec<String> = Calm { event_type }.load(connection).await?;
    for provider in calm {
        system_events::close_of(connection, None, TOO_MANY, Some(&provider)).await?;
    }
    Ok(Doubted {}.load(connection).await?)
}

/// Takes doubted events of an account, the eldest first, at most so many.
///
/// # Errors
/// The database is out of reach.
pub async fn take_doubted(
    connection: &mut AsyncPgConnection,
    provider: &str,
    most: i64,
) -> Result<Vec<KeptEvent>, StoreError> {
    let provider = provider.to_owned();
    let rows: Vec<KeptRow> = TakeDoubted { provider, most }.load(connection).await?;
    let rest = |event: KeptEvent| KeptEvent {
        rest: EventRest::Address,
        ..event
    };
    rows.into_iter().map(|row| kept(row).map(rest)).collect()
}
