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

type CommentColumns = (
    Uuid,
    Uuid,
    Uuid,
    String,
    bool,
    bool,
    chrono::DateTime<chrono::Utc>,
);

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
    let rows: Vec<CommentColumns> = c::table
        .select((
            c::ticket_id,
            c::id,
            c::author_id,
            c::comment,
            c::is_internal,
            c::is_automatic,
            c::created_at,
        ))
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
    Ok(rows.into_iter().map(comment).collect())
}

fn comment(
    (ticket_id, id, author_id, comment, is_internal, is_automatic, at): CommentColumns,
) -> StoredComment {
    StoredComment {
        ticket_id,
        at: from_database(at),
        comment: NewComment {
            id,
            author_id,
            comment,
            is_internal,
            is_automatic,
        },
    }
}
