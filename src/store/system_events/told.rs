//! System events, read.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::Severity;
use crate::store::StoreError;
use crate::store::schema::notification_schema::admin_system_events;
use crate::store::time::from_database;

/// Which events are meant; what is absent does not narrow them down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Whether the trouble is over.
    pub resolved: Option<bool>,
    /// How bad it is.
    pub severity: Option<Severity>,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its number.
    pub id: i64,
    /// What kind.
    pub event_type: String,
    /// How bad.
    pub severity: String,
    /// What happened, in words.
    pub description: String,
    /// More of it.
    pub details: Option<Value>,
    /// The tenant that it is about.
    pub tenant_id: Option<Uuid>,
    /// The person that it is about.
    pub user_id: Option<Uuid>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Whether it is over.
    pub is_resolved: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = admin_system_events)]
struct SystemEventRow {
    id: i64,
    event_type: String,
    severity: String,
    description: String,
    details: Option<Value>,
    tenant_id: Option<Uuid>,
    user_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
    is_resolved: bool,
}

impl From<SystemEventRow> for StoredEvent {
    fn from(row: SystemEventRow) -> Self {
        Self {
            id: row.id,
            event_type: row.event_type,
            severity: row.severity,
            description: row.description,
            details: row.details,
            tenant_id: row.tenant_id,
            user_id: row.user_id,
            created_at: from_database(row.created_at),
            resolved_at: row.resolved_at.map(from_database),
            is_resolved: row.is_resolved,
        }
    }
}

/// At most so many events about a tenant, all without one, the newest first, that came before another one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    filter: EventFilter,
    before: Option<i64>,
    most: usize,
) -> Result<Vec<StoredEvent>, StoreError> {
    use admin_system_events as e;
    let mut events = e::table.select(SystemEventRow::as_select()).into_boxed();
    if let Some(tenant_id) = tenant_id {
        events = events.filter(e::tenant_id.eq(tenant_id));
    }
    if let Some(resolved) = filter.resolved {
        events = events.filter(e::is_resolved.eq(resolved));
    }
    if let Some(severity) = filter.severity {
        events = events.filter(e::severity.eq(severity.as_str()));
    }
    if let Some(before) = before {
        events = events.filter(e::id.lt(before));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<SystemEventRow> = events
        .order(e::id.desc())
        .limit(most)
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(StoredEvent::from).collect())
}
