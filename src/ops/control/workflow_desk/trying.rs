//! Trying versions of workflows on recorded events.

use uuid::Uuid;

use super::{DeskError, WorkflowDesk};
use crate::ops::trials::{DryRun, Trials, WorkflowComparison, compare};
use crate::store::events::desk::{self, StoredDomainEvent};
use crate::store::workflows::{self, StoredWorkflow};
use crate::store::{Database, PgConnection};
use crate::templates::workflow::{self, Workflow};

/// People whose runs a dry run shows.
const MOST_PEOPLE: usize = 20;
/// Events over which versions are compared.
const MOST_EVENTS: usize = 100;
/// Events that are looked through for those.
const LOOKED_THROUGH: usize = 5_000;

/// Which version is tried: a number, or without one what `usual` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TriedVersion {
    /// The number.
    number: Option<i32>,
    /// Which is meant without one, if there is such a one.
    usual: &'static str,
}

impl WorkflowDesk {
    /// What a version would do with a recorded event; the draft, or what is published. Answers the version.
    ///
    /// # Errors
    /// There is no such version or event; or the database is out of reach.
    pub async fn dry_run(
        &self,
        (tenant_id, name): (Uuid, String),
        number: Option<i32>,
        event_id: Uuid,
    ) -> Result<(StoredWorkflow, DryRun), DeskError> {
        let (global, templates) = (self.global.clone(), self.templates.clone());
        let work = async move |database: Database| {
            templates.reload(&database).await?;
            let mut connection = database.get().await?;
            let asked = TriedVersion {
                number,
                usual: "draft",
            };
            let (stored, workflow) = version(&mut connection, (tenant_id, &name), asked).await?;
            let event = desk::get(&mut connection, tenant_id, event_id).await?;
            let event = event.ok_or(DeskError::NotFound("event"))?;
            drop(connection);
            let trials = Trials {
                database,
                global,
                library: Some(templates.library()),
            };
            let of = (&event.event, event.accepted_at);
            let run = trials.dry_run(&workflow, of, MOST_PEOPLE).await?;
            Ok((stored, run))
        };
        self.desk.with("try a workflow", work).await
    }

    /// What two versions would do with the newest events of their triggers: what is published and the draft, unless others
    /// are named. Answers the versions.
    ///
    /// # Errors
    /// There is no such version; or the database is out of reach.
    pub async fn compare(
        &self,
        (tenant_id, name): (Uuid, String),
        (from, to): (Option<i32>, Option<i32>),
    ) -> Result<(i32, i32, WorkflowComparison), DeskError> {
        let global = self.global.clone();
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let of = |number, usual| TriedVersion { number, usual };
            let whose = (tenant_id, &*name);
            let (from, before) = version(&mut connection, whose, of(from, "published")).await?;
            let (to, after) = version(&mut connection, whose, of(to, "draft")).await?;
            let events = newest(&mut connection, tenant_id, &[&before, &after]).await?;
            drop(connection);
            let trials = Trials {
                database,
                global,
                library: None,
            };
            let compared = compare(&trials, (Some(&before), Some(&after)), &events).await?;
            Ok((from.version, to.version, compared))
        };
        self.desk.with("compare workflows", work).await
    }
}

/// The newest events that start one of these.
async fn newest(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    workflows: &[&Workflow],
) -> Result<Vec<StoredDomainEvent>, DeskError> {
    let fits = |event: &crate::domain::DomainEvent| {
        let mut all = workflows.iter();
        all.any(|workflow| workflow.on.fits(&event.kind))
    };
    let most = (MOST_EVENTS, LOOKED_THROUGH);
    Ok(desk::newest(connection, (tenant_id, None), fits, most).await?)
}

/// A version, as it is stored and as it is read.
async fn version(
    connection: &mut PgConnection,
    (tenant_id, name): (Uuid, &str),
    asked: TriedVersion,
) -> Result<(StoredWorkflow, Workflow), DeskError> {
    let found = match asked.number {
        Some(number) => {
            let above = number.checked_add(1);
            let found = workflows::versions(connection, tenant_id, name, above, 1).await?;
            found.into_iter().find(|it| it.version == number)
        }
        None => {
            let mut found = workflows::standing(connection, tenant_id, name).await?;
            found.sort_by_key(|it| (it.state != asked.usual, -it.version));
            found.into_iter().next()
        }
    };
    let stored = found.ok_or(DeskError::NotFound("workflow"))?;
    let read = workflow::read(&stored.definition).map_err(|mistakes| {
        let words = mistakes.into_iter().map(|it| it.detail);
        let words = words.collect::<Vec<_>>().join("; ");
        DeskError::Conflict("unreadable", format!("version {}: {words}", stored.version))
    })?;
    Ok((stored, read))
}
