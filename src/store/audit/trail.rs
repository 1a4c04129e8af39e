//! The audit trail, read.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::TimePlace;
use crate::store::StoreError;
use crate::store::schema::notification_schema::audit_logs;
use crate::store::time::{from_database, to_database};

/// Which changes are meant; what is absent does not narrow them down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this API key, or by what acted on the command line.
    pub actor: Option<String>,
    /// This verb.
    pub action: Option<String>,
    /// Of this kind of thing.
    pub resource_type: Option<String>,
    /// Of this thing.
    pub resource_id: Option<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// A change as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAudit {
    /// Its id.
    pub id: Uuid,
    /// Whose thing it is; `None` for what belongs to no tenant.
    pub tenant_id: Option<Uuid>,
    /// Who did it.
    pub actor: Option<String>,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub resource_type: String,
    /// To which one.
    pub resource_id: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// By which request.
    pub request_id: Option<Uuid>,
    /// What changed.
    pub changes: Option<Value>,
    /// When.
    pub created_at: Timestamp,
}

impl StoredAudit {
    /// Its place in a list.
    #[must_use]
    pub const fn place(&self) -> TimePlace {
        TimePlace {
            at: self.created_at,
            id: self.id,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_logs)]
struct AuditRow {
    id: Uuid,
    tenant_id: Option<Uuid>,
    actor: Option<String>,
    action: String,
    resource_type: String,
    resource_id: Option<String>,
    ip_address: Option<String>,
    request_id: Option<Uuid>,
    changes: Option<Value>,
    created_at: DateTime<Utc>,
}

impl From<AuditRow> for StoredAudit {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            actor: row.actor,
            action: row.action,
            resource_type: row.resource_type,
            resource_id: row.resource_id,
            address: row.ip_address,
            request_id: row.request_id,
            changes: row.changes,
            created_at: from_database(row.created_at),
        }
    }
}

/// At most so many changes of a tenant's things, of all without one, the newest first, that are older than a
/// place.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    filter: &AuditFilter,
    after: Option<TimePlace>,
    most: usize,
) -> Result<Vec<StoredAudit>, StoreError> {
    use audit_logs as a;
    let mut entries = a::table.select(AuditRow::as_select()).into_boxed();
    if let Some(tenant_id) = tenant_id {
        entries = entries.filter(a::tenant_id.eq(tenant_id));
    }
    if let Some(actor) = &filter.actor {
        entries = entries.filter(a::actor.eq(actor));
    }
    if let Some(action) = &filter.action {
        entries = entries.filter(a::action.eq(action));
    }
    if let Some(kind) = &filter.resource_type {
        entries = entries.filter(a::resource_type.eq(kind));
    }
    if let Some(id) = &filter.resource_id {
        entries = entries.filter(a::resource_id.eq(id));
    }
    if let Some(since) = filter.since {
        entries = entries.filter(a::created_at.ge(to_database(since)));
    }
    if let Some(until) = filter.until {
        entries = entries.filter(a::created_at.lt(to_database(until)));
    }
    if let Some(after) = after {
        let at = to_database(after.at);
        let within = a::created_at.eq(at).and(a::id.lt(after.id));
        entries = entries
            .filter(a::created_at.le(at))
            .filter(a::created_at.lt(at).or(within));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let entries = entries.order((a::created_at.desc(), a::id.desc()));
    let rows: Vec<AuditRow> = entries.limit(most).load(connection).await?;
    Ok(rows.into_iter().map(StoredAudit::from).collect())
}
