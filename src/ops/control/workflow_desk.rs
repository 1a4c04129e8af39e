//! Workflows, as the HTTP API may see, change and try them.

mod trying;

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::cache::templates::TemplateCache;
use crate::domain::GlobalPolicy;
use crate::ops::workflow_publishing::{self, DefinedWorkflow};
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::workflows::{self, StoredWorkflow};
use crate::store::{Database, PgConnection};
use crate::templates::workflow::WorkflowMistake;

/// Shows and changes workflows. Clones share it.
#[derive(Debug, Clone)]
pub struct WorkflowDesk {
    /// Does the work.
    pub desk: Desk,
    /// What the operator says for everybody.
    pub global: Arc<GlobalPolicy>,
    /// The templates.
    pub templates: TemplateCache,
}

/// Why something could not be done with a workflow.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowDeskError {
    /// As of everything.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// Its definition is wrong: all that is.
    #[error("the definition is wrong")]
    Mistakes(Vec<WorkflowMistake>),
}

impl From<crate::store::StoreError> for WorkflowDeskError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Desk(error.into())
    }
}

impl WorkflowDesk {
    /// A tenant's workflows, by name, that come behind another one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Uuid,
        after: Option<String>,
        most: usize,
    ) -> Result<Vec<StoredWorkflow>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(workflows::page(&mut connection, tenant_id, after.as_deref(), most).await?)
        };
        self.desk.with("list workflows", work).await
    }

    /// The newest version of a workflow, and those that are published or a draft.
    ///
    /// # Errors
    /// There is no such workflow; or the database is out of reach.
    pub async fn standing(
        &self,
        tenant_id: Uuid,
        name: String,
    ) -> Result<Vec<StoredWorkflow>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let found = workflows::standing(&mut connection, tenant_id, &name).await?;
            match found.is_empty() {
                true => Err(DeskError::NotFound("workflow")),
                false => Ok(found),
            }
        };
        self.desk.with("get a workflow", work).await
    }

    /// The versions of a workflow that come before another one, newest first.
    ///
    /// # Errors
    /// There is no such workflow; or the database is out of reach.
    pub async fn versions(
        &self,
        tenant_id: Uuid,
        name: String,
        before: Option<i32>,
        most: usize,
    ) -> Result<Vec<StoredWorkflow>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let found =
                workflows::versions(&mut connection, tenant_id, &name, before, most).await?;
            match found.is_empty() && before.is_none() {
                true => Err(DeskError::NotFound("workflow")),
                false => Ok(found),
            }
        };
        self.desk.with("list versions of a workflow", work).await
    }

    /// Saves a draft. Answers the version.
    ///
    /// # Errors
    /// Something is wrong with the definition; or the database is out of reach.
    pub async fn save(
        &self,
        (tenant_id, name): (Uuid, String),
        definition: Map<String, Value>,
        by: DoneBy,
    ) -> Result<StoredWorkflow, WorkflowDeskError> {
        let work = async move |database: Database| {
            let written = async |connection: &mut PgConnection| {
                written(connection, (tenant_id, &name), &definition, false, &by).await
            };
            database.attempt(written).await
        };
        self.desk.with("write a workflow", work).await
    }

    /// Publishes the draft. Answers the version.
    ///
    /// # Errors
    /// There is no draft, or what it names is not there any more; or the database is out of reach.
    pub async fn publish(
        &self,
        tenant_id: Uuid,
        name: String,
        by: DoneBy,
    ) -> Result<StoredWorkflow, WorkflowDeskError> {
        let work = async move |database: Database| {
            let published = async |connection: &mut PgConnection| {
                let found = workflows::standing(connection, tenant_id, &name).await?;
                if found.is_empty() {
                    return Err(DeskError::NotFound("workflow").into());
                }
                let draft = found.into_iter().find(|it| it.state == "draft");
                let draft = draft.ok_or_else(|| {
                    let words = "the workflow has no draft: save one by PUT".to_owned();
                    DeskError::Conflict("no_draft", words)
                })?;
                written(connection, (tenant_id, &name), &draft.definition, true, &by).await
            };
            database.attempt(published).await
        };
        self.desk.with("publish a workflow", work).await
    }

    /// Retires a workflow: no event starts it any more, and what runs goes on.
    ///
    /// # Errors
    /// There is none that is published or a draft; or the database is out of reach.
    pub async fn retire(&self, tenant_id: Uuid, name: String, by: DoneBy) -> Result<(), DeskError> {
        let work = async move |database: Database| {
            let retired = async |connection: &mut PgConnection| {
                if !workflows::retire(connection, tenant_id, &name).await? {
                    return Err(DeskError::NotFound("workflow"));
                }
                note(
                    connection,
                    (tenant_id, &name),
                    &by,
                    ("delete", json!({ "state": "retired" })),
                )
                .await
            };
            database.attempt(retired).await
        };
        self.desk.with("retire a workflow", work).await
    }
}

async fn written(
    connection: &mut PgConnection,
    (tenant_id, name): (Uuid, &str),
    definition: &Map<String, Value>,
    publishes: bool,
    by: &DoneBy,
) -> Result<StoredWorkflow, WorkflowDeskError> {
    let defined = DefinedWorkflow {
        tenant_id,
        name,
        definition,
        by: Some(by.actor()),
    };
    let written = match publishes {
        true => workflow_publishing::publish(connection, &defined).await?,
        false => workflow_publishing::save(connection, &defined).await?,
    };
    let (version, change) = written.map_err(WorkflowDeskError::Mistakes)?;
    if change != crate::store::WriteChange::Unchanged {
        let action = if publishes { "publish" } else { "update" };
        note(
            connection,
            (tenant_id, name),
            by,
            (action, json!({ "version": version })),
        )
        .await?;
    }
    let above = version.checked_add(1);
    let found = workflows::versions(connection, tenant_id, name, above, 1).await?;
    let stored = found.into_iter().next();
    Ok(stored.ok_or(DeskError::NotFound("workflow"))?)
}

async fn note(
    connection: &mut PgConnection,
    (tenant_id, name): (Uuid, &str),
    by: &DoneBy,
    (action, said): (&'static str, Value),
) -> Result<(), DeskError> {
    let entry = AuditEntry {
        tenant_id: Some(tenant_id),
        action,
        resource: "workflow",
        resource_id: name.to_owned(),
        changes: AuditChanges::made(said),
    };
    Ok(audit::record(connection, by, entry).await?)
}
