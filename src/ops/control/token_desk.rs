//! User tokens and the keys that sign them, as the HTTP API may see and change them.

mod issuing;
mod shown;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::cache::user_tokens::{TokenBearer, TokenRefusal};
use crate::cache::{MinuteCounts, UserTokenCache};
use crate::domain::RateStanding;
use crate::domain::user_token::PublicTokenKey;
use crate::runtime::clock;
use crate::store::audit::DoneBy;
use crate::store::seal::Sealer;
use crate::store::token_keys::{self, NewTokenKey, StoredTokenKey, TokenMaterial};
use crate::store::{Database, PgConnection, StoreError};

pub use issuing::TokenOrder;
pub use shown::ShownTokenKey;

/// Most live keys of a tenant.
const MOST_KEYS: usize = 50;

/// Verifies and issues user tokens, and keeps the keys that sign them. Clones share it.
#[derive(Debug, Clone)]
pub struct TokenDesk {
    desk: Desk,
    tokens: UserTokenCache,
    sealer: Sealer,
    asked: Arc<MinuteCounts<Uuid>>,
}

/// A key that is to be registered.
#[derive(Debug)]
pub struct TokenKeyOrder {
    /// Whose.
    pub tenant_id: Uuid,
    /// By what tokens name it; its id without one.
    pub kid: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub material: OrderedMaterial,
}

/// What verifies the signatures of a key that is to be registered.
#[derive(Debug)]
pub enum OrderedMaterial {
    /// Its public half.
    Public(PublicTokenKey),
    /// Its secret.
    Secret(Vec<u8>),
}

impl TokenDesk {
    /// A desk at which a person may ask so often a minute; with any number, when it is 0.
    #[must_use]
    pub fn new(desk: Desk, tokens: UserTokenCache, sealer: Sealer, most_a_minute: u32) -> Self {
        Self {
            desk,
            tokens,
            sealer,
            asked: Arc::new(MinuteCounts::new(most_a_minute)),
        }
    }

    /// Who comes with this token from this address.
    ///
    /// # Errors
    /// Why it does not open.
    pub async fn verify(&self, token: String, from: IpAddr) -> Result<TokenBearer, TokenRefusal> {
        let tokens = self.tokens.clone();
        let verify = async move { tokens.verify(&token, from).await };
        let lost = || {
            Err(TokenRefusal::Unavailable(
                "verifying it panicked".to_owned(),
            ))
        };
        let verified = self.desk.beside("verify a user token", verify).await;
        verified.unwrap_or_else(lost)
    }

    /// Counts a request of a person. How they stand, and for how long they are refused, if they are; `None` is
    /// without a limit.
    #[must_use]
    pub fn count(&self, user_id: Uuid) -> Option<(RateStanding, Option<Duration>)> {
        let now = clock::instant();
        let wait = self.asked.blocked(&user_id, now);
        if wait.is_none() {
            self.asked.note(user_id, now);
        }
        Some((self.asked.standing(&user_id, now)?, wait))
    }

    /// At most so many keys of a tenant, the newest first, that were made before another one; of all tenants
    /// without a tenant.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Option<Uuid>,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredTokenKey>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(token_keys::page(&mut connection, tenant_id, before, most).await?)
        };
        self.desk.with("list token keys", work).await
    }

    /// A key of this tenant, or of any without one.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(
        &self,
        id: Uuid,
        tenant_id: Option<Uuid>,
    ) -> Result<StoredTokenKey, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let found = token_keys::get(&mut connection, id, tenant_id).await?;
            found.ok_or(NO_KEY)
        };
        self.desk.with("get a token key", work).await
    }

    /// Registers a key.
    ///
    /// # Errors
    /// There is no such tenant, or a live key of it has the `kid`, or it has too many; or the database is out of
    /// reach.
    pub async fn register(
        &self,
        order: TokenKeyOrder,
        by: DoneBy,
    ) -> Result<StoredTokenKey, DeskError> {
        let sealer = self.sealer.clone();
        let work = async move |database: Database| {
            let registered = async |connection: &mut PgConnection| {
                register(connection, &sealer, &order, &by).await
            };
            database.attempt(registered).await
        };
        let key = self.desk.with("register a token key", work).await?;
        self.tokens.forget();
        Ok(key)
    }

    /// Takes a key back: of this tenant, or of any without one.
    ///
    /// # Errors
    /// There is no such key there that was not taken back; or the database is out of reach.
    pub async fn revoke(
        &self,
        id: Uuid,
        tenant_id: Option<Uuid>,
        by: DoneBy,
    ) -> Result<(), DeskError> {
        let work = async move |database: Database| {
            let revoked = database.transaction(async |connection| {
                token_keys::revoke(connection, id, tenant_id, &by).await
            });
            if revoked.await? {
                return Ok(());
            }
            Err(NO_KEY)
        };
        self.desk.with("revoke a token key", work).await?;
        self.tokens.forget();
        Ok(())
    }
}

const NO_KEY: DeskError = DeskError::NotFound("token key");

async fn register(
    connection: &mut PgConnection,
    sealer: &Sealer,
    order: &TokenKeyOrder,
    by: &DoneBy,
) -> Result<StoredTokenKey, DeskError> {
    let tenant_id = order.tenant_id;
    if token_keys::live(connection, tenant_id).await? >= MOST_KEYS {
        let words = format!("the tenant has {MOST_KEYS} live token keys: revoke one first");
        return Err(DeskError::Conflict("too_many_token_keys", words));
    }
    let chance = clock::new_id().to_string();
    let new = NewTokenKey {
        tenant_id,
        kid: order.kid.as_deref().unwrap_or(&chance),
        name: &order.name,
        material: match &order.material {
            OrderedMaterial::Public(key) => TokenMaterial::Public(key),
            OrderedMaterial::Secret(secret) => TokenMaterial::Secret(secret),
        },
    };
    let made = token_keys::create(connection, sealer, &new, by).await;
    let id = made.map_err(|error| match error {
        StoreError::UniqueViolation { .. } => {
            let words = "a live token key of the tenant has this kid: revoke it first".to_owned();
            DeskError::Conflict("kid_taken", words)
        }
        other => other.into(),
    })?;
    let made = token_keys::get(connection, id, Some(tenant_id)).await?;
    made.ok_or(NO_KEY)
}
