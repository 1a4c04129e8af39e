//! The suppression list, as the HTTP API may see and change it.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::domain::{Channel, Suppression};
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::suppressions::desk::{self, StoredSuppression};
use crate::store::{Database, PgConnection, StoreError};

/// Reads and changes the suppression list. Clones share it.
#[derive(Debug, Clone)]
pub struct SuppressionDesk {
    /// Does the work.
    pub desk: Desk,
}

impl SuppressionDesk {
    /// At most so many entries, by falling id, that come behind another one. `channel` and `address` must hold.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Option<Uuid>,
        (channel, address): (Option<Channel>, Option<String>),
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredSuppression>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let filter = (channel, address.as_deref());
            Ok(desk::page(&mut connection, tenant_id, filter, before, most).await?)
        };
        self.desk.with("list suppressions", work).await
    }

    /// An entry.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(
        &self,
        tenant_id: Option<Uuid>,
        id: Uuid,
    ) -> Result<StoredSuppression, DeskError> {
        let work =
            async move |database: Database| found(&mut *database.get().await?, tenant_id, id).await;
        self.desk.with("get a suppression", work).await
    }

    /// Puts an address on the list, or says all anew of one that is there; says whether it is new.
    ///
    /// # Errors
    /// There is no such tenant; or the database is out of reach.
    pub async fn put(
        &self,
        suppression: Suppression,
        ends_at: Option<Timestamp>,
        by: DoneBy,
    ) -> Result<(StoredSuppression, bool), DeskError> {
        let work = async move |database: Database| {
            let put = async |connection: &mut PgConnection| {
                let before = desk::same(connection, &suppression).await?;
                let id = desk::put(connection, &suppression, ends_at).await?;
                let tenant_id = suppression.tenant_id;
                let now = found(connection, Some(tenant_id), id).await?;
                let (action, changes) = match &before {
                    None => ("create", AuditChanges::made(said(&now))),
                    Some(old) => ("update", AuditChanges::between(said(old), said(&now))),
                };
                if !changes.is_empty() {
                    note(connection, &now, &by, action, changes).await?;
                }
                Ok((now, before.is_none()))
            };
            database.attempt(put).await
        };
        self.desk.with("put a suppression", work).await
    }

    /// Takes an entry off the list. The audit trail keeps who did it, and why.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn lift(
        &self,
        (tenant_id, id): (Option<Uuid>, Uuid),
        why: Option<String>,
        by: DoneBy,
    ) -> Result<(), DeskError> {
        let work = async move |database: Database| {
            let lifted = async |connection: &mut PgConnection| {
                let entry = found(connection, tenant_id, id).await?;
                desk::lift(connection, id).await?;
                let lifted = json!({ "lifted_because": why });
                let changes = AuditChanges::between(said(&entry), lifted);
                Ok(note(connection, &entry, &by, "delete", changes).await?)
            };
            database.attempt(lifted).await
        };
        self.desk.with("lift a suppression", work).await
    }
}

async fn found(
    connection: &mut PgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<StoredSuppression, DeskError> {
    let found = desk::hold(connection, tenant_id, id).await?;
    found.ok_or(DeskError::NotFound("suppression"))
}

/// What the audit trail keeps of an entry.
fn said(entry: &StoredSuppression) -> Value {
    let suppression = &entry.suppression;
    json!({
        "channel": suppression.channel,
        "address": suppression.address,
        "category": suppression.category,
        "reason": suppression.reason,
        "expires_at": entry.ends_at,
    })
}

async fn note(
    connection: &mut PgConnection,
    entry: &StoredSuppression,
    by: &DoneBy,
    action: &'static str,
    changes: AuditChanges,
) -> Result<(), StoreError> {
    let noted = AuditEntry {
        tenant_id: Some(entry.suppression.tenant_id),
        action,
        resource: "suppression",
        resource_id: entry.id.to_string(),
        changes,
    };
    audit::record(connection, by, noted).await
}
