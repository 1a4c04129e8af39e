//! Provider accounts, as the HTTP API may see and change them. No secret leaves here.

mod change;
mod health;
mod pausing;
mod shown;
mod trial;

use std::sync::Arc;

use serde_json::Value;

pub use change::ProviderChange;
pub use health::ShownProviderHealth;
pub use shown::ShownProvider;
pub use trial::ShownProviderTest;

use super::desk::{Desk, DeskError};
use crate::domain::Account;
use crate::providers::{self, HttpClient, SettingsError};
use crate::runtime::clock;
use crate::store::accounts::desk::{self, StoredProvider};
use crate::store::accounts::{AccountError, AccountFields};
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::provider_health::nodes;
use crate::store::seal::Sealer;
use crate::store::system_events::troubles;
use crate::store::{Database, PgConnection, StoreError};

/// Most troubles of an account that are shown.
const TROUBLES: usize = 20;

/// Why something could not be done with an account.
#[derive(Debug, thiserror::Error)]
pub enum ProviderDeskError {
    /// Not for a reason of the account's.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// Its settings are wrong: every mistake.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Makes, changes and removes accounts. Clones share it.
#[derive(Debug, Clone)]
pub struct ProviderDesk {
    /// Does the work.
    pub desk: Desk,
    /// Seals and opens secrets.
    pub sealer: Sealer,
    /// With which settings are checked.
    pub client: HttpClient,
    /// Addresses that may be sent test messages.
    pub test_addresses: Arc<[String]>,
}

impl ProviderDesk {
    /// At most so many accounts, by name, of those behind a name.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        after: Option<String>,
        most: usize,
    ) -> Result<Vec<ShownProvider>, ProviderDeskError> {
        let sealer = self.sealer.clone();
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let stored = desk::page(&mut connection, &sealer, after.as_deref(), most).await?;
            Ok(stored.iter().map(ShownProvider::from).collect())
        };
        self.desk.with("list providers", work).await
    }

    /// An account.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(&self, name: String) -> Result<ShownProvider, ProviderDeskError> {
        let sealer = self.sealer.clone();
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let stored = found(&mut connection, &sealer, &name).await?;
            Ok(ShownProvider::from(&stored))
        };
        self.desk.with("get a provider", work).await
    }

    /// Makes an account.
    ///
    /// # Errors
    /// Its settings are wrong, or the name is taken; or the database is out of reach.
    pub async fn make(
        &self,
        fields: AccountFields,
        by: DoneBy,
    ) -> Result<ShownProvider, ProviderDeskError> {
        let (sealer, client) = (self.sealer.clone(), self.client.clone());
        let work = async move |database: Database| {
            checked(&client, &fields)?;
            let made = database.transaction(async |connection| {
                if let Err(error) = desk::create(connection, &sealer, &fields).await {
                    return refused(error);
                }
                let changes = AuditChanges::made(shown::audited(&fields));
                note(connection, &fields.name, &by, "create", changes).await?;
                Ok(found(connection, &sealer, &fields.name).await)
            });
            let stored = made.await??;
            Ok(ShownProvider::from(&stored))
        };
        self.desk.with("make a provider", work).await
    }

    /// Changes what is said of an account; the rest stays.
    ///
    /// # Errors
    /// There is none, or its settings would be wrong, or what is stored of it cannot be read; or the database
    /// is out of reach.
    pub async fn change(
        &self,
        name: String,
        change: ProviderChange,
        by: DoneBy,
    ) -> Result<ShownProvider, ProviderDeskError> {
        let (sealer, client) = (self.sealer.clone(), self.client.clone());
        let work = async move |database: Database| {
            let changed = database.transaction(async |connection| {
                let stored = match found(connection, &sealer, &name).await {
                    Ok(stored) => stored,
                    Err(error) => return Ok(Err(error)),
                };
                let old = match readable(&stored) {
                    Ok(fields) => fields,
                    Err(error) => return Ok(Err(error)),
                };
                let new = change.upon(old.clone());
                if let Err(error) = checked(&client, &new) {
                    return Ok(Err(error));
                }
                if new == *old {
                    return Ok(Ok(stored));
                }
                if let Err(error) = desk::change(connection, &sealer, stored.id, &new).await {
                    return refused(error);
                }
                let changes = shown::difference(old, &new);
                note(connection, &name, &by, "update", changes).await?;
                Ok(found(connection, &sealer, &name).await)
            });
            let stored = changed.await??;
            Ok(ShownProvider::from(&stored))
        };
        self.desk.with("change a provider", work).await
    }

    /// Removes an account, and its secrets for good.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn delete(&self, name: String, by: DoneBy) -> Result<(), ProviderDeskError> {
        let sealer = self.sealer.clone();
        let work = async move |database: Database| {
            let deleted = database.transaction(async |connection| {
                let stored = match found(connection, &sealer, &name).await {
                    Ok(stored) => stored,
                    Err(error) => return Ok(Err(error)),
                };
                desk::delete(connection, stored.id).await?;
                let old = stored.fields.as_ref().map_or(Value::Null, shown::audited);
                note(connection, &name, &by, "delete", AuditChanges::gone(old)).await?;
                Ok(Ok(()))
            });
            deleted.await?
        };
        self.desk.with("delete a provider", work).await
    }

    /// How an account stands on every node.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn health(&self, name: String) -> Result<ShownProviderHealth, ProviderDeskError> {
        let sealer = self.sealer.clone();
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let stored = found(&mut connection, &sealer, &name).await?;
            let nodes = nodes::of(&mut connection, stored.id).await?;
            let troubles = troubles::of(&mut connection, &name, TROUBLES).await?;
            Ok(ShownProviderHealth::new(&stored, nodes, troubles))
        };
        self.desk.with("get a provider's health", work).await
    }
}

