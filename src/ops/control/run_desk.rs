//! Runs of workflows, as the HTTP API may see and cancel them.

use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::runtime::clock;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::runs::RunLine;
use crate::store::runs::cancel::{self, RunsCancelled, RunsMeant};
use crate::store::runs::desk::{self, RunFilter, StoredRun};
use crate::store::runs::digests::open::{self, OpenDigest};
use crate::store::{Database, PgConnection};

/// Shows and cancels runs. Clones share it.
#[derive(Debug, Clone)]
pub struct RunDesk {
    /// Does the work.
    pub desk: Desk,
}

impl RunDesk {
    /// A tenant's runs that fit and come before another one, newest first.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Uuid,
        filter: RunFilter,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredRun>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(desk::page(&mut connection, tenant_id, &filter, before, most).await?)
        };
        self.desk.with("list runs", work).await
    }

    /// A tenant's run.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(&self, tenant_id: Uuid, id: Uuid) -> Result<StoredRun, DeskError> {
        let work = async move |database: Database| {
            let found = desk::get(&mut *database.get().await?, tenant_id, id).await?;
            found.ok_or(DeskError::NotFound("run"))
        };
        self.desk.with("get a run", work).await
    }

    /// A tenant's open digests, those that close first first.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn open_digests(
        &self,
        tenant_id: Uuid,
        most: usize,
    ) -> Result<Vec<OpenDigest>, DeskError> {
        let work = async move |database: Database| {
            Ok(open::open(&mut *database.get().await?, tenant_id, most).await?)
        };
        self.desk.with("list open digests", work).await
    }

    /// Cancels runs that wait. What is meant and not there is an error, and has no later effect.
    ///
    /// # Errors
    /// There is nothing that is meant; or the database is out of reach.
    pub async fn cancel(
        &self,
        tenant_id: Uuid,
        meant: RunsMeant,
        by: DoneBy,
    ) -> Result<RunsCancelled, DeskError> {
        let work = async move |database: Database| {
            let cancelled = async |connection: &mut PgConnection| {
                let lines = cancelled_lines("cancelled by request");
                let counts = cancel::cancel(connection, tenant_id, &meant, &lines).await?;
                if counts.meant == 0 && counts.fan_outs == 0 {
                    return Err(DeskError::NotFound("run"));
                }
                let (resource_id, how) = match &meant {
                    RunsMeant::Run(id) => (id.to_string(), "run"),
                    RunsMeant::Event(id) => (id.to_string(), "event"),
                    RunsMeant::Person(id) => (id.to_string(), "user_id"),
                    RunsMeant::Key(workflow, _) => (workflow.clone().unwrap_or_default(), "key"),
                };
                let entry = AuditEntry {
                    tenant_id: Some(tenant_id),
                    action: "cancel",
                    resource: "workflow_run",
                    resource_id,
                    changes: AuditChanges::made(
                        serde_json::json!({ "by": how, "runs": counts.cancelled }),
                    ),
                };
                audit::record(connection, &by, entry).await?;
                Ok(counts)
            };
            database.attempt(cancelled).await
        };
        self.desk.with("cancel runs", work).await
    }
}

/// A line for the stories of runs that are cancelled, as JSON.
pub(super) fn cancelled_lines(words: &str) -> String {
    let line = RunLine {
        at: clock::now(),
        step: String::new(),
        words: words.to_owned(),
    };
    serde_json::to_string(&[line]).unwrap_or_else(|_| "[]".to_owned())
}
