//! What time is to be looked at: tickets whose moment has come, and those whose rules have changed.

use diesel::prelude::*;
use diesel::sql_types::{
    Array, Bool, Double, Int4, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use super::row::TicketRow;
use super::schema::ticket_schema::support_tickets;
use crate::store::statement::statement;
use crate::store::time::to_database;
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::SupportTicket;

type AskedAt = chrono::DateTime<chrono::Utc>;
type StoredMoment = Option<AskedAt>;

/// Held by the node that computes clocks anew, for as long as its transaction.
const TURN: i64 = 0x0052_4543_4F55_4E54; // "RECOUNT"

/// At most so many tickets whose moment has come, held until the transaction ends; those that somebody holds come
/// with a later look.
///
/// # Errors
/// The database is out of reach.
pub async fn take(
    connection: &mut PgConnection,
    now: Timestamp,
    most: usize,
) -> Result<Vec<SupportTicket>, StoreError> {
    use support_tickets as t;
    let rows = t::table
        .select(TicketRow::as_select())
        .filter(t::look_at.le(to_database(now)))
        .filter(t::deleted_at.is_null())
        .order(t::look_at)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .for_update()
        .skip_locked()
        .load(connection)
        .await?;
    rows.into_iter().map(SupportTicket::try_from).collect()
}

/// Clocks that are to be computed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockRecount {
    /// Whose.
    pub tenant_id: Uuid,
    /// Of tickets of which category.
    pub category: String,
    /// Up to which ticket they are computed.
    pub after: Uuid,
    /// When it was asked for: who asks again begins it anew.
    asked_at: AskedAt,
}

statement!(
    TakeTurn(turn: i64 => Int8) -> Bool = "SELECT pg_try_advisory_xact_lock(?)"
);
// Its row is not held: whoever changes a category holds that, and then wants this.
statement!(
    NextRecount() -> (SqlUuid, Text, SqlUuid, Timestamptz) =
    "SELECT tenant_id, category, after, asked_at FROM clock_recounts ORDER BY asked_at LIMIT 1"
);
statement!(
    GoOn(after: Uuid => SqlUuid, tenant: Uuid => SqlUuid, category: String => Text, asked: AskedAt => Timestamptz)
        -> Int4 =
    "UPDATE clock_recounts SET after = ? WHERE tenant_id = ? AND category = ? AND asked_at = ? RETURNING 1"
);
statement!(
    End(tenant: Uuid => SqlUuid, category: String => Text, asked: AskedAt => Timestamptz) -> Int4 =
    "DELETE FROM clock_recounts WHERE tenant_id = ? AND category = ? AND asked_at = ? RETURNING 1"
);
statement!(
    Write(
        ids: Vec<Uuid> => Array<SqlUuid>,
        versions: Vec<i64> => Array<Int8>,
        first: Vec<StoredMoment> => Array<Nullable<Timestamptz>>,
        next: Vec<StoredMoment> => Array<Nullable<Timestamptz>>,
        resolution: Vec<StoredMoment> => Array<Nullable<Timestamptz>>,
        due: Vec<StoredMoment> => Array<Nullable<Timestamptz>>,
        look: Vec<StoredMoment> => Array<Nullable<Timestamptz>>,
        soon: Vec<bool> => Array<Bool>,
        overdue: Vec<bool> => Array<Bool>,
        first_kept: Vec<Option<bool>> => Array<Nullable<Bool>>,
        resolution_kept: Vec<Option<bool>> => Array<Nullable<Bool>>,
    ) -> Int8 =
    "WITH written AS (
         UPDATE support_tickets t SET first_response_due_at = c.first, next_response_due_at = c.next,
             resolution_due_at = c.resolution, due_at = c.due, look_at = c.look, is_due_soon = c.soon,
             is_overdue = c.overdue, first_response_kept = c.first_kept, resolution_kept = c.resolution_kept
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             AS c (id, version, first, next, resolution, due, look, soon, overdue, first_kept, resolution_kept)
         WHERE t.id = c.id AND t.version = c.version
           AND (t.first_response_due_at, t.next_response_due_at, t.resolution_due_at, t.look_at, t.is_due_soon,
                t.is_overdue, t.first_response_kept, t.resolution_kept)
               IS DISTINCT FROM
               (c.first, c.next, c.resolution, c.look, c.soon, c.overdue, c.first_kept, c.resolution_kept)
         RETURNING 1
     )
     SELECT count(*) FROM written"
);

