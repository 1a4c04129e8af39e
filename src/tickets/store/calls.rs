//! Calls that named a key: the same call again does nothing.

use diesel::OptionalExtension;
use diesel::sql_types::{Bytea, Int4, Int8, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::store::statement::statement;
use crate::store::{PgConnection, StoreError};

/// A call that named a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketCall {
    /// The person whose token it was; nil is any server of the tenant's.
    pub caller: Uuid,
    /// The key.
    pub key: String,
    /// What tells calls of the same key apart.
    pub content: Vec<u8>,
}

impl TicketCall {
    /// The same call, with a file of these bytes, which came behind the rest.
    #[must_use]
    pub fn with_file(mut self, digest: &[u8]) -> Self {
        self.content.extend_from_slice(digest);
        self
    }
}

/// What a call did that was made before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerCall {
    /// What was sent.
    pub content: Vec<u8>,
    /// To which ticket it did something.
    pub ticket_id: Option<Uuid>,
    /// What it wrote.
    pub comment_id: Option<Uuid>,
    /// The file that it added.
    pub attachment_id: Option<Uuid>,
}

/// What a call has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallDone {
    /// To which ticket.
    pub ticket: Uuid,
    /// What it wrote.
    pub comment: Option<Uuid>,
    /// The file that it added.
    pub attachment: Option<Uuid>,
}

// Who names the same key at the same time waits here until the first has committed, or has not.
statement!(
    Begin(tenant: Uuid => SqlUuid, caller: Uuid => SqlUuid, key: String => Text, content: Vec<u8> => Bytea) -> Int4 =
    "INSERT INTO ticket_calls (tenant_id, caller, key, content) VALUES (?, ?, ?, ?)
     ON CONFLICT DO NOTHING RETURNING 1"
);
statement!(
    Former(tenant: Uuid => SqlUuid, caller: Uuid => SqlUuid, key: String => Text)
        -> (Bytea, Nullable<SqlUuid>, Nullable<SqlUuid>, Nullable<SqlUuid>) =
    "SELECT content, ticket_id, comment_id, attachment_id FROM ticket_calls
     WHERE tenant_id = ? AND caller = ? AND key = ?"
);
statement!(
    End(
        ticket: Uuid => SqlUuid,
        comment: Option<Uuid> => Nullable<SqlUuid>,
        attachment: Option<Uuid> => Nullable<SqlUuid>,
        tenant: Uuid => SqlUuid,
        caller: Uuid => SqlUuid,
        key: String => Text,
    ) -> Int4 =
    "UPDATE ticket_calls SET ticket_id = ?, comment_id = ?, attachment_id = ?
     WHERE tenant_id = ? AND caller = ? AND key = ? RETURNING 1"
);
statement!(
    Trim() -> Int8 =
    "WITH gone AS (DELETE FROM ticket_calls WHERE made_at < now() - interval '1 day' RETURNING 1)
     SELECT count(*) FROM gone"
);

/// Takes the key for this call; or says what was done under it before.
///
/// # Errors
/// The database is out of reach, or another call of the key takes long.
pub async fn begin(
    connection: &mut PgConnection,
    tenant: Uuid,
    call: &TicketCall,
) -> Result<Option<FormerCall>, StoreError> {
    let begin = Begin {
        tenant,
        caller: call.caller,
        key: call.key.clone(),
        content: call.content.clone(),
    };
    let begun: Option<i32> = begin.get_result(connection).await.optional()?;
    match begun {
        Some(_) => Ok(None),
        None => {
            let former = former(connection, tenant, call).await?;
            // It was there a moment ago: whoever forgot it meanwhile was asked to, and the call is made again.
            former.map(Some).ok_or(StoreError::NotFound)
        }
    }
}

/// What was done under the key of a call before; nothing is taken.
///
/// # Errors
/// The database is out of reach.
pub async fn former(
    connection: &mut PgConnection,
    tenant: Uuid,
    call: &TicketCall,
) -> Result<Option<FormerCall>, StoreError> {
    type FormerColumns = (Vec<u8>, Option<Uuid>, Option<Uuid>, Option<Uuid>);
    let former = Former {
        tenant,
        caller: call.caller,
        key: call.key.clone(),
    };
    let found: Option<FormerColumns> = former.get_result(connection).await.optional()?;
    let former = |(content, ticket_id, comment_id, attachment_id)| FormerCall {
        content,
        ticket_id,
        comment_id,
        attachment_id,
    };
    Ok(found.map(former))
}

/// Notes what a call did that has taken its key.
///
/// # Errors
/// The database is out of reach.
pub async fn end(
    connection: &mut PgConnection,
    tenant: Uuid,
    call: &TicketCall,
    done: CallDone,
) -> Result<(), StoreError> {
    let end = End {
        ticket: done.ticket,
        comment: done.comment,
        attachment: done.attachment,
        tenant,
        caller: call.caller,
        key: call.key.clone(),
    };
    let _: Vec<i32> = end.load(connection).await?;
    Ok(())
}

/// Forgets keys of more than a day ago.
///
/// # Errors
/// The database is out of reach.
pub async fn trim(connection: &mut PgConnection) -> Result<i64, StoreError> {
    Ok(Trim {}.get_result(connection).await?)
}
