//! Files of tickets, and objects that no row keeps.
//!
//! A row is written by the transaction that takes its object from the loose ones. One that goes, with whatever, puts it
//! back among them, for the database sees to that: whenever a process dies, each object has a row or is loose, and a
//! row never points at nothing.

use diesel::prelude::*;
use diesel::sql_types::{Array, Int8, Text};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::schema::ticket_schema::{ticket_attachments, ticket_comments};
use crate::store::statement::statement;
use crate::store::time::{from_database, to_database};
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::TicketAttachment;

type AttachmentColumns = (
    Uuid,
    Uuid,
    Uuid,
    Option<Uuid>,
    Uuid,
    String,
    String,
    i64,
    bool,
    chrono::DateTime<chrono::Utc>,
);

statement!(
    Loosen(objects: Vec<String> => Array<Text>, seconds: i64 => Int8) -> Int8 =
    "WITH loose AS (
         INSERT INTO loose_objects (object, due_at)
         SELECT told.object, clock_timestamp() + make_interval(secs => told.seconds)
         FROM (SELECT unnest(?) AS object, ? AS seconds) AS told
         ON CONFLICT (object) DO UPDATE SET due_at = EXCLUDED.due_at
         RETURNING 1
     )
     SELECT count(*) FROM loose"
);
statement!(
    Keep(objects: Vec<String> => Array<Text>) -> Int8 =
    "WITH kept AS (DELETE FROM loose_objects WHERE object = ANY(?) RETURNING 1) SELECT count(*) FROM kept"
);
statement!(
    TakeLoose(most: i64 => Int8) -> Text =
    "SELECT object FROM loose_objects WHERE due_at <= clock_timestamp()
     ORDER BY due_at LIMIT ? FOR UPDATE SKIP LOCKED"
);

/// Says of objects that no row keeps them, and after how many seconds they are to go.
///
/// # Errors
/// The database is out of reach.
pub async fn loosen(
    connection: &mut PgConnection,
    objects: Vec<String>,
    seconds: i64,
) -> Result<(), StoreError> {
    let _: i64 = Loosen { objects, seconds }.get_result(connection).await?;
    Ok(())
}

/// Takes objects from the loose ones; says how many of them were there. Who removes one holds it meanwhile.
///
/// # Errors
/// The database is out of reach.
pub async fn keep(connection: &mut PgConnection, objects: Vec<String>) -> Result<i64, StoreError> {
    Ok(Keep { objects }.get_result(connection).await?)
}

/// At most so many objects that are to go, held until the transaction ends.
///
/// # Errors
/// The database is out of reach.
pub async fn take_loose(
    connection: &mut PgConnection,
    most: i64,
) -> Result<Vec<String>, StoreError> {
    Ok(TakeLoose { most }.load(connection).await?)
}

/// Writes a file of a ticket that is held.
///
/// # Errors
/// The database is out of reach.
pub async fn insert(
    connection: &mut PgConnection,
    file: &TicketAttachment,
) -> Result<(), StoreError> {
    use ticket_attachments as a;
    let row = (
        a::id.eq(file.id),
        a::tenant_id.eq(file.tenant_id),
        a::ticket_id.eq(file.ticket_id),
        a::comment_id.eq(file.comment_id),
        a::author_id.eq(file.author_id),
        a::name.eq(&file.name),
        a::content_type.eq(&file.content_type),
        a::size.eq(file.size),
        a::is_internal.eq(file.is_internal),
        a::created_at.eq(to_database(file.created_at)),
    );
    diesel::insert_into(a::table)
        .values(row)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes a file, whose object is loose then; says whether it was there.
///
/// # Errors
/// The database is out of reach.
pub async fn remove(connection: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    let one = ticket_attachments::table.filter(ticket_attachments::id.eq(id));
    Ok(diesel::delete(one).execute(connection).await? > 0)
}

/// Removes all files of a ticket, whose objects are loose then; says how many there were.
///
/// # Errors
/// The database is out of reach.
pub async fn remove_all(
    connection: &mut PgConnection,
    ticket_id: Uuid,
) -> Result<usize, StoreError> {
    let of_ticket = ticket_attachments::table.filter(ticket_attachments::ticket_id.eq(ticket_id));
    Ok(diesel::delete(of_ticket).execute(connection).await?)
}

/// How many files a ticket has.
///
/// # Errors
/// The database is out of reach.
pub async fn count(connection: &mut PgConnection, ticket_id: Uuid) -> Result<i64, StoreError> {
    let of_ticket = ticket_attachments::table.filter(ticket_attachments::ticket_id.eq(ticket_id));
    Ok(of_ticket.count().get_result(connection).await?)
}

/// Whether there are any files.
///
/// # Errors
/// The database is out of reach.
pub async fn any(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let any = diesel::dsl::exists(ticket_attachments::table.select(ticket_attachments::id));
    Ok(diesel::select(any).get_result(connection).await?)
}

/// A file of a tenant.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<Option<TicketAttachment>, StoreError> {
    use ticket_attachments as a;
    let row: Option<AttachmentColumns> = a::table
        .select(COLUMNS)
        .filter(a::tenant_id.eq(tenant_id))
        .filter(a::id.eq(id))
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(attachment))
}

/// At most so many files of a ticket, the eldest first, that come behind another one; without those that are for staff
/// alone unless they are asked for.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut PgConnection,
    ticket_id: Uuid,
    with_internal: bool,
    after: Option<Uuid>,
    most: usize,
) -> Result<Vec<TicketAttachment>, StoreError> {
    use ticket_attachments as a;
    let rows: Vec<AttachmentColumns> = a::table
        .select(COLUMNS)
        .filter(a::ticket_id.eq(ticket_id))
        .filter(
            a::is_internal
                .eq(false)
                .or(a::is_internal.eq(with_internal)),
        )
        .filter(a::id.gt(after.unwrap_or_default()))
        .order(a::id)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(attachment).collect())
}

/// Whether a comment of a ticket is for staff alone; `None`: the ticket has no such comment.
///
/// # Errors
/// The database is out of reach.
pub async fn comment_is_internal(
    connection: &mut PgConnection,
    ticket_id: Uuid,
    comment_id: Uuid,
) -> Result<Option<bool>, StoreError> {
    use ticket_comments as c;
    let found = c::table
        .select(c::is_internal)
        .filter(c::ticket_id.eq(ticket_id))
        .filter(c::id.eq(comment_id))
        .first(connection)
        .await;
    Ok(found.optional()?)
}

const COLUMNS: (
    ticket_attachments::id,
    ticket_attachments::tenant_id,
    ticket_attachments::ticket_id,
    ticket_attachments::comment_id,
    ticket_attachments::author_id,
    ticket_attachments::name,
    ticket_attachments::content_type,
    ticket_attachments::size,
    ticket_attachments::is_internal,
    ticket_attachments::created_at,
) = (
    ticket_attachments::id,
    ticket_attachments::tenant_id,
    ticket_attachments::ticket_id,
    ticket_attachments::comment_id,
    ticket_attachments::author_id,
    ticket_attachments::name,
    ticket_attachments::content_type,
    ticket_attachments::size,
    ticket_attachments::is_internal,
    ticket_attachments::created_at,
);

fn attachment(
    (id, tenant_id, ticket_id, comment_id, author_id, name, content_type, size, is_internal, at): AttachmentColumns,
) -> TicketAttachment {
    TicketAttachment {
        id,
        tenant_id,
        ticket_id,
        comment_id,
        author_id,
        name,
        content_type,
        size,
        is_internal,
        created_at: from_database(at),
    }
}
