//! Token keys for people and programs to see.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::token_keys::StoredTokenKey;

/// A key that signs user tokens, without its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TokenKey)]
pub struct ShownTokenKey {
    /// Names it in paths and in the audit trail.
    pub id: Uuid,
    /// By what the header of a token names it.
    #[schema(example = "shop-2026")]
    pub kid: String,
    /// What people call it.
    pub name: String,
    /// Whose.
    pub tenant_id: Uuid,
    /// How it signs: `RS256`, `ES256`, `HS256`.
    #[schema(example = "ES256")]
    pub algorithm: String,
    /// Its public half as PEM; null of a secret.
    pub public_key: Option<String>,
    /// Whether it is the one with which Herald signs the tokens that it issues.
    pub is_own: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

impl From<&StoredTokenKey> for ShownTokenKey {
    fn from(key: &StoredTokenKey) -> Self {
        Self {
            id: key.id,
            kid: key.kid.clone(),
            name: key.name.clone(),
            tenant_id: key.tenant_id,
            algorithm: key.algorithm.to_string(),
            public_key: key.public_pem(),
            is_own: key.is_own,
            created_at: key.created_at,
            revoked_at: key.revoked_at,
        }
    }
}
