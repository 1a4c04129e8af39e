//! Herald's own key of a tenant, with which it signs the tokens that it issues.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{StoredTokenKey, TokenKeyRow, place};
use crate::domain::TokenAlgorithm;
use crate::store::StoreError;
use crate::store::schema::notification_schema::token_keys;
use crate::store::seal::{SealError, Sealer};

/// What people call it.
const NAME: &str = "Herald's own";

/// The key of a tenant that is not taken back, if there is one.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
) -> Result<Option<StoredTokenKey>, StoreError> {
    let row: Option<TokenKeyRow> = token_keys::table
        .filter(token_keys::tenant_id.eq(tenant_id))
        .filter(token_keys::is_own)
        .filter(token_keys::revoked_at.is_null())
        .select(TokenKeyRow::as_select())
        .first(connection)
        .await
        .optional()?;
    Ok(row.and_then(TokenKeyRow::stored))
}

/// Makes one of this secret, unless somebody else did meanwhile.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist; or the secret cannot be sealed.
pub async fn make(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    tenant_id: Uuid,
    secret: &[u8],
) -> Result<(), StoreError> {
    let id = Uuid::now_v7();
    let sealed = sealer.seal(place(id), secret);
    let sealed = sealed.map_err(|error: SealError| StoreError::Other(error.to_string()))?;
    diesel::insert_into(token_keys::table)
        .values((
            token_keys::id.eq(id),
            token_keys::tenant_id.eq(tenant_id),
            token_keys::kid.eq(format!("herald-{id}")),
            token_keys::name.eq(NAME),
            token_keys::algorithm.eq(TokenAlgorithm::Hs256.as_str()),
            token_keys::is_own.eq(true),
            token_keys::sealed_secret.eq(sealed),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(())
}
