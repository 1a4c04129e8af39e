//! Runs that wait.

use anyhow::{Context, Result};

use super::happening::Happening;

/// Makes so many runs that wait for tomorrow, of one event.
pub(super) async fn fill(happening: &Happening<'_>, many: u32) -> Result<()> {
    happening
        .happens(&happening.event("flow.later", "later", 0))
        .await?;
    let one = "SELECT count(*) FROM notification_schema.workflow_runs
               WHERE workflow = 'later' AND due_at > now() + interval '1 hour'";
    happening.until(one, 1).await?;
    let made = format!(
        "SET search_path TO notification_schema; SET statement_timeout = 0;
         INSERT INTO workflow_runs (id, tenant_id, workflow_id, workflow, event_id, user_id, key, status, step, due_at)
             SELECT gen_random_uuid(), r.tenant_id, r.workflow_id, r.workflow, r.event_id, gen_random_uuid(), n::text,
                 'waiting', r.step, r.due_at + n * interval '1 millisecond'
             FROM workflow_runs r, generate_series(2, {many}) AS n WHERE r.workflow = 'later'"
    );
    let filled = happening.database.batch_execute(&made).await;
    filled.context("runs that wait")?;
    let vacuum = "VACUUM ANALYZE notification_schema.workflow_runs";
    happening
        .database
        .batch_execute(vacuum)
        .await
        .context("vacuuming")
}
