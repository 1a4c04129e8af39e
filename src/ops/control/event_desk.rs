//! Events of other systems, as the HTTP API takes them on and shows them.

use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::desk::{Desk, DeskError};
use super::run_desk::{RunDesk, cancelled_lines};
use crate::broker::Refusal;
use crate::broker::cloud_event::{self, EventDraft, EventWrapping};
use crate::pipeline::accept::{AcceptAnswer, NotAccepted};
use crate::pipeline::flows::EventAcceptor;
use crate::runtime::clock;
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::events::desk::{self, StoredDomainEvent};
use crate::store::runs::cancel::{self, RunsCancelled, RunsMeant};
use crate::store::runs::desk::{self as runs_desk, RunFilter, StoredRun};
use crate::store::{Database, PgConnection};

/// Most runs that are shown with an event.
const MOST_RUNS: usize = 200;

/// Takes on and shows events. Clones share it.
#[derive(Debug, Clone)]
pub struct EventDesk {
    /// Does the work.
    pub desk: Desk,
    /// Cancels what events have started.
    pub runs: RunDesk,
    acceptor: Arc<OnceLock<EventAcceptor>>,
}

impl EventDesk {
    /// A desk that takes on nothing until [`EventDoor::open`].
    #[must_use]
    pub fn new(runs: RunDesk, acceptor: EventDoor) -> Self {
        Self {
            desk: runs.desk.clone(),
            runs,
            acceptor: acceptor.0,
        }
    }

    /// Reads an event.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(
        &self,
        body: &[u8],
        (tenant_id, may_name_tenant): (Uuid, bool),
    ) -> Result<EventDraft, Refusal> {
        let wrapping = EventWrapping {
            tenant_id,
            may_name_tenant,
            traceparent: None,
            id: clock::new_id(),
            now: clock::now(),
        };
        cloud_event::decode(body, &wrapping)
    }

    /// Accepts events, each by itself, and answers in their order.
    pub async fn accept(&self, drafts: Vec<EventDraft>) -> Vec<AcceptAnswer> {
        match self.acceptor.get() {
            Some(acceptor) => acceptor.accept(drafts).await,
            None => drafts.iter().map(|_| Err(NotAccepted::Closed)).collect(),
        }
    }

    /// A tenant's events that come before another one, newest first.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Uuid,
        kind: Option<String>,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredDomainEvent>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(desk::page(&mut connection, tenant_id, kind.as_deref(), before, most).await?)
        };
        self.desk.with("list events", work).await
    }

    /// A tenant's event, with the runs that it started.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(
        &self,
        tenant_id: Uuid,
        id: Uuid,
    ) -> Result<(StoredDomainEvent, Vec<StoredRun>), DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let found = desk::get(&mut connection, tenant_id, id).await?;
            let event = found.ok_or(DeskError::NotFound("event"))?;
            let filter = RunFilter {
                event_id: Some(id),
                ..RunFilter::default()
            };
            let runs =
                runs_desk::page(&mut connection, tenant_id, &filter, None, MOST_RUNS).await?;
            Ok((event, runs))
        };
        self.desk.with("get an event", work).await
    }

    /// Cancels an event: its runs and what waits of their notifications end, and it is left out of digests that nobody was
    /// told yet.
    ///
    /// # Errors
    /// There is none; or the database is out of reach, and what was cancelled by then stays so.
    pub async fn cancel(
        &self,
        tenant_id: Uuid,
        id: Uuid,
        by: DoneBy,
    ) -> Result<RunsCancelled, DeskError> {
        let runs = self.runs.clone();
        let work = async move |database: Database| {
            let meant = RunsMeant::Event(id);
            let work = async |connection: &mut PgConnection| {
                cancel_event(connection, tenant_id, id, &by).await
            };
            let counts = database.attempt(work).await?;
            let whose = (tenant_id, &meant);
            runs.with_messages(&database, whose, &by, counts).await
        };
        self.desk.with("cancel an event", work).await
    }
}

/// Cancels an event with its runs, and notes who did it.
async fn cancel_event(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    id: Uuid,
    by: &DoneBy,
) -> Result<RunsCancelled, DeskError> {
    let found = desk::get(connection, tenant_id, id).await?;
    found.ok_or(DeskError::NotFound("event"))?;
    desk::cancel(connection, id).await?;
    let lines = cancelled_lines("cancelled: its event was cancelled");
    let counts = cancel::cancel(connection, tenant_id, &RunsMeant::Event(id), &lines).await?;
    let entry = AuditEntry {
        tenant_id: Some(tenant_id),
        action: "cancel",
        resource: "event",
        resource_id: id.to_string(),
        changes: AuditChanges::made(serde_json::json!({ "runs": counts.cancelled })),
    };
    audit::record(connection, by, entry).await?;
    Ok(counts)
}

/// Where the engine puts who accepts events, once it runs. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct EventDoor(Arc<OnceLock<EventAcceptor>>);

impl EventDoor {
    /// Events are accepted from now on; the first to say so counts.
    pub fn open(&self, acceptor: EventAcceptor) {
        // A second engine would be a mistake of `app`; the first goes on.
        let _ = self.0.set(acceptor);
    }
}
