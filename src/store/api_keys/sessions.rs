//! Operators who are signed in to the console with an API key.

use diesel::prelude::*;
use diesel::sql_types::{Float8, Int8, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{ApiKeyRow, StoredApiKey};
use crate::store::StoreError;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::schema::notification_schema::{api_keys, console_sessions, tenants};

/// Sessions of one key, at most: a further one ends the eldest.
const MOST: i64 = 50;

/// A session with its key as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The key.
    pub key: StoredApiKey,
    /// The hash of the text with which they came.
    pub key_hash: String,
    /// The tenant that an operator has chosen; `None` is all.
    pub about: Option<Uuid>,
    /// The name of the tenant that it is about: the key's, or the one that was chosen.
    pub tenant_name: Option<String>,
}

/// A session that is to begin.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// The hash of its token.
    pub token_hash: &'a str,
    /// The key.
    pub key_id: Uuid,
    /// The tenant of the key.
    pub tenant_id: Option<Uuid>,
    /// The hash of the key's text.
    pub key_hash: &'a str,
    /// Seconds until it ends, whatever happens.
    pub longest: f64,
}

/// Begins a session, in the transaction around it, and removes those that are over.
///
/// # Errors
/// The key is gone; or the database is out of reach.
pub async fn open(
    connection: &mut AsyncPgConnection,
    new: &NewSession<'_>,
    by: &DoneBy,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "WITH over AS (
             SELECT token_hash FROM console_sessions WHERE expires_at < now()
             UNION (SELECT token_hash FROM console_sessions WHERE key_id = $1 ORDER BY created_at DESC OFFSET $2)
         )
         DELETE FROM console_sessions WHERE token_hash IN (SELECT token_hash FROM over)",
    )
    .bind::<SqlUuid, _>(new.key_id)
    .bind::<Int8, _>(MOST - 1)
    .execute(connection)
    .await?;
    diesel::sql_query(
        "INSERT INTO console_sessions (token_hash, key_id, key_hash, expires_at)
         VALUES ($1, $2, $3, now() + make_interval(secs => $4))",
    )
    .bind::<Text, _>(new.token_hash)
    .bind::<SqlUuid, _>(new.key_id)
    .bind::<Text, _>(new.key_hash)
    .bind::<Float8, _>(new.longest)
    .execute(connection)
    .await?;
    note(connection, (new.key_id, new.tenant_id), "sign_in", by).await
}

/// A session that is not over, and was used within so many seconds.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    token_hash: &str,
    idle: f64,
) -> Result<Option<StoredSession>, StoreError> {
    use console_sessions as s;
    let lives = diesel::dsl::sql::<diesel::sql_types::Bool>(
        "console_sessions.expires_at > now() AND console_sessions.seen_at > now() - make_interval(secs => ",
    )
    .bind::<Float8, _>(idle)
    .sql(")");
    let found: Option<(ApiKeyRow, String, Option<Uuid>)> = s::table
        .inner_join(api_keys::table)
        .filter(s::token_hash.eq(token_hash))
        .filter(lives)
        .select((ApiKeyRow::as_select(), s::key_hash, s::about))
        .first(connection)
        .await
        .optional()?;
    let Some((key, key_hash, about)) = found else {
        return Ok(None);
    };
    let tenant_name = match key.tenant_id.or(about) {
        Some(id) => {
            let name = tenants::table.find(id).select(tenants::name);
            name.first(connection).await.optional()?
        }
        None => None,
    };
    Ok(Some(StoredSession {
        key: StoredApiKey::from(key),
        key_hash,
        about,
        tenant_name,
    }))
}

/// Notes that a session is used; once a minute is enough.
///
/// # Errors
/// The database is out of reach.
pub async fn touch(connection: &mut AsyncPgConnection, token_hash: &str) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE console_sessions SET seen_at = now()
         WHERE token_hash = $1 AND seen_at < now() - interval '1 minute'",
    )
    .bind::<Text, _>(token_hash)
    .execute(connection)
    .await?;
    Ok(())
}

/// Chooses the tenant that a session is about; all without one.
///
/// # Errors
/// [`StoreError::ForeignKey`] when there is no such tenant; or the database is out of reach.
pub async fn choose(
    connection: &mut AsyncPgConnection,
    token_hash: &str,
    about: Option<Uuid>,
) -> Result<(), StoreError> {
    diesel::sql_query("UPDATE console_sessions SET about = $2 WHERE token_hash = $1")
        .bind::<Text, _>(token_hash)
        .bind::<Nullable<SqlUuid>, _>(about)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a session, in the transaction around it.
///
/// # Errors
/// The database is out of reach.
pub async fn close(
    connection: &mut AsyncPgConnection,
    token_hash: &str,
    key: (Uuid, Option<Uuid>),
    by: &DoneBy,
) -> Result<(), StoreError> {
    use console_sessions as s;
    let ended = diesel::delete(s::table.find(token_hash))
        .execute(connection)
        .await?;
    if ended > 0 {
        note(connection, key, "sign_out", by).await?;
    }
    Ok(())
}

async fn note(
    connection: &mut AsyncPgConnection,
    (key_id, tenant_id): (Uuid, Option<Uuid>),
    action: &'static str,
    by: &DoneBy,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        tenant_id,
        action,
        resource: "console",
        resource_id: key_id.to_string(),
        changes: AuditChanges::none(),
    };
    audit::record(connection, by, entry).await
}
