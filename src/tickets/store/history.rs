//! What was done to tickets: rows are added, and never changed.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::row::word;
use super::schema::ticket_schema::ticket_history;
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

/// The whole histories of tickets, in order.
///
/// # Errors
/// The database is out of reach.
pub async fn of_all(
    connection: &mut PgConnection,
    tickets: &[Uuid],
) -> Result<Vec<(Uuid, HistoryEntry)>, StoreError> {
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
        .filter(h::ticket_id.eq_any(tickets))
        .order((h::ticket_id, h::sequence))
        .load(connection)
        .await?;
    rows.into_iter().map(entry).collect()
}

/// The whole history of a ticket, in order.
///
/// # Errors
/// The database is out of reach.
pub async fn of(
    connection: &mut PgConnection,
    ticket: Uuid,
) -> Result<Vec<HistoryEntry>, StoreError> {
    let all = of_all(connection, &[ticket]).await?;
    Ok(all.into_iter().map(|(_, entry)| entry).collect())
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
