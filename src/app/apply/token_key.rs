//! Writing a key that signs user tokens.

use super::entry_error::{EntryError, explain};
use crate::config::manifest::{DeclaredKeyMaterial, DeclaredTokenKey};
use crate::store::audit::DoneBy;
use crate::store::seal::Sealer;
use crate::store::token_keys::{self, NewTokenKey, TokenMaterial};
use crate::store::{PgConnection, WriteChange};

/// Registers it; one of its `kid` that is another key by now is taken back.
pub(super) async fn token_key(
    connection: &mut PgConnection,
    sealer: &Sealer,
    declared: &DeclaredTokenKey,
) -> Result<WriteChange, EntryError> {
    let new = NewTokenKey {
        tenant_id: declared.tenant_id,
        kid: &declared.kid,
        name: &declared.name,
        material: match &declared.material {
            DeclaredKeyMaterial::Public(key) => TokenMaterial::Public(key),
            DeclaredKeyMaterial::Secret(secret) => TokenMaterial::Secret(secret),
        },
    };
    let by = DoneBy::command_line();
    let written = token_keys::declare(connection, sealer, &new, &by);
    written.await.map_err(explain)
}
