//! API keys, as the HTTP API may see and change them.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::desk::{Desk, DeskError};

use crate::cache::api_keys::{ApiCaller, KeyRefusal};
use crate::cache::key_rates::PaidRequest;
use crate::cache::{ApiKeyCache, KeyRates};
use crate::domain::api_key::{PREFIX_BYTES, SECRET_BYTES};
use crate::domain::{ApiKey, ApiScopes, KeyRate, Network};
use crate::runtime::clock;
use crate::store::api_keys::{self, NewApiKey, StoredApiKey};
use crate::store::audit::DoneBy;
use crate::store::{Database, PgConnection, StoreError};

/// A key for people and programs to see: without its secrets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownKey {
    /// Names it in paths and in the audit trail.
    pub id: Uuid,
    /// The part of its text that may be shown.
    #[schema(example = "3f9a1c0b7d2e")]
    pub prefix: String,
    /// What people call it.
    pub name: String,
    /// The only tenant that it opens; null is an operator's key.
    pub tenant_id: Option<Uuid>,
    /// What it opens.
    #[schema(example = json!(["notifications:read", "notifications:write"]))]
    pub scopes: Vec<String>,
    /// From where it may be used, in CIDR notation; empty: from anywhere.
    pub networks: Vec<String>,
    /// Requests a second; null is what the settings say.
    #[schema(example = 100)]
    pub rate_limit: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Until when the secret that it had before opens as well; null: not any more.
    pub previous_until: Option<Timestamp>,
}

impl From<&StoredApiKey> for ShownKey {
    fn from(key: &StoredApiKey) -> Self {
        let networks = key.networks.iter().flatten().map(ToString::to_string);
        Self {
            id: key.id,
            prefix: key.prefix.clone(),
            name: key.name.clone(),
            tenant_id: key.tenant_id,
            scopes: key.scopes.words(),
            networks: networks.collect(),
            rate_limit: key.rate_limit,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            previous_until: key
                .previous
                .as_ref()
                .map(|(_, until)| *until)
                .filter(|until| *until > clock::now()),
        }
    }
}

/// A key that is to be made.
#[derive(Debug)]
pub struct KeyOrder {
    /// What people call it.
    pub name: String,
    /// What it opens.
    pub scopes: ApiScopes,
    /// From where it may be used; empty: from anywhere.
    pub networks: Vec<Network>,
    /// Requests a second; `None` is what the settings say.
    pub rate_limit: Option<u32>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The only tenant that it opens.
    pub tenant_id: Uuid,
    /// Who makes it.
    pub by: DoneBy,
}

/// Verifies keys, makes them, takes them back. Clones share it.
#[derive(Debug, Clone)]
pub struct KeyDesk {
    /// What is known of keys.
    pub keys: ApiKeyCache,
    /// What is held of their limits.
    pub rates: KeyRates,
    /// How fast a key may ask whose row does not say; `None` is without a limit.
    pub usual_rate: Option<KeyRate>,
    /// What a key may ask at once, as the time in which that much comes.
    pub burst: Duration,
    /// Does the work.
    pub desk: Desk,
}

impl KeyDesk {
    /// Who comes with this key from this address.
    ///
    /// # Errors
    /// Why it does not open.
    pub async fn verify(&self, key: ApiKey, from: IpAddr) -> Result<ApiCaller, KeyRefusal> {
        let keys = self.keys.clone();
        let verify = async move { keys.verify(&key, from).await };
        let lost = || Err(KeyRefusal::Unavailable("verifying it panicked".to_owned()));
        let verified = self.desk.beside("verify a key", verify).await;
        verified.unwrap_or_else(lost)
    }

    /// Counts requests of a caller, beside those that were `paid` for the same call; `None` is without a limit.
    ///
    /// # Errors
    /// The database is out of reach, or the key is gone.
    pub async fn pay(
        &self,
        caller: &ApiCaller,
        (cost, paid): (u32, u32),
    ) -> Result<Option<PaidRequest>, DeskError> {
        let own = caller.rate_limit;
        let own = own.map(|per_second| KeyRate::new(per_second, self.burst));
        let Some(rate) = own.or(self.usual_rate) else {
            return Ok(None);
        };
        if let Some(here) = self.rates.pay_here(caller.key_id, rate, cost) {
            return Ok(Some(here));
        }
        let (rates, key_id) = (self.rates.clone(), caller.key_id);
        let work = async move |_| Ok(Some(rates.pay(key_id, rate, (cost, paid)).await?));
        self.desk.with("count requests of a key", work).await
    }

