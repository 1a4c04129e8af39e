//! Workflows as they were read: a version never changes, so that each is read once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::store::workflows::{self, StoredWorkflow, WorkflowVersion};
use crate::store::{PgConnection, StoreError};
use crate::templates::workflow::{self, Workflow};

/// Most versions that are kept.
const MOST_KEPT: usize = 10_000;

/// A version that was published.
#[derive(Debug)]
pub struct KnownWorkflow {
    /// The version's id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Its name.
    pub name: String,
    /// Its number.
    pub version: i32,
    /// What it says; or why that cannot be read.
    pub workflow: Result<Workflow, String>,
}

impl From<StoredWorkflow> for KnownWorkflow {
    fn from(stored: StoredWorkflow) -> Self {
        let read = workflow::read(&stored.definition).map_err(|mistakes| {
            let words = mistakes
                .into_iter()
                .map(|it| format!("{} {}", it.pointer, it.detail));
            words.collect::<Vec<_>>().join("; ")
        });
        Self {
            id: stored.id,
            tenant_id: stored.tenant_id,
            name: stored.name,
            version: stored.version,
            workflow: read,
        }
    }
}

/// The versions that events meet.
#[derive(Debug)]
pub(super) struct EventVersions {
    /// They start runs, and end them.
    pub(super) published: Vec<Arc<KnownWorkflow>>,
    /// They are retired, and end the runs of theirs that go on.
    pub(super) outlasting: Vec<Arc<KnownWorkflow>>,
}

/// The versions that were read.
#[derive(Debug, Default)]
pub struct WorkflowBook(Mutex<HashMap<Uuid, Arc<KnownWorkflow>>>);

impl WorkflowBook {
    /// These versions, as far as they are there.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn versions(
        &self,
        connection: &mut PgConnection,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Arc<KnownWorkflow>>, StoreError> {
        let (mut found, mut missing) = (HashMap::new(), vec![]);
        {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for id in ids {
                match known.get(id) {
                    Some(workflow) => drop(found.insert(*id, Arc::clone(workflow))),
                    None => missing.push(*id),
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let read = workflows::load(connection, &missing).await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > MOST_KEPT {
            known.clear();
        }
        for stored in read {
            let workflow = Arc::new(KnownWorkflow::from(stored));
            known.insert(workflow.id, Arc::clone(&workflow));
            found.insert(workflow.id, workflow);
        }
        Ok(found)
    }

    /// The published versions of some tenants, as they are at this moment.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn published(
        &self,
        connection: &mut PgConnection,
        tenants: Vec<Uuid>,
    ) -> Result<Vec<Arc<KnownWorkflow>>, StoreError> {
        let ids = workflows::published(connection, tenants).await?;
        self.in_order(connection, &ids).await
    }

    /// The versions of some tenants that events meet, as they are at this moment.
    ///
    /// # Errors
    /// The database is out of reach.
    pub(super) async fn met(
        &self,
        connection: &mut PgConnection,
        tenants: Vec<Uuid>,
    ) -> Result<EventVersions, StoreError> {
        let (published, outlasting) = workflows::met(connection, tenants).await?;
        Ok(EventVersions {
            published: self.in_order(connection, &published).await?,
            outlasting: self.in_order(connection, &outlasting).await?,
        })
    }

    async fn in_order(
        &self,
        connection: &mut PgConnection,
        ids: &[WorkflowVersion],
    ) -> Result<Vec<Arc<KnownWorkflow>>, StoreError> {
        let order: Vec<Uuid> = ids.iter().map(|it| it.id).collect();
        let mut found = self.versions(connection, &order).await?;
        Ok(order.iter().filter_map(|id| found.remove(id)).collect())
    }
}
