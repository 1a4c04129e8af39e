//! What operators look at: system events, hourly figures, the audit trail.

use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::domain::TimePlace;
use crate::store::Database;
use crate::store::audit::trail::{self, AuditFilter, StoredAudit};
use crate::store::metrics::hours::{self, HourFigures, HoursAsked};
use crate::store::system_events::told::{self, EventFilter, StoredEvent};

/// Looks at them. Clones share it.
#[derive(Debug, Clone)]
pub struct WatchDesk {
    /// Does the work.
    pub desk: Desk,
}

impl WatchDesk {
    /// At most so many system events about a tenant, all without one, the newest first, before another one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn events(
        &self,
        tenant_id: Option<Uuid>,
        filter: EventFilter,
        before: Option<i64>,
        most: usize,
    ) -> Result<Vec<StoredEvent>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(told::page(&mut connection, tenant_id, filter, before, most).await?)
        };
        self.desk.with("list system events", work).await
    }

    /// The figures of a tenant's hours, of all tenants' together without one, at most so many.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn hours(
        &self,
        tenant_id: Option<Uuid>,
        asked: HoursAsked,
        most: usize,
    ) -> Result<Vec<HourFigures>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(hours::hours(&mut connection, tenant_id, &asked, most).await?)
        };
        self.desk.with("sum up hours", work).await
    }

    /// At most so many changes of a tenant's things, of all without one, the newest first, behind a place.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn audit(
        &self,
        tenant_id: Option<Uuid>,
        filter: AuditFilter,
        after: Option<TimePlace>,
        most: usize,
    ) -> Result<Vec<StoredAudit>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(trail::page(&mut connection, tenant_id, &filter, after, most).await?)
        };
        self.desk.with("read the audit trail", work).await
    }
}
