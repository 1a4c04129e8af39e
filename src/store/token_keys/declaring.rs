//! A key as a file declares it.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{NewTokenKey, StoredTokenKey, TokenKeyRow, TokenMaterial, create, revoke};
use crate::store::audit::DoneBy;
use crate::store::schema::notification_schema::token_keys;
use crate::store::seal::Sealer;
use crate::store::{StoreError, WriteChange};

/// Registers a key that is not there as it is declared, in the transaction around it. A live key of the tenant that
/// has its `kid` and is another one is taken back.
///
/// # Errors
/// Those of [`create`].
pub async fn declare(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    new: &NewTokenKey<'_>,
    by: &DoneBy,
) -> Result<WriteChange, StoreError> {
    let row: Option<TokenKeyRow> = token_keys::table
        .filter(token_keys::tenant_id.eq(new.tenant_id))
        .filter(token_keys::kid.eq(new.kid))
        .filter(token_keys::revoked_at.is_null())
        .select(TokenKeyRow::as_select())
        .first(connection)
        .await
        .optional()?;
    let Some(row) = row else {
        create(connection, sealer, new, by).await?;
        return Ok(WriteChange::Created);
    };
    let id = row.id;
    if row
        .stored()
        .is_some_and(|stored| is_it(&stored, sealer, new))
    {
        return Ok(WriteChange::Unchanged);
    }
    revoke(connection, id, Some(new.tenant_id), by).await?;
    create(connection, sealer, new, by).await?;
    Ok(WriteChange::Updated)
}

/// Whether a stored key is the declared one. One that cannot be opened is not.
fn is_it(stored: &StoredTokenKey, sealer: &Sealer, new: &NewTokenKey<'_>) -> bool {
    let same = match new.material {
        TokenMaterial::Public(key) => {
            stored.algorithm == key.algorithm() && stored.public_key.as_deref() == Some(key.der())
        }
        TokenMaterial::Secret(secret) => {
            let opened = stored.secret(sealer);
            opened.is_ok_and(|opened| opened == secret)
        }
    };
    same && stored.name == new.name
}
