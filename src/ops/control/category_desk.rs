//! Categories, as the HTTP API may see and change them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Desk, DeskError, in_use};
use crate::domain::Category;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::{Database, PgConnection, StoreError, WriteChange, categories};

/// Reads and changes a tenant's categories. Clones share it.
#[derive(Debug, Clone)]
pub struct CategoryDesk {
    /// Does the work.
    pub desk: Desk,
}

impl CategoryDesk {
    /// At most so many of a tenant's categories, by name, that come behind another one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Uuid,
        after: Option<String>,
        most: usize,
    ) -> Result<Vec<Category>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(categories::page(&mut connection, tenant_id, after.as_deref(), most).await?)
        };
        self.desk.with("list categories", work).await
    }

    /// A tenant's category.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(&self, tenant_id: Uuid, name: String) -> Result<Category, DeskError> {
        let work = async move |database: Database| {
            found(&mut *database.get().await?, tenant_id, &name).await
        };
        self.desk.with("get a category", work).await
    }

    /// Makes a category; says all anew of one that is there, if it may. Says whether it is new.
    ///
    /// # Errors
    /// It is there already, or there is no such tenant; or the database is out of reach.
    pub async fn put(
        &self,
        category: Category,
        may_replace: bool,
        by: DoneBy,
    ) -> Result<bool, DeskError> {
        let work = async move |database: Database| {
            let put = async |connection: &mut PgConnection| {
                let (tenant_id, name) = (category.tenant_id, &category.name);
                let before = categories::hold(connection, tenant_id, name).await?;
                if before.is_some() && !may_replace {
                    let words = "the tenant has a category of this name: replace it by PUT";
                    return Err(DeskError::Conflict("name_taken", words.to_owned()));
                }
                let written = categories::upsert(connection, &category).await?;
                let (action, changes) = match &before {
                    None => ("create", AuditChanges::made(said(&category))),
                    Some(old) => ("update", AuditChanges::between(said(old), said(&category))),
                };
                if written != WriteChange::Unchanged {
                    note(connection, &category, &by, action, changes).await?;
                }
                Ok(before.is_none())
            };
            database.attempt(put).await
        };
        self.desk.with("put a category", work).await
    }

    /// Removes a category that nothing names.
    ///
    /// # Errors
    /// There is none, or something names it; or the database is out of reach.
    pub async fn delete(&self, tenant_id: Uuid, name: String, by: DoneBy) -> Result<(), DeskError> {
        let work = async move |database: Database| {
            let deleted = async |connection: &mut PgConnection| {
                let category = found(connection, tenant_id, &name).await?;
                let uses = categories::uses(connection, tenant_id, &name).await?;
                in_use("category", &uses)?;
                categories::delete(connection, tenant_id, &name).await?;
                let changes = AuditChanges::gone(said(&category));
                Ok(note(connection, &category, &by, "delete", changes).await?)
            };
            database.attempt(deleted).await
        };
        self.desk.with("delete a category", work).await
    }
}

async fn found(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<Category, DeskError> {
    let found = categories::hold(connection, tenant_id, name).await?;
    found.ok_or(DeskError::NotFound("category"))
}

/// What the audit trail keeps of a category.
fn said(category: &Category) -> Value {
    json!({
        "may_disable": category.may_disable,
        "over_cap": category.over_cap,
        "on_unknown": category.on_unknown,
    })
}

async fn note(
    connection: &mut PgConnection,
    category: &Category,
    by: &DoneBy,
    action: &'static str,
    changes: AuditChanges,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        tenant_id: Some(category.tenant_id),
        action,
        resource: "category",
        resource_id: category.name.clone(),
        changes,
    };
    audit::record(connection, by, entry).await
}
