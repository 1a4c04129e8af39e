//! Outcomes that PostgreSQL refused, as operators may look at them and deal with them.

use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::store::audit::DoneBy;
use crate::store::quarantine::{self, OutcomeReplay, QuarantineFilter, Quarantined};
use crate::store::{Database, StoreError};

/// Looks at them and deals with them. Clones share it.
#[derive(Debug, Clone)]
pub struct QuarantineDesk {
    /// Does the work.
    pub desk: Desk,
}

impl QuarantineDesk {
    /// At most so many of a tenant, of all without one, that nobody has dealt with, the eldest first.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn list(
        &self,
        tenant_id: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Quarantined>, DeskError> {
        let work = async move |database: Database| {
            let filter = QuarantineFilter {
                tenant_id,
                ..QuarantineFilter::default()
            };
            Ok(quarantine::list(&database, &filter, most).await?)
        };
        self.desk.with("list quarantined outcomes", work).await
    }

    /// Stores one as it would have been stored.
    ///
    /// # Errors
    /// There is none, or somebody has dealt with it, or it is refused again; or the database is out of reach.
    pub async fn replay(
        &self,
        of: (Option<Uuid>, Uuid),
        by: DoneBy,
    ) -> Result<OutcomeReplay, DeskError> {
        let work = async move |database: Database| {
            let entry = one(&database, of).await?;
            match quarantine::replay(&database, &entry, &by).await {
                Ok(became) => Ok(became),
                Err(error) => Err(again(error)),
            }
        };
        self.desk.with("replay a quarantined outcome", work).await
    }

    /// Marks one as dealt with; nothing of it is stored, and nothing is sent.
    ///
    /// # Errors
    /// There is none, or somebody has dealt with it; or the database is out of reach.
    pub async fn resolve(&self, of: (Option<Uuid>, Uuid), by: DoneBy) -> Result<(), DeskError> {
        let work = async move |database: Database| {
            let entry = one(&database, of).await?;
            match quarantine::resolve(&database, &entry, &by).await? {
                true => Ok(()),
                false => Err(DeskError::NotFound("quarantined outcome")),
            }
        };
        self.desk.with("resolve a quarantined outcome", work).await
    }
}

async fn one(
    database: &Database,
    (tenant_id, id): (Option<Uuid>, Uuid),
) -> Result<Quarantined, DeskError> {
    let filter = QuarantineFilter {
        id: Some(id),
        tenant_id,
        resolved_too: false,
    };
    let found = quarantine::list(database, &filter, 1).await?;
    let found = found.into_iter().next();
    found.ok_or(DeskError::NotFound("quarantined outcome"))
}

/// What PostgreSQL refuses stays in quarantine; trouble of other kinds is told as ever.
fn again(error: StoreError) -> DeskError {
    match DeskError::from(error) {
        DeskError::Failed(why) => {
            let words = format!("it is refused again, and stays in quarantine: {why}");
            DeskError::Conflict("refused_again", words)
        }
        other => other,
    }
}