async fn found(
    connection: &mut PgConnection,
    sealer: &Sealer,
    name: &str,
) -> Result<StoredProvider, ProviderDeskError> {
    let found = desk::find(connection, sealer, name).await?;
    Ok(found.ok_or(DeskError::NotFound("provider"))?)
}

fn readable(stored: &StoredProvider) -> Result<&AccountFields, ProviderDeskError> {
    stored.fields.as_ref().map_err(|why| {
        let words = format!(
            "what is stored of the provider cannot be read ({why}): see HERALD__SECRETS__KEY, or delete it \
             and make it anew"
        );
        DeskError::Conflict("unreadable", words).into()
    })
}

/// Lets the provider's own code look at the settings.
fn checked(client: &HttpClient, fields: &AccountFields) -> Result<(), ProviderDeskError> {
    providers::connect(client, &account(fields))?;
    Ok(())
}

/// The account as the providers' room wants it; it is not stored yet.
fn account(fields: &AccountFields) -> Account {
    Account {
        id: uuid::Uuid::nil(),
        name: fields.name.clone(),
        kind: fields.kind,
        channel: fields.channel,
        priority: fields.priority,
        weight: fields.weight,
        rate_limit: fields.rate_limit,
        timeout: fields.timeout,
        api_key: fields.api_key.clone(),
        api_secret: fields.api_secret.clone(),
        config: fields.config.clone(),
        updated_at: clock::now(),
    }
}

/// What the database refuses takes the transaction back.
fn refused<T>(error: AccountError) -> Result<Result<T, ProviderDeskError>, StoreError> {
    match error {
        AccountError::Store(error) => Err(error),
        AccountError::Seal(error) => Ok(Err(DeskError::Failed(error.to_string()).into())),
    }
}

async fn note(
    connection: &mut PgConnection,
    name: &str,
    by: &DoneBy,
    action: &'static str,
    changes: AuditChanges,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        tenant_id: None,
        action,
        resource: "provider",
        resource_id: name.to_owned(),
        changes,
    };
    audit::record(connection, by, entry).await
}

impl From<StoreError> for ProviderDeskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::UniqueViolation { .. } => {
                let words = "another provider has this name".to_owned();
                Self::Desk(DeskError::Conflict("name_taken", words))
            }
            error => Self::Desk(error.into()),
        }
    }
}
