//! Events that end runs. What one transaction does not end is noted, and the picker leaves it alone until it is ended.

use diesel::sql_types::{Array, Int8, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::cancel::{self, PART, is_open};
use super::fan_outs;
use super::meant::CancelOnOrder;
use crate::domain::RunEnd;
use crate::store::StoreError;
use crate::store::statement::statement;

statement!(
    /// Holds the next runs that an order means: of events that were accepted before the one that ends them.
    HoldOn(
        tenant_id: Uuid => SqlUuid,
        workflow: String => Text,
        workflow_id: Uuid => SqlUuid,
        key: String => Text,
        event_id: Uuid => SqlUuid,
        after: Uuid => SqlUuid,
        most: i64 => Int8,
    ) -> SqlUuid =
        concat!("SELECT r.id FROM workflow_runs r JOIN events e ON e.id = r.event_id
         WHERE r.tenant_id = ? AND r.workflow = ? AND r.workflow_id = ? AND r.key = ?
             AND e.sequence < (SELECT sequence FROM events WHERE id = ?) AND r.id > ? AND ", is_open!(), "
         ORDER BY r.id LIMIT ? FOR UPDATE OF r")
);

statement!(
    /// Notes what is left of orders.
    NoteLeft(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        workflows: Vec<String> => Array<Text>,
        versions: Vec<Uuid> => Array<SqlUuid>,
        keys: Vec<String> => Array<Text>,
        events: Vec<Uuid> => Array<SqlUuid>,
        after: Vec<Uuid> => Array<SqlUuid>,
    ) -> Int8 =
        "INSERT INTO run_cancellations (tenant_id, workflow, workflow_id, key, event_id, after)
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?) RETURNING id"
);

/// Ends the waiting runs that events mean, and the fan-outs that would start more of them: those of events that were
/// accepted before. Of each order one part is ended within the transaction; [`sweep`] ends the others. Answers how many were
/// ended.
///
/// # Errors
/// The database's.
pub async fn cancel_on(
    connection: &mut AsyncPgConnection,
    orders: &[CancelOnOrder],
    lines: &str,
) -> Result<u64, StoreError> {
    if orders.is_empty() {
        return Ok(0);
    }
    fan_outs::end_on(connection, orders).await?;
    let (mut left, mut cancelled) = (vec![], 0);
    for order in orders {
        let part = end_part(connection, order, Uuid::nil(), lines).await?;
        cancelled += part.cancelled;
        left.extend(part.after.map(|after| (order, after)));
    }
    if left.is_empty() {
        return Ok(cancelled);
    }
    let orders = || left.iter().map(|(order, _)| *order);
    let note = NoteLeft {
        tenants: orders().map(|it| it.tenant_id).collect(),
        workflows: orders().map(|it| it.workflow.clone()).collect(),
        versions: orders().map(|it| it.workflow_id).collect(),
        keys: orders().map(|it| it.key.clone()).collect(),
        events: orders().map(|it| it.event_id).collect(),
        after: left.iter().map(|(_, after)| *after).collect(),
    };
    let _: Vec<i64> = note.load(connection).await?;
    Ok(cancelled)
}

/// What was ended of an order.
#[derive(Debug, Clone, Copy)]
struct OrderPart {
    /// Runs that were cancelled.
    cancelled: u64,
    /// Behind which run there may be more.
    after: Option<Uuid>,
}

/// Ends the next part of an order.
async fn end_part(
    connection: &mut AsyncPgConnection,
    order: &CancelOnOrder,
    after: Uuid,
    lines: &str,
) -> Result<OrderPart, StoreError> {
    let hold = HoldOn {
        tenant_id: order.tenant_id,
        workflow: order.workflow.clone(),
        workflow_id: order.workflow_id,
        key: order.key.clone(),
        event_id: order.event_id,
        after,
        most: PART,
    };
    let held: Vec<Uuid> = hold.load(connection).await?;
    let is_all = i64::try_from(held.len()).is_ok_and(|many| many < PART);
    let after = held.last().copied().filter(|_| !is_all);
    let (cancelled, _) = cancel::end(connection, held, RunEnd::CancelledByEvent, lines).await?;
    Ok(OrderPart { cancelled, after })
}

statement!(
    /// The note that is to be worked on next, held.
    NextNote() -> (Int8, SqlUuid, Text, SqlUuid, Text, SqlUuid, SqlUuid) =
        "SELECT id, tenant_id, workflow, workflow_id, key, event_id, after FROM run_cancellations
         ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
);
statement!(MoveNote(after: Uuid => SqlUuid, id: i64 => Int8) -> Int8 =
    "UPDATE run_cancellations SET after = ? WHERE id = ? RETURNING id");
statement!(DropNote(id: i64 => Int8) -> Int8 = "DELETE FROM run_cancellations WHERE id = ? RETURNING id");

/// Ends the next part of what an event ended and one transaction could not; says how many runs, if there was a part.
///
/// # Errors
/// The database's.
pub async fn sweep(
    connection: &mut AsyncPgConnection,
    lines: &str,
) -> Result<Option<u64>, StoreError> {
    let mut next: Vec<(i64, Uuid, String, Uuid, String, Uuid, Uuid)> =
        NextNote {}.load(connection).await?;
    let Some((id, tenant_id, workflow, workflow_id, key, event_id, after)) = next.pop() else {
        return Ok(None);
    };
    let order = CancelOnOrder {
        event_id,
        tenant_id,
        workflow,
        workflow_id,
        key,
    };
    let part = end_part(connection, &order, after, lines).await?;
    let _: Vec<i64> = match part.after {
        Some(after) => MoveNote { after, id }.load(connection).await?,
        None => DropNote { id }.load(connection).await?,
    };
    Ok(Some(part.cancelled))
}
