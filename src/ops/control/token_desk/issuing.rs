//! Tokens that Herald issues itself, with a key of the tenant that it keeps.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::TokenDesk;
use crate::domain::PersonGrants;
use crate::domain::user_token::{TokenClaims, TokenKey};
use crate::ops::control::desk::DeskError;
use crate::ops::control::people_desk::PersonOf;
use crate::runtime::clock;
use crate::store::audit::{self, AuditChanges, DoneBy};
use crate::store::recipients::desk;
use crate::store::seal::Sealer;
use crate::store::token_keys::{StoredTokenKey, own};
use crate::store::{Database, PgConnection};

/// A token that is to be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOrder {
    /// How long it lives; at most an hour.
    pub life: SignedDuration,
    /// What it opens.
    pub grants: PersonGrants,
}

impl TokenDesk {
    /// Issues a token for a person; answers its text and when it ends.
    ///
    /// # Errors
    /// There is no such person; or Herald's key of the tenant cannot be opened; or the database is out of reach.
    pub async fn issue(
        &self,
        of: PersonOf,
        order: TokenOrder,
        by: DoneBy,
    ) -> Result<(SecretString, Timestamp), DeskError> {
        let sealer = self.sealer.clone();
        let work = async move |database: Database| {
            let issued = async |connection: &mut PgConnection| {
                let person = desk::get(connection, of.0, of.1).await?;
                let person = person.ok_or(DeskError::NotFound("user"))?;
                let key = own_key(connection, &sealer, person.tenant_id).await?;
                let whose = (person.tenant_id, person.id);
                let (token, expires_at) = signed(&sealer, &key, whose, &order)?;
                let said = json!({
                    "kid": key.kid,
                    "expires_at": expires_at.to_string(),
                    "grants": order.grants.words(),
                });
                let changes = AuditChanges::made(said);
                audit::record_of(connection, &by, "user", whose, "issue_token", changes).await?;
                Ok::<_, DeskError>((token, expires_at))
            };
            database.attempt(issued).await
        };
        self.desk.with("issue a user token", work).await
    }
}

/// Herald's key of a tenant; made, if there is none.
async fn own_key(
    connection: &mut PgConnection,
    sealer: &Sealer,
    tenant_id: Uuid,
) -> Result<StoredTokenKey, DeskError> {
    if let Some(key) = own::find(connection, tenant_id).await? {
        return Ok(key);
    }
    let mut secret = [0; TokenKey::LEAST_SECRET];
    rand::fill(&mut secret);
    own::make(connection, sealer, tenant_id, &secret).await?;
    let made = own::find(connection, tenant_id).await?;
    made.ok_or_else(|| DeskError::Busy("the token key of the tenant was revoked".to_owned()))
}

/// A token for a person, from this second on.
fn signed(
    sealer: &Sealer,
    key: &StoredTokenKey,
    (tenant_id, user_id): (Uuid, Uuid),
    order: &TokenOrder,
) -> Result<(SecretString, Timestamp), DeskError> {
    let secret = key.secret(sealer).map_err(|error| {
        let words = format!(
            "Herald's token key of the tenant cannot be opened: {error}; configure that key, or \
                             revoke this one"
        );
        DeskError::Conflict("unreadable", words)
    })?;
    let now = clock::now().as_second();
    let until = now.saturating_add(order.life.as_secs());
    let expires_at = Timestamp::from_second(until).unwrap_or(Timestamp::MAX);
    let claims = TokenClaims {
        sub: Some(json!(user_id)),
        tenant: Some(json!(tenant_id)),
        iat: Some(json!(now)),
        nbf: None,
        exp: Some(json!(until)),
        grants: order.grants.words().map(Value::from),
    };
    let token = claims
        .signed(&key.kid, &secret)
        .map_err(DeskError::Failed)?;
    Ok((token.into(), expires_at))
}
