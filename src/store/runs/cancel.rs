//! Cancelling runs, and taking items out of digests.
//!
//! A run that carries the items of others goes on without its own.

use diesel::prelude::*;
use diesel::sql_types::{Array, Int8, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::RunEnd;
use crate::store::StoreError;
use crate::store::statement::statement;

/// What `cancel_on` ends: the waiting runs of a workflow that are about this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOnOrder {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The workflow's name.
    pub workflow: String,
    /// What they are about.
    pub key: String,
}

/// Which runs are meant; of a tenant always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunsMeant {
    /// One.
    Run(Uuid),
    /// Those that are about something: of a workflow, or of all.
    Key(Option<String>, String),
    /// Those of an event, which is left out of digests.
    Event(Uuid),
    /// A person's.
    Person(Uuid),
}

/// What became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunsCancelled {
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Runs that had ended before.
    pub ended: u64,
    /// Items that were taken out of digests.
    pub items: u64,
}

#[derive(QueryableByName)]
struct CancelledCounts {
    #[diesel(sql_type = Int8)]
    cancelled: i64,
    #[diesel(sql_type = Int8)]
    ended: i64,
    #[diesel(sql_type = Int8)]
    items: i64,
}

/// Holds what is meant. By a statement of its own: whoever has just put one into a digest is waited for here, and what
/// they stored is seen by the next statement alone.
macro_rules! hold_text {
    ($meant:literal) => {
        concat!(
            "SELECT r.id FROM workflow_runs r \
             WHERE r.tenant_id = $1 AND $2::text IS NOT NULL AND $3::text IS NOT NULL AND ",
            $meant,
            " ORDER BY r.id FOR UPDATE"
        )
    };
}

/// Takes what is `meant` out of digests that nobody was told yet.
macro_rules! taken_back {
    () => {
        "UPDATE digest_items i SET taken_back = true FROM meant m
         WHERE i.run_id = m.id AND NOT i.taken_back
             AND (i.brought_by = m.id OR EXISTS (SELECT 1 FROM workflow_runs c
                 WHERE c.id = i.brought_by AND c.status = 'waiting'))"
    };
}

/// Whether a run that is `meant` carries items of others.
macro_rules! carries_others {
    () => {
        "EXISTS (SELECT 1 FROM digest_items i WHERE i.digest_id = m.digest_id AND i.brought_by = m.id
             AND i.run_id <> m.id AND NOT i.taken_back)"
    };
}

/// Ends what is meant by a condition on runs `r`; `$1` is the tenant, `$2` the reason, `$3` the lines. A run that
/// carries items of others goes on without its own, unless it is meant by itself.
macro_rules! cancel_text {
    ($meant:literal, $spares:literal) => {
        concat!(
            "WITH meant AS (
                 SELECT r.id, r.status, r.digest_id FROM workflow_runs r WHERE r.tenant_id = $1 AND ", $meant, "
             ), taken AS (", taken_back!(), "
                 RETURNING i.run_id
             ), ended AS (
                 UPDATE workflow_runs r SET status = 'cancelled', reason = $2, due_at = NULL, finished_at = now(),
                     timeline = r.timeline || $3::jsonb
                 FROM meant m WHERE r.id = m.id AND m.status = 'waiting' AND NOT (", $spares, " AND ",
                     carries_others!(), ")
                 RETURNING r.id
             )
             SELECT (SELECT count(*) FROM ended) AS cancelled,
                 (SELECT count(*) FROM meant WHERE status <> 'waiting') AS ended,
                 (SELECT count(*) FROM taken) AS items"
        )
    };
}