/// The eldest recount, unless another node works on one: the turn lasts as long as the transaction.
///
/// # Errors
/// The database is out of reach.
pub async fn next_recount(
    connection: &mut PgConnection,
) -> Result<Option<ClockRecount>, StoreError> {
    let mine: bool = TakeTurn { turn: TURN }.get_result(connection).await?;
    if !mine {
        return Ok(None);
    }
    let row: Option<(Uuid, String, Uuid, AskedAt)> =
        NextRecount {}.get_result(connection).await.optional()?;
    Ok(
        row.map(|(tenant_id, category, after, asked_at)| ClockRecount {
            tenant_id,
            category,
            after,
            asked_at,
        }),
    )
}

/// The next tickets of a recount that are not closed.
///
/// # Errors
/// The database is out of reach.
pub async fn of_recount(
    connection: &mut PgConnection,
    recount: &ClockRecount,
    most: usize,
) -> Result<Vec<SupportTicket>, StoreError> {
    use support_tickets as t;
    let rows = t::table
        .select(TicketRow::as_select())
        .filter(t::tenant_id.eq(recount.tenant_id))
        .filter(t::category.eq(&recount.category))
        .filter(t::deleted_at.is_null())
        .filter(t::status.ne("closed"))
        .filter(t::id.gt(recount.after))
        .order(t::id)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    rows.into_iter().map(SupportTicket::try_from).collect()
}

/// Writes the clocks of tickets; what says the same is left alone, and so is a ticket that was changed since it was read.
///
/// # Errors
/// The database is out of reach.
pub async fn write(
    connection: &mut PgConnection,
    tickets: &[SupportTicket],
) -> Result<(), StoreError> {
    let at = |moment: Option<Timestamp>| moment.map(to_database);
    let clocks = || tickets.iter().map(|ticket| ticket.clocks);
    let write = Write {
        ids: tickets.iter().map(|ticket| ticket.id).collect(),
        versions: tickets.iter().map(|ticket| ticket.version).collect(),
        first: clocks().map(|it| at(it.first_response_due_at)).collect(),
        next: clocks().map(|it| at(it.next_response_due_at)).collect(),
        resolution: clocks().map(|it| at(it.resolution_due_at)).collect(),
        due: clocks().map(|it| at(it.due_at())).collect(),
        look: clocks().map(|it| at(it.look_at)).collect(),
        soon: clocks().map(|it| it.is_due_soon).collect(),
        overdue: clocks().map(|it| it.is_overdue).collect(),
        first_kept: clocks().map(|it| it.first_response_kept).collect(),
        resolution_kept: clocks().map(|it| it.resolution_kept).collect(),
    };
    let _: i64 = write.get_result(connection).await?;
    Ok(())
}

/// Notes how far a recount has come; `None`: to its end. One that was asked for again meanwhile begins anew.
///
/// # Errors
/// The database is out of reach.
pub async fn recounted(
    connection: &mut PgConnection,
    recount: ClockRecount,
    up_to: Option<Uuid>,
) -> Result<(), StoreError> {
    let (tenant, category, asked) = (recount.tenant_id, recount.category, recount.asked_at);
    let _: Vec<i32> = match up_to {
        Some(after) => {
            let go_on = GoOn {
                after,
                tenant,
                category,
                asked,
            };
            go_on.load(connection).await?
        }
        None => {
            let end = End {
                tenant,
                category,
                asked,
            };
            end.load(connection).await?
        }
    };
    Ok(())
}

statement!(
    Late() -> Double =
    "SELECT coalesce(greatest(extract(epoch FROM clock_timestamp() - min(look_at)), 0), 0)::float8
     FROM support_tickets WHERE look_at IS NOT NULL AND deleted_at IS NULL"
);

/// How many seconds ago the latest clock was to be looked at.
///
/// # Errors
/// The database is out of reach.
pub async fn late(connection: &mut PgConnection) -> Result<f64, StoreError> {
    Ok(Late {}.get_result(connection).await?)
}

statement!(
    PutOff(seconds: i64 => Int8, id: Uuid => SqlUuid) -> Int4 =
    "UPDATE support_tickets SET look_at = now() + ? * interval '1 second' WHERE id = ? RETURNING 1"
);

/// Lets a ticket be looked at again after so many seconds.
///
/// # Errors
/// The database is out of reach.
pub async fn put_off(
    connection: &mut PgConnection,
    id: Uuid,
    seconds: i64,
) -> Result<(), StoreError> {
    let _: Vec<i32> = PutOff { seconds, id }.load(connection).await?;
    Ok(())
}
