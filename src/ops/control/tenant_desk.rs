//! Tenants, as the HTTP API may see and change them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Desk, DeskError, in_use};
use crate::domain::DEFAULT_TENANT;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::tenants::{self, StoredTenant};
use crate::store::{Database, PgConnection, StoreError};

/// A tenant that is to be.
#[derive(Debug, Clone)]
pub struct TenantOrder {
    /// Its id.
    pub id: Uuid,
    /// Its unique name.
    pub name: String,
    /// The language of messages to people of whom none is known.
    pub locale: Option<String>,
    /// Whether one that is there already is replaced.
    pub may_replace: bool,
}

/// Reads and changes tenants. Clones share it.
#[derive(Debug, Clone)]
pub struct TenantDesk {
    /// Does the work.
    pub desk: Desk,
}

impl TenantDesk {
    /// At most so many tenants, by falling id, that come behind another one; only one with its id.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        only: Option<Uuid>,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredTenant>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(tenants::page(&mut connection, only, before, most).await?)
        };
        self.desk.with("list tenants", work).await
    }

    /// Makes a tenant; says all anew of one that is there, if it may. Says whether it is new.
    ///
    /// # Errors
    /// It is there already, or another has the name; or the database is out of reach.
    pub async fn put(
        &self,
        order: TenantOrder,
        by: DoneBy,
    ) -> Result<(StoredTenant, bool), DeskError> {
        let work = async move |database: Database| {
            let put = async |connection: &mut PgConnection| {
                let before = tenants::hold(connection, order.id).await?;
                if before.is_some() && !order.may_replace {
                    let words = "there is a tenant of this id: replace it by PUT";
                    return Err(DeskError::Conflict("tenant_exists", words.to_owned()));
                }
                let locale = order.locale.as_deref();
                let written = tenants::upsert(connection, order.id, &order.name, locale).await;
                written.map_err(taken)?;
                let now = found(connection, order.id).await?;
                let (action, changes) = match &before {
                    None => ("create", AuditChanges::made(said(&now))),
                    Some(old) => ("update", AuditChanges::between(said(old), said(&now))),
                };
                if !changes.is_empty() {
                    note(connection, now.id, &by, action, changes).await?;
                }
                Ok((now, before.is_none()))
            };
            database.attempt(put).await
        };
        self.desk.with("put a tenant", work).await
    }

    /// A tenant.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(&self, id: Uuid) -> Result<StoredTenant, DeskError> {
        let work = async move |database: Database| found(&mut *database.get().await?, id).await;
        self.desk.with("get a tenant", work).await
    }

    /// Removes a tenant to which nothing belongs.
    ///
    /// # Errors
    /// There is none, something belongs to it, or it is the default one; or the database is out of reach.
    pub async fn delete(&self, id: Uuid, by: DoneBy) -> Result<(), DeskError> {
        let work = async move |database: Database| {
            let deleted = async |connection: &mut PgConnection| {
                let tenant = found(connection, id).await?;
                if id == DEFAULT_TENANT {
                    let words = "messages that name no tenant belong to this one: it stays";
                    return Err(DeskError::Conflict("in_use", words.to_owned()));
                }
                let uses = tenants::uses(connection, id).await?;
                in_use("tenant", &uses)?;
                tenants::delete(connection, id).await?;
                let changes = AuditChanges::gone(said(&tenant));
                Ok(note(connection, id, &by, "delete", changes).await?)
            };
            database.attempt(deleted).await
        };
        self.desk.with("delete a tenant", work).await
    }
}

fn taken(error: StoreError) -> DeskError {
    match error {
        StoreError::UniqueViolation { .. } => {
            let words = "another tenant has this name: choose another one";
            DeskError::Conflict("name_taken", words.to_owned())
        }
        error => error.into(),
    }
}

async fn found(connection: &mut PgConnection, id: Uuid) -> Result<StoredTenant, DeskError> {
    let found = tenants::hold(connection, id).await?;
    found.ok_or(DeskError::NotFound("tenant"))
}

/// What the audit trail keeps of a tenant.
fn said(tenant: &StoredTenant) -> Value {
    json!({ "name": tenant.name, "locale": tenant.locale })
}

async fn note(
    connection: &mut PgConnection,
    id: Uuid,
    by: &DoneBy,
    action: &'static str,
    changes: AuditChanges,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        tenant_id: Some(id),
        action,
        resource: "tenant",
        resource_id: id.to_string(),
        changes,
    };
    audit::record(connection, by, entry).await
}