/// Cancels runs, and takes what they are about out of digests that nobody was told yet, within the transaction around it.
///
/// # Errors
/// The database's.
pub async fn cancel(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    meant: &RunsMeant,
    lines: &str,
) -> Result<RunsCancelled, StoreError> {
    let reason = RunEnd::CancelledByRequest.as_str();
    macro_rules! run {
        (($meant:literal, $spares:literal) $(, $bind:ty => $value:expr)*) => {{
            diesel::sql_query(hold_text!($meant))
                .bind::<SqlUuid, _>(tenant_id)
                .bind::<Text, _>(reason)
                .bind::<Text, _>(lines)
                $(.bind::<$bind, _>($value))*
                .execute(connection)
                .await?;
            diesel::sql_query(cancel_text!($meant, $spares))
                .bind::<SqlUuid, _>(tenant_id)
                .bind::<Text, _>(reason)
                .bind::<Text, _>(lines)
                $(.bind::<$bind, _>($value))*
                .get_result::<CancelledCounts>(connection)
                .await?
        }};
    }
    let counts = match meant {
        RunsMeant::Run(id) => run!(("r.id = $4", "false"), SqlUuid => id),
        RunsMeant::Event(id) => run!(("r.event_id = $4", "true"), SqlUuid => id),
        RunsMeant::Person(id) => {
            run!(("r.user_id = $4 AND r.status = 'waiting'", "false"), SqlUuid => id)
        }
        RunsMeant::Key(None, key) => run!(("r.key = $4", "true"), Text => key),
        RunsMeant::Key(Some(workflow), key) => run!(
            ("r.workflow = $5 AND r.key = $4", "true"),
            Text => key,
            Text => workflow
        ),
    };
    let whole = |count: i64| u64::try_from(count).unwrap_or(0);
    Ok(RunsCancelled {
        cancelled: whole(counts.cancelled),
        ended: whole(counts.ended),
        items: whole(counts.items),
    })
}

statement!(
    /// Holds the runs that events of `cancel_on` mean, for the reason of [`cancel`]'s.
    HoldMeant(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        workflows: Vec<String> => Array<Text>,
        keys: Vec<String> => Array<Text>,
    ) -> SqlUuid =
        "SELECT r.id FROM workflow_runs r
         JOIN (SELECT DISTINCT * FROM unnest(?, ?, ?) AS asked (tenant_id, workflow, key)) AS asked
             ON r.tenant_id = asked.tenant_id AND r.workflow = asked.workflow AND r.key = asked.key
         ORDER BY r.id FOR UPDATE OF r"
);

statement!(
    /// Ends the runs that events of `cancel_on` mean.
    CancelOn(
        tenants: Vec<Uuid> => Array<SqlUuid>,
        workflows: Vec<String> => Array<Text>,
        keys: Vec<String> => Array<Text>,
        lines: String => Text,
    ) -> SqlUuid =
        concat!("WITH meant AS (
             SELECT r.id, r.status, r.digest_id FROM workflow_runs r
             JOIN (SELECT DISTINCT * FROM unnest(?, ?, ?) AS asked (tenant_id, workflow, key)) AS asked
                 ON r.tenant_id = asked.tenant_id AND r.workflow = asked.workflow AND r.key = asked.key
         ), taken AS (", taken_back!(), ")
         UPDATE workflow_runs r SET status = 'cancelled', reason = 'cancelled_by_event', due_at = NULL,
             finished_at = now(), timeline = r.timeline || (SELECT ?::jsonb)
         FROM meant m WHERE r.id = m.id AND m.status = 'waiting' AND NOT ", carries_others!(), "
         RETURNING r.id")
);

/// Ends the waiting runs that events mean. Answers how many there were.
///
/// # Errors
/// The database's.
pub async fn cancel_on(
    connection: &mut AsyncPgConnection,
    orders: &[CancelOnOrder],
    lines: &str,
) -> Result<usize, StoreError> {
    if orders.is_empty() {
        return Ok(0);
    }
    let hold = HoldMeant {
        tenants: orders.iter().map(|it| it.tenant_id).collect(),
        workflows: orders.iter().map(|it| it.workflow.clone()).collect(),
        keys: orders.iter().map(|it| it.key.clone()).collect(),
    };
    let _: Vec<Uuid> = hold.load(connection).await?;
    let cancel = CancelOn {
        tenants: orders.iter().map(|it| it.tenant_id).collect(),
        workflows: orders.iter().map(|it| it.workflow.clone()).collect(),
        keys: orders.iter().map(|it| it.key.clone()).collect(),
        lines: lines.to_owned(),
    };
    let ended: Vec<Uuid> = cancel.load(connection).await?;
    Ok(ended.len())
}

/// Forgets what runs, digests and throttles know of a person; their notifications are erased elsewhere.
///
/// # Errors
/// The database's.
pub async fn forget(connection: &mut AsyncPgConnection, user_id: Uuid) -> Result<(), StoreError> {
    for text in [
        "DELETE FROM digests WHERE user_id = $1",
        "DELETE FROM workflow_runs WHERE user_id = $1",
        "DELETE FROM throttles WHERE user_id = $1",
    ] {
        diesel::sql_query(text)
            .bind::<SqlUuid, _>(user_id)
            .execute(connection)
            .await?;
    }
    Ok(())
}
