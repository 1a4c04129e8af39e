//! Mails that were taken: each once, wherever it came.

use diesel::prelude::*;
use diesel::sql_types::{Bytea, Int8, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::ticket_schema::received_mails;
use crate::store::statement::statement;
use crate::store::{PgConnection, StoreError};

statement!(
    Note(tenant: Uuid => SqlUuid, mail: Vec<u8> => Bytea, ticket: Uuid => SqlUuid, sender: Uuid => SqlUuid) -> Int8 =
    "WITH noted AS (
         INSERT INTO received_mails (tenant_id, mail, ticket_id, sender_id) VALUES (?, ?, ?, ?)
         ON CONFLICT DO NOTHING RETURNING 1
     )
     SELECT count(*) FROM noted"
);
statement!(
    Recent(ticket: Uuid => SqlUuid, sender: Uuid => SqlUuid) -> Int8 =
    "SELECT count(*) FROM received_mails
     WHERE ticket_id = ? AND sender_id = ? AND received_at > clock_timestamp() - interval '1 hour'"
);
statement!(
    Trim(days: i64 => Int8, most: i64 => Int8) -> Int8 =
    "WITH gone AS (
         DELETE FROM received_mails WHERE (tenant_id, mail) IN (
             SELECT tenant_id, mail FROM received_mails
             WHERE received_at < clock_timestamp() - make_interval(days => ?::int) ORDER BY received_at LIMIT ?)
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

/// Whether a mail was taken before.
///
/// # Errors
/// The database is out of reach.
pub async fn is_known(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    mail: &[u8],
) -> Result<bool, StoreError> {
    use received_mails as m;
    let known = m::table
        .filter(m::tenant_id.eq(tenant_id))
        .filter(m::mail.eq(mail));
    Ok(diesel::select(diesel::dsl::exists(known))
        .get_result(connection)
        .await?)
}

/// Notes that a mail is taken; `false`: it was before. Who sent it is nil where nobody knows.
///
/// # Errors
/// The database is out of reach.
pub async fn note(
    connection: &mut PgConnection,
    (tenant, ticket): (Uuid, Uuid),
    sender: Uuid,
    mail: &[u8],
) -> Result<bool, StoreError> {
    let note = Note {
        tenant,
        mail: mail.to_vec(),
        ticket,
        sender,
    };
    let noted: i64 = note.get_result(connection).await?;
    Ok(noted > 0)
}

/// How many mails to a ticket were taken of a sender within the last hour.
///
/// # Errors
/// The database is out of reach.
pub async fn recent(
    connection: &mut PgConnection,
    ticket: Uuid,
    sender: Uuid,
) -> Result<i64, StoreError> {
    Ok(Recent { ticket, sender }.get_result(connection).await?)
}

/// Forgets at most so many mails that are older than this; says how many.
///
/// # Errors
/// The database is out of reach.
pub async fn trim(connection: &mut PgConnection, days: i64, most: i64) -> Result<i64, StoreError> {
    Ok(Trim { days, most }.get_result(connection).await?)
}
