//! What was done to tickets: rows are added, and never changed.

use diesel::prelude::*;
use diesel::sql_types::{Array, Int4, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::row::word;
use super::schema::ticket_schema::ticket_history;
use crate::store::statement::statement;
use crate::store::time::{from_database, to_database};
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::{HistoryEntry, NewEntry};

type HistoryColumns = (
    Uuid,
    i32,
    String,
    Option<Uuid>,
    chrono::DateTime<chrono::Utc>,
    Value,
);

// Texts that people wrote are left where they are: a change of a description repeats all of it. The last line is there
// for its number.
statement!(
    OfClocks(tickets: Vec<Uuid> => Array<SqlUuid>) -> (SqlUuid, Int4, Text, Nullable<SqlUuid>, Timestamptz, Jsonb) =
    "SELECT h.ticket_id, h.sequence, h.deed, h.actor_id, h.at,
         CASE WHEN h.deed IN ('created', 'replied', 'status_changed', 'due_soon', 'overdue')
             THEN jsonb_strip_nulls(jsonb_build_object('to', h.details->'to', 'clock', h.details->'clock',
                 'since', h.details->'since', 'by_requester', h.details->'by_requester',
                 'automatic', h.details->'automatic'))
             ELSE '{}' END
     FROM ticket_history h
     WHERE h.ticket_id = ANY(?)
       AND (h.deed IN ('created', 'replied', 'status_changed', 'due_soon', 'overdue')
            OR h.sequence = (SELECT max(l.sequence) FROM ticket_history l WHERE l.ticket_id = h.ticket_id))
     ORDER BY h.ticket_id, h.sequence"
);

/// What clocks go by of the histories of tickets, in order: not all lines, and of each not all that it says. The last line
/// of each is among them.
///
/// # Errors
/// The database is out of reach.
pub async fn of_clocks(
    connection: &mut PgConnection,
    tickets: &[Uuid],
) -> Result<Vec<(Uuid, HistoryEntry)>, StoreError> {
    let asked = OfClocks {
        tickets: tickets.to_vec(),
    };
    let rows: Vec<HistoryColumns> = asked.load(connection).await?;
    rows.into_iter().map(entry).collect()
}

/// At most so many lines of a ticket's history that come behind another one, in order.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut PgConnection,
    ticket: Uuid,
    after: Option<i32>,
    most: usize,
) -> Result<Vec<HistoryEntry>, StoreError> {
    use ticket_history as h;
    let rows: Vec<HistoryColumns> = h::table
        .select((
            h::ticket_id,
            h::sequence,
            h::deed,
            h::actor_id,
            h::at,
            h::details,
        ))
        .filter(h::ticket_id.eq(ticket))
        .filter(h::sequence.gt(after.unwrap_or(0)))
        .order(h::sequence)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    let lines = rows.into_iter().map(entry);
    lines.map(|line| line.map(|(_, line)| line)).collect()
}

fn entry(columns: HistoryColumns) -> Result<(Uuid, HistoryEntry), StoreError> {
    let (ticket_id, sequence, deed, actor_id, at, details) = columns;
    let Value::Object(details) = details else {
        return Err(StoreError::Corrupt(
            "a line of a ticket's history is no object".to_owned(),
        ));
    };
    let entry = NewEntry {
        deed: word(&deed)?,
        actor_id,
        at: from_database(at),
        details,
    };
    Ok((ticket_id, HistoryEntry { sequence, entry }))
}

/// Adds lines to the history of a ticket that is held.
///
/// # Errors
/// The database is out of reach.
pub async fn add(
    connection: &mut PgConnection,
    (tenant_id, ticket_id): (Uuid, Uuid),
    lines: &[HistoryEntry],
) -> Result<(), StoreError> {
    use ticket_history as h;
    let rows = lines.iter().map(|line| {
        (
            h::ticket_id.eq(ticket_id),
            h::sequence.eq(line.sequence),
            h::tenant_id.eq(tenant_id),
            h::deed.eq(line.entry.deed.as_str()),
            h::actor_id.eq(line.entry.actor_id),
            h::at.eq(to_database(line.entry.at)),
            h::details.eq(Value::Object(line.entry.details.clone())),
        )
    });
    let rows: Vec<_> = rows.collect();
    diesel::insert_into(h::table)
        .values(rows)
        .execute(connection)
        .await?;
    Ok(())
}
