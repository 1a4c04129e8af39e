//! API keys, as the HTTP API may see and change them.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::cache::ApiKeyCache;
use crate::cache::api_keys::{ApiCaller, KeyRefusal};
use crate::domain::api_key::{PREFIX_BYTES, SECRET_BYTES};
use crate::domain::{ApiKey, ApiScopes, Network};
use crate::runtime::Tasks;
use crate::store::api_keys::{self, DoneBy, NewApiKey, StoredApiKey};
use crate::store::{Database, StoreError};

/// A key for people and programs to see: without its secrets.
#[must_use]
pub fn shown_key(key: &StoredApiKey) -> Value {
    let moment = |moment: Option<Timestamp>| moment.map(|moment| moment.to_string());
    let networks = key.networks.iter().flatten().map(ToString::to_string);
    json!({
        "id": key.id,
        "prefix": key.prefix,
        "name": key.name,
        "tenant_id": key.tenant_id,
        "scopes": key.scopes.words(),
        "networks": networks.collect::<Vec<_>>(),
        "created_at": key.created_at.to_string(),
        "expires_at": moment(key.expires_at),
        "revoked_at": moment(key.revoked_at),
        "last_used_at": moment(key.last_used_at),
    })
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// There is no such thing, or it is another tenant's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The database is out of reach.
    #[error("{0}")]
    Unavailable(String),
    /// The engine is at fault.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for DeskError {
    /// What rows refer to is their tenant.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ForeignKey { .. } => Self::NotFound("tenant"),
            StoreError::Unavailable(_)
            | StoreError::Refused(_)
            | StoreError::Timeout(_)
            | StoreError::Locked(_)
            | StoreError::DiskFull(_)
            | StoreError::ReadOnly
            | StoreError::SerializationFailure
            | StoreError::Deadlock => Self::Unavailable(error.without_data()),
            other => Self::Failed(other.without_data()),
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
    /// The key that makes it.
    pub by: Uuid,
    /// From where.
    pub address: IpAddr,
}

/// Verifies keys, makes them, takes them back. Clones share it.
#[derive(Debug, Clone)]
pub struct KeyDesk {
    /// What is known of keys.
    pub keys: ApiKeyCache,
    /// Where they are stored.
    pub database: Database,
    /// Connections live on their runtime, and work with them does.
    pub tasks: Tasks,
}

impl KeyDesk {
    /// Who comes with this key from this address.
    ///
    /// # Errors
    /// Why it does not open.
    pub async fn verify(&self, key: ApiKey, from: IpAddr) -> Result<ApiCaller, KeyRefusal> {
        let keys = self.keys.clone();
        let verified = self.beside("verify a key", async move { keys.verify(&key, from).await });
        let lost = || Err(KeyRefusal::Unavailable("verifying it panicked".to_owned()));
        verified.await.unwrap_or_else(lost)
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
        self.with("list keys", "tenant", async move |database: Database| {
            let mut connection = database.get().await?;
            api_keys::page(&mut connection, tenant_id, before, most).await
        })
        .await
    }

    /// Makes a key; answers its id and its text.
    ///
    /// # Errors
    /// There is no such tenant; or the database is out of reach.
    pub async fn make(&self, order: KeyOrder) -> Result<(Uuid, ApiKey), DeskError> {
        self.with("make a key", "tenant", async move |database: Database| {
            let mut connection = database.get().await?;
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
            let by = DoneBy::key(order.by, order.address);
            let id = api_keys::create(&mut connection, &new, &by).await?;
            Ok((id, key))
        })
        .await
    }

    /// Takes a key back: of this tenant, or any without one.
    ///
    /// # Errors
    /// There is no such key there that was not taken back; or the database is out of reach.
    pub async fn revoke(
        &self,
        id: Uuid,
        tenant_id: Option<Uuid>,
        by: Uuid,
        address: IpAddr,
    ) -> Result<(), DeskError> {
        let revoked = self.with(
            "revoke a key",
            "API key",
            async move |database: Database| {
                let mut connection = database.get().await?;
                let by = DoneBy::key(by, address);
                api_keys::revoke(&mut connection, id, tenant_id, &by).await
            },
        );
        if !revoked.await? {
            return Err(DeskError::NotFound("API key"));
        }
        self.keys.forget();
        Ok(())
    }

    /// Does work with a connection; `refers_to` is what a missing row is called.
    async fn with<T: Send + 'static, F>(
        &self,
        name: &'static str,
        refers_to: &'static str,
        work: impl FnOnce(Database) -> F + Send + 'static,
    ) -> Result<T, DeskError>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let done = self.beside(name, work(self.database.clone())).await;
        let done = done.ok_or_else(|| DeskError::Failed(format!("{name}: it panicked")))?;
        done.map_err(|error| match error {
            StoreError::ForeignKey { .. } => DeskError::NotFound(refers_to),
            error => error.into(),
        })
    }

    /// Does work on the runtime of connections; `None` when it panics.
    pub(super) async fn beside<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.tasks.spawn(name, async move {
            // Whoever asked may have gone.
            let _ = answer.send(work.await);
        });
        answered.await.ok()
    }
}
