//! Fan-outs that start runs: they end with what they start, since those who come later in them would be told all the same.
//!
//! They end before the runs do: a part that is being stored is waited for, and its runs are found.

use diesel::sql_types::{Array, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::meant::{CancelOnOrder, RunsMeant};
use crate::store::StoreError;
use crate::store::statement::statement;

statement!(
    /// Ends the open fan-outs of a tenant that start runs of an event, or runs that are about something.
    EndFanOuts(
        tenant_id: Uuid => SqlUuid,
        event_id: Option<String> => Nullable<Text>,
        workflow: Option<String> => Nullable<Text>,
        key: Option<String> => Nullable<Text>,
    ) -> SqlUuid =
        "UPDATE jobs j SET state = 'cancelled', finished_at = now()
         FROM (SELECT ?::uuid, ?::text, ?::text, ?::text) AS asked (tenant_id, event_id, workflow, key)
         WHERE j.kind = 'fan_out' AND j.state IN ('running', 'paused') AND j.tenant_id = asked.tenant_id
             AND (asked.event_id IS NULL OR j.filter #>> '{what,run,event_id}' = asked.event_id)
             AND (asked.workflow IS NULL OR j.filter #>> '{what,run,workflow}' = asked.workflow)
             AND (asked.key IS NULL OR j.filter #>> '{what,run,key}' = asked.key)
             AND j.filter #> '{what,run}' IS NOT NULL
         RETURNING j.id"
);

/// Ends the fan-outs that start what is meant. Answers how many there were.
///
/// # Errors
/// The database's.
pub(super) async fn end(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    meant: &RunsMeant,
) -> Result<usize, StoreError> {
    let (event_id, workflow, key) = match meant {
        // One person's runs leave the others'.
        RunsMeant::Run(_) | RunsMeant::Person(_) => return Ok(0),
        RunsMeant::Event(id) => (Some(id.to_string()), None, None),
        RunsMeant::Key(workflow, key) => (None, workflow.clone(), Some(key.clone())),
    };
    let end = EndFanOuts {
        tenant_id,
        event_id,
        workflow,
        key,
    };
    let ended: Vec<Uuid> = end.load(connection).await?;
    Ok(ended.len())
}

statement!(
    /// Ends the open fan-outs that start what events of `cancel_on` mean.
    EndFanOutsOn(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        versions: Vec<Uuid> => Array<SqlUuid>,
        keys: Vec<String> => Array<Text>,
        events: Vec<Uuid> => Array<SqlUuid>,
    ) -> SqlUuid =
        "UPDATE jobs j SET state = 'cancelled', finished_at = now()
         FROM (SELECT asked.tenant_id, asked.workflow_id, asked.key, c.sequence
               FROM unnest(?, ?, ?, ?) AS asked (tenant_id, workflow_id, key, event_id)
               JOIN events c ON c.id = asked.event_id) AS asked, events e
         WHERE j.kind = 'fan_out' AND j.state IN ('running', 'paused') AND j.tenant_id = asked.tenant_id
             AND j.filter #>> '{what,run,workflow_id}' = asked.workflow_id::text
             AND j.filter #>> '{what,run,key}' = asked.key
             AND e.id = (j.filter #>> '{what,run,event_id}')::uuid AND e.sequence < asked.sequence
         RETURNING j.id"
);

/// Ends the fan-outs that start what events mean, as far as they were ordered before these.
///
/// # Errors
/// The database's.
pub(super) async fn end_on(
    connection: &mut AsyncPgConnection,
    orders: &[CancelOnOrder],
) -> Result<(), StoreError> {
    let end = EndFanOutsOn {
        tenants: orders.iter().map(|it| it.tenant_id).collect(),
        versions: orders.iter().map(|it| it.workflow_id).collect(),
        keys: orders.iter().map(|it| it.key.clone()).collect(),
        events: orders.iter().map(|it| it.event_id).collect(),
    };
    let _: Vec<Uuid> = end.load(connection).await?;
    Ok(())
}
