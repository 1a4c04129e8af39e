//! Runs of workflows, as the HTTP API may see and cancel them.

use std::sync::Arc;

use uuid::Uuid;

use super::cancel_desk::cancel_of_runs;
use super::desk::{Desk, DeskError};
use crate::domain::RunEnd;
use crate::runtime::clock;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::runs::RunLine;
use crate::store::runs::cancel::{self, RunsCancelled, RunsMeant};
use crate::store::runs::desk::{self, RunFilter, StoredRun};
use crate::store::runs::digests::open::{self, OpenDigest};
use crate::store::{Database, PgConnection};
use crate::telemetry::Metrics;
use crate::work::CallGates;

/// Shows and cancels runs. Clones share it.
#[derive(Debug, Clone)]
pub struct RunDesk {
    /// Does the work.
    pub desk: Desk,
    /// Calls off the notifications that this node has in hand.
    pub gates: CallGates,
    /// Counts what ends.
    pub metrics: Arc<Metrics>,
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

    /// Cancels runs that wait, and what waits of their notifications. What is meant and not there is an error, and has no
    /// later effect.
    ///
    /// # Errors
    /// There is nothing that is meant; or the database is out of reach, and what was cancelled by then stays so.
    pub async fn cancel(
        &self,
        tenant_id: Uuid,
        meant: RunsMeant,
        by: DoneBy,
    ) -> Result<RunsCancelled, DeskError> {
        let desk = self.clone();
        let work = async move |database: Database| {
            let work = async |connection: &mut PgConnection| {
                end_runs(connection, (tenant_id, &meant), &by).await
            };
            let counts = database.attempt(work).await?;
            let whose = (tenant_id, &meant);
            let counts = desk.with_messages(&database, whose, &by, counts).await?;
            match counts.is_anything() {
                true => Ok(counts),
                false => Err(DeskError::NotFound("run")),
            }
        };
        self.desk.with("cancel runs", work).await
    }

    /// Cancels what waits of the notifications of runs that have just been cancelled, and counts both.
    pub(super) async fn with_messages(
        &self,
        database: &Database,
        whose: (Uuid, &RunsMeant),
        by: &DoneBy,
        mut counts: RunsCancelled,
    ) -> Result<RunsCancelled, DeskError> {
        let cancelled = counts.cancelled;
        self.metrics
            .runs_ended(RunEnd::CancelledByRequest, cancelled);
        let messages = cancel_of_runs(database, &self.gates, whose, by).await?;
        counts.notifications = messages.cancelled;
        counts.under_way = messages.in_flight.saturating_add(messages.partly_sent);
        Ok(counts)
    }
}

/// Cancels runs that wait, and notes who did it.
async fn end_runs(
    connection: &mut PgConnection,
    (tenant_id, meant): (Uuid, &RunsMeant),
    by: &DoneBy,
) -> Result<RunsCancelled, DeskError> {
    let lines = cancelled_lines("cancelled by request");
    let counts = cancel::cancel(connection, tenant_id, meant, &lines).await?;
    if !counts.is_anything() {
        return Ok(counts);
    }
    let (resource_id, how) = match meant {
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
        changes: AuditChanges::made(serde_json::json!({ "by": how, "runs": counts.cancelled })),
    };
    audit::record(connection, by, entry).await?;
    Ok(counts)
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
