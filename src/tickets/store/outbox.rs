//! Events that RabbitMQ has not confirmed: written with what happened, published by one node at a time, removed once
//! RabbitMQ has them.

use diesel::sql_types::{Array, Bool, Double, Int8, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::store::statement::statement;
use crate::store::{PgConnection, StoreError};

/// Held by the node that publishes, for as long as its transaction.
const TURN: i64 = 0x5449_434B_4554; // "TICKET"

/// An event that is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Its place in the order; given by the database.
    pub place: i64,
    /// The CloudEvent's id.
    pub event_id: Uuid,
    /// About which ticket.
    pub ticket_id: Uuid,
    /// Its type: the routing key.
    pub event_type: String,
    /// The CloudEvent.
    pub body: String,
}

statement!(
    Write(
        events: Vec<Uuid> => Array<SqlUuid>,
        tickets: Vec<Uuid> => Array<SqlUuid>,
        types: Vec<String> => Array<Text>,
        bodies: Vec<String> => Array<Text>,
    ) -> Int8 =
    "WITH written AS (
         INSERT INTO outbox (event_id, ticket_id, event_type, body)
         SELECT event_id, ticket_id, event_type, body
         FROM unnest(?, ?, ?, ?) WITH ORDINALITY AS told (event_id, ticket_id, event_type, body, place)
         ORDER BY place
         RETURNING 1
     )
     SELECT count(*) FROM written"
);
statement!(
    TakeTurn(turn: i64 => Int8) -> Bool = "SELECT pg_try_advisory_xact_lock(?)"
);
statement!(
    Eldest(most: i64 => Int8) -> (Int8, SqlUuid, SqlUuid, Text, Text) =
    "SELECT id, event_id, ticket_id, event_type, body FROM outbox ORDER BY id LIMIT ?"
);
statement!(
    Remove(places: Vec<i64> => Array<Int8>) -> Int8 =
    "WITH gone AS (DELETE FROM outbox WHERE id = ANY(?) RETURNING 1) SELECT count(*) FROM gone"
);

statement!(
    Forget(ticket: Uuid => SqlUuid) -> Int8 =
    "WITH gone AS (DELETE FROM outbox WHERE ticket_id = ? RETURNING 1) SELECT count(*) FROM gone"
);

statement!(
    Standing(most: i64 => Int8) -> (Int8, Double) =
    "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(written_at)), 0)::float8
     FROM (SELECT written_at FROM outbox ORDER BY id LIMIT ?) waiting"
);

/// How many events wait, up to a bound, and for how many seconds the eldest does.
///
/// # Errors
/// The database is out of reach.
pub async fn standing(connection: &mut PgConnection, most: i64) -> Result<(i64, f64), StoreError> {
    Ok(Standing { most }.get_result(connection).await?)
}

/// Writes events, in their order.
///
/// # Errors
/// The database is out of reach.
pub async fn write(
    connection: &mut PgConnection,
    events: Vec<OutboxEvent>,
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut write = Write {
        events: vec![],
        tickets: vec![],
        types: vec![],
        bodies: vec![],
    };
    for event in events {
        write.events.push(event.event_id);
        write.tickets.push(event.ticket_id);
        write.types.push(event.event_type);
        write.bodies.push(event.body);
    }
    let _: i64 = write.get_result(connection).await?;
    Ok(())
}

/// The eldest events, if nobody else publishes; the turn lasts as long as the transaction.
///
/// # Errors
/// The database is out of reach.
pub async fn take(
    connection: &mut PgConnection,
    most: usize,
) -> Result<Vec<OutboxEvent>, StoreError> {
    let mine: bool = TakeTurn { turn: TURN }.get_result(connection).await?;
    if !mine {
        return Ok(vec![]);
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<(i64, Uuid, Uuid, String, String)> = Eldest { most }.load(connection).await?;
    let event = |(place, event_id, ticket_id, event_type, body)| OutboxEvent {
        place,
        event_id,
        ticket_id,
        event_type,
        body,
    };
    Ok(rows.into_iter().map(event).collect())
}

/// Removes what is still to be told of a ticket. What a node publishes at this moment is told nevertheless.
///
/// # Errors
/// The database is out of reach.
pub async fn forget(connection: &mut PgConnection, ticket: Uuid) -> Result<(), StoreError> {
    let _: i64 = Forget { ticket }.get_result(connection).await?;
    Ok(())
}

/// Removes what RabbitMQ has.
///
/// # Errors
/// The database is out of reach: what was published is published once more then.
pub async fn remove(connection: &mut PgConnection, places: Vec<i64>) -> Result<(), StoreError> {
    let _: i64 = Remove { places }.get_result(connection).await?;
    Ok(())
}
