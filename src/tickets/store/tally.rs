//! How many tickets stand where: sums of small rows, of which each change adds one.

use diesel::sql_types::{Bool, Int8, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::row::word;
use crate::store::statement::statement;
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::TicketStatus;

/// Held by the node that puts rows together, for as long as its transaction.
const TURN: i64 = 0x0054_414C_4C59; // "TALLY"

statement!(
    Of(tenant: Uuid => SqlUuid) -> (Text, Int8) =
    "SELECT status, sum(change)::bigint FROM ticket_tally WHERE tenant_id = ? GROUP BY status"
);
statement!(
    Whole() -> (Text, Int8) = "SELECT status, sum(change)::bigint FROM ticket_tally GROUP BY status"
);
statement!(
    TakeTurn(turn: i64 => Int8) -> Bool = "SELECT pg_try_advisory_xact_lock(?)"
);
statement!(
    Gather() -> Int8 =
    "WITH many AS (
         SELECT tenant_id, status FROM ticket_tally GROUP BY tenant_id, status HAVING count(*) > 1
     ), gone AS (
         DELETE FROM ticket_tally t USING many m WHERE t.tenant_id = m.tenant_id AND t.status = m.status
         RETURNING t.tenant_id, t.status, t.change
     ), gathered AS (
         INSERT INTO ticket_tally (tenant_id, status, change)
         SELECT tenant_id, status, sum(change) FROM gone GROUP BY tenant_id, status HAVING sum(change) <> 0
         RETURNING 1
     )
     SELECT (SELECT count(*) FROM gone) - (SELECT count(*) FROM gathered)"
);

/// How many tickets of a tenant stand where.
///
/// # Errors
/// The database is out of reach.
pub async fn of(
    connection: &mut PgConnection,
    tenant: Uuid,
) -> Result<Vec<(TicketStatus, i64)>, StoreError> {
    let rows: Vec<(String, i64)> = Of { tenant }.load(connection).await?;
    rows.into_iter().map(count).collect()
}

/// The same of all tenants.
///
/// # Errors
/// The database is out of reach.
pub async fn whole(connection: &mut PgConnection) -> Result<Vec<(TicketStatus, i64)>, StoreError> {
    let rows: Vec<(String, i64)> = Whole {}.load(connection).await?;
    rows.into_iter().map(count).collect()
}

fn count((status, count): (String, i64)) -> Result<(TicketStatus, i64), StoreError> {
    Ok((word(&status)?, count))
}

/// Puts rows together, unless another node does; what is counted stays the same throughout. Says by how many rows there
/// are less.
///
/// # Errors
/// The database is out of reach.
pub async fn gather(connection: &mut PgConnection) -> Result<i64, StoreError> {
    let mine: bool = TakeTurn { turn: TURN }.get_result(connection).await?;
    match mine {
        true => Ok(Gather {}.get_result(connection).await?),
        false => Ok(0),
    }
}