    /// At most so many keys of a tenant, the newest first, that were made before another one; of all
    /// tenants and operators without a tenant.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Option<Uuid>,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredApiKey>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(api_keys::page(&mut connection, tenant_id, before, most).await?)
        };
        self.desk.with("list keys", work).await
    }

    /// Makes a key; answers its id and its text.
    ///
    /// # Errors
    /// There is no such tenant; or the database is out of reach.
    pub async fn make(&self, order: KeyOrder) -> Result<(Uuid, ApiKey), DeskError> {
        let work = async move |database: Database| {
            let (mut prefix, mut secret) = ([0; PREFIX_BYTES], [0; SECRET_BYTES]);
            rand::fill(&mut prefix);
            rand::fill(&mut secret);
            let key = ApiKey::new(prefix, secret);
            let new = NewApiKey {
                key: &key,
                tenant_id: Some(order.tenant_id),
                name: &order.name,
                scopes: &order.scopes,
                networks: &order.networks,
                rate_limit: order.rate_limit,
                expires_at: order.expires_at,
            };
            let made = database.transaction(async |connection| {
                api_keys::create(connection, &new, &order.by).await
            });
            let id = made.await?;
            Ok((id, key))
        };
        self.desk.with("make a key", work).await
    }

    /// A key of this tenant, or any without one.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(&self, id: Uuid, tenant_id: Option<Uuid>) -> Result<StoredApiKey, DeskError> {
        let work = async move |database: Database| {
            let found = database.transaction(async |connection| {
                api_keys::change::find(connection, id, tenant_id).await
            });
            found.await?.ok_or(NO_KEY)
        };
        self.desk.with("get a key", work).await
    }

    /// Changes a key of this tenant, or any without one, that was not taken back and opens no more than
    /// `own`; answers it as it is then.
    ///
    /// # Errors
    /// There is none, or it opens more; or the database is out of reach.
    pub async fn change(
        &self,
        (id, tenant_id): (Uuid, Option<Uuid>),
        own: ApiScopes,
        change: impl FnOnce(StoredApiKey) -> StoredApiKey + Send + 'static,
        by: DoneBy,
    ) -> Result<StoredApiKey, DeskError> {
        let work = async move |database: Database| {
            let changed = database.transaction(async |connection| {
                let were = match open(connection, id, tenant_id, &own).await? {
                    Ok(were) => were,
                    Err(error) => return Ok(Err(error)),
                };
                let are = change(were.clone());
                api_keys::change::write(connection, &were, &are, &by).await?;
                Ok(Ok(are))
            });
            changed.await?
        };
        let changed = self.desk.with("change a key", work).await?;
        self.keys.forget();
        Ok(changed)
    }

    /// Gives a key another secret; the one that it had opens beside it for `overlap`. Answers its text.
    ///
    /// # Errors
    /// There is none, or it opens more than `own`; or the database is out of reach.
    pub async fn rotate(
        &self,
        (id, tenant_id): (Uuid, Option<Uuid>),
        own: ApiScopes,
        overlap: Duration,
        by: DoneBy,
    ) -> Result<ApiKey, DeskError> {
        let work = async move |database: Database| {
            let rotated = database.transaction(async |connection| {
                let stored = match open(connection, id, tenant_id, &own).await? {
                    Ok(stored) => stored,
                    Err(error) => return Ok(Err(error)),
                };
                let mut secret = [0; SECRET_BYTES];
                rand::fill(&mut secret);
                let key = ApiKey::rotated(&stored.prefix, secret);
                let overlap = overlap.as_secs_f64();
                let rotated = api_keys::rotate(connection, id, &key, overlap, &by).await?;
                Ok(rotated.then_some(key).ok_or(NO_KEY))
            });
            rotated.await?
        };
        let key = self.desk.with("rotate a key", work).await?;
        self.keys.forget();
        Ok(key)
    }

    /// Takes a key back: of this tenant, or any without one.
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
                api_keys::revoke(connection, id, tenant_id, &by).await
            });
            if revoked.await? {
                return Ok(());
            }
            Err(NO_KEY)
        };
        self.desk.with("revoke a key", work).await?;
        self.keys.forget();
        Ok(())
    }
}

const NO_KEY: DeskError = DeskError::NotFound("API key");

/// A key that was not taken back, and opens no more than whoever changes it.
async fn open(
    connection: &mut PgConnection,
    id: Uuid,
    tenant_id: Option<Uuid>,
    own: &ApiScopes,
) -> Result<Result<StoredApiKey, DeskError>, StoreError> {
    let found = api_keys::change::find(connection, id, tenant_id).await?;
    let Some(found) = found.filter(|key| key.revoked_at.is_none()) else {
        return Ok(Err(NO_KEY));
    };
    if found.scopes.all(|scope| own.include(scope)) {
        return Ok(Ok(found));
    }
    let why = "the key opens more than the one that is to change it: ask somebody whose key opens as much";
    Ok(Err(DeskError::Conflict("key_opens_more", why.to_owned())))
}
