//! API keys, as the HTTP API may see and change them.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::desk::{Desk, DeskError};

use crate::cache::ApiKeyCache;
use crate::cache::api_keys::{ApiCaller, KeyRefusal};
use crate::domain::api_key::{PREFIX_BYTES, SECRET_BYTES};
use crate::domain::{ApiKey, ApiScopes, Network};
use crate::store::Database;
use crate::store::api_keys::{self, NewApiKey, StoredApiKey};
use crate::store::audit::DoneBy;

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
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
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
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
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
            Err(DeskError::NotFound("API key"))
        };
        self.desk.with("revoke a key", work).await?;
        self.keys.forget();
        Ok(())
    }
}
