//! The conversation.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use super::schema::ticket_schema::ticket_comments;
use crate::store::time::{from_database, to_database};
use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::{NewComment, SupportTicket};

/// A comment as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredComment {
    /// Of which ticket.
    pub ticket_id: Uuid,
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    pub comment: NewComment,
}

/// A comment as a statement answers it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = ticket_comments)]
struct CommentRow {
    ticket_id: Uuid,
    id: Uuid,
    author_id: Uuid,
    comment: String,
    is_internal: bool,
    is_automatic: bool,
    is_of_stranger: bool,
    mail_from: Option<String>,
    created_at: chrono::DateTime<chrono::Utc>,
}

/// Writes a comment.
///
/// # Errors
/// The database is out of reach.
pub async fn insert(
    connection: &mut PgConnection,
    ticket: &SupportTicket,
    comment: &NewComment,
) -> Result<(), StoreError> {
    use ticket_comments as c;
    let row = (
        c::id.eq(comment.id),
        c::tenant_id.eq(ticket.tenant_id),
        c::ticket_id.eq(ticket.id),
        c::author_id.eq(comment.author_id),
        c::comment.eq(&comment.comment),
        c::is_internal.eq(comment.is_internal),
        c::is_automatic.eq(comment.is_automatic),
        c::is_of_stranger.eq(comment.is_of_stranger),
        c::mail_from.eq(&comment.mail_from),
        c::created_at.eq(to_database(ticket.updated_at)),
    );
    diesel::insert_into(c::table)
        .values(row)
        .execute(connection)
        .await?;
    Ok(())
}

/// At most so many comments of a ticket, the eldest first, that come behind another one; without those that are for
/// staff alone unless they are asked for.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut PgConnection,
    ticket_id: Uuid,
    with_internal: bool,
    after: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredComment>, StoreError> {
    use ticket_comments as c;
    let rows: Vec<CommentRow> = c::table
        .select(CommentRow::as_select())
        .filter(c::ticket_id.eq(ticket_id))
        .filter(
            c::is_internal
                .eq(false)
                .or(c::is_internal.eq(with_internal)),
        )
        .filter(c::id.gt(after.unwrap_or_default()))
        .order(c::id)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredComment::from).collect())
}

/// A comment of a tenant.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<Option<StoredComment>, StoreError> {
    use ticket_comments as c;
    let row: Option<CommentRow> = c::table
        .select(CommentRow::as_select())
        .filter(c::tenant_id.eq(tenant_id))
        .filter(c::id.eq(id))
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(StoredComment::from))
}

impl From<CommentRow> for StoredComment {
    fn from(row: CommentRow) -> Self {
        Self {
            ticket_id: row.ticket_id,
            at: from_database(row.created_at),
            comment: NewComment {
                id: row.id,
                author_id: row.author_id,
                comment: row.comment,
                is_internal: row.is_internal,
                is_automatic: row.is_automatic,
                is_of_stranger: row.is_of_stranger,
                mail_from: row.mail_from,
            },
        }
    }
}
