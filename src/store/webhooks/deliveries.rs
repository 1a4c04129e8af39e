//! Sending what webhooks were told: taking rows, storing how a try ended, giving rows back.

use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::{Array, Bool, Float8, Int4, Int8, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::store::lease::{RunId, living_runs};
use crate::store::statement::statement;
use crate::store::{Database, StoreError};

/// Rows of disabled webhooks that one statement sets aside.
const CHUNK: i64 = 1_000;

/// A row that this run sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenDelivery {
    /// The `webhook-id`.
    pub id: Uuid,
    /// To whom.
    pub webhook_id: Uuid,
    /// The bytes that are signed and sent.
    pub body: Arc<str>,
    /// Tries so far.
    pub tries: u32,
}

/// How a try ended, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookResult {
    /// The `webhook-id`.
    pub id: Uuid,
    /// Whether it has arrived.
    pub is_delivered: bool,
    /// The wait until the next try; `None` when there is none.
    pub wait: Option<Duration>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What was said with it.
    pub answer: Option<String>,
    /// Why there is no status.
    pub error: Option<String>,
}

// Webhook by webhook, so that one with a long queue hides no other's. The lock keeps two nodes from taking the
// same row; a row whose run is dead is free.
statement!(
    Take(
        webhooks: Vec<Uuid> => Array<SqlUuid>,
        rooms: Vec<i64> => Array<Int8>,
        run: i32 => Int4,
        owner: i32 => Int4,
    ) -> (SqlUuid, SqlUuid, Text, Int4) = concat!(
    "WITH due AS MATERIALIZED (
         SELECT picked.id
         FROM unnest(?, ?) AS asked (webhook_id, room)
         CROSS JOIN LATERAL (
             SELECT d.id FROM webhook_deliveries d
             WHERE d.webhook_id = asked.webhook_id AND NOT d.delivered AND d.next_retry_at <= now()
               AND (d.owner IS NULL OR (d.owner <> ? AND d.owner NOT IN ", living_runs!(), "
                                        AND is_dead_run(d.owner)))
             ORDER BY d.next_retry_at LIMIT asked.room FOR UPDATE SKIP LOCKED) picked
     )
     UPDATE webhook_deliveries d SET owner = ?
     FROM due WHERE d.id = due.id
     RETURNING d.id, d.webhook_id, d.payload, d.attempt_count")
);

statement!(
    Record(
        run: i32 => Int4,
        ids: Vec<Uuid> => Array<SqlUuid>,
        delivered: Vec<bool> => Array<Bool>,
        waits: Vec<Option<f64>> => Array<Nullable<Float8>>,
        statuses: Vec<Option<i32>> => Array<Nullable<Int4>>,
        answers: Vec<Option<String>> => Array<Nullable<Text>>,
        errors: Vec<Option<String>> => Array<Nullable<Text>>,
    ) -> Bool =
    "UPDATE webhook_deliveries d SET
         owner = NULL, attempt_count = d.attempt_count + 1, last_attempt_at = now(),
         delivered = tried.delivered,
         delivered_at = CASE WHEN tried.delivered THEN now() END,
         next_retry_at = now() + make_interval(secs => tried.wait),
         response_status = tried.status, response_body = tried.answer, error = tried.error
     FROM (SELECT ?::integer AS run) whose,
          unnest(?, ?, ?, ?, ?, ?) AS tried (id, delivered, wait, status, answer, error)
     WHERE d.id = tried.id AND d.owner = whose.run
     RETURNING true"
);

statement!(
    GiveBack(ids: Vec<Uuid> => Array<SqlUuid>, run: i32 => Int4) -> Bool =
    "UPDATE webhook_deliveries SET owner = NULL WHERE id = ANY(?) AND owner = ? RETURNING true"
);

statement!(
    SetAside(most: i64 => Int8, webhooks: Vec<Uuid> => Array<SqlUuid>) -> Bool =
    "UPDATE webhook_deliveries d SET next_retry_at = NULL, owner = NULL
     WHERE d.id = ANY (ARRAY(
         SELECT picked.id
         FROM notification_webhooks w
         CROSS JOIN LATERAL (
             SELECT id FROM webhook_deliveries
             WHERE webhook_id = w.id AND NOT delivered AND next_retry_at IS NOT NULL
             LIMIT ? FOR UPDATE SKIP LOCKED) picked
         WHERE w.id = ANY(?) AND NOT w.is_active))
     RETURNING true"
);

/// Takes what is due: of each webhook, the eldest ones up to its room.
///
/// # Errors
/// The database is out of reach: what was taken is given back when the run ends.
pub async fn take(
    database: &Database,
    run: RunId,
    asked: &[(Uuid, usize)],
) -> Result<Vec<TakenDelivery>, StoreError> {
    let room = |room: usize| i64::try_from(room).unwrap_or(i64::MAX);
    let take = Take {
        webhooks: asked.iter().map(|(id, _)| *id).collect(),
        rooms: asked.iter().map(|(_, most)| room(*most)).collect(),
        run: run.0,
        owner: run.0,
    };
    let mut connection = database.get().await?;
    let rows: Vec<(Uuid, Uuid, String, i32)> = take.load(&mut *connection).await?;
    let taken = |(id, webhook_id, body, tries): (Uuid, Uuid, String, i32)| TakenDelivery {
        id,
        webhook_id,
        body: body.into(),
        tries: u32::try_from(tries).unwrap_or(0),
    };
    Ok(rows.into_iter().map(taken).collect())
}

/// Stores how tries ended. What is no longer this run's stays as it is.
///
/// # Errors
/// The database is out of reach; storing it again is safe.
pub async fn record(
    database: &Database,
    run: RunId,
    results: &[WebhookResult],
) -> Result<(), StoreError> {
    let record = Record {
        run: run.0,
        ids: results.iter().map(|it| it.id).collect(),
        delivered: results.iter().map(|it| it.is_delivered).collect(),
        waits: results
            .iter()
            .map(|it| it.wait.map(|wait| wait.as_secs_f64()))
            .collect(),
        statuses: results.iter().map(|it| it.status.map(i32::from)).collect(),
        answers: results.iter().map(|it| it.answer.clone()).collect(),
        errors: results.iter().map(|it| it.error.clone()).collect(),
    };
    let mut connection = database.get().await?;
    let _: Vec<bool> = record.load(&mut *connection).await?;
    Ok(())
}

/// Gives back what was taken and not tried.
///
/// # Errors
/// The database is out of reach; the end of the run frees them all the same.
pub async fn give_back(database: &Database, run: RunId, ids: Vec<Uuid>) -> Result<(), StoreError> {
    let give_back = GiveBack { ids, run: run.0 };
    let mut connection = database.get().await?;
    let _: Vec<bool> = give_back.load(&mut *connection).await?;
    Ok(())
}

/// What disabled webhooks had still to be told waits for a replay, as what they are told from now on does.
/// Says whether there may be more.
///
/// # Errors
/// The database is out of reach.
pub async fn set_aside(database: &Database, disabled: Vec<Uuid>) -> Result<bool, StoreError> {
    let most = CHUNK;
    let set_aside = SetAside {
        most,
        webhooks: disabled,
    };
    let mut connection = database.get().await?;
    let rows: Vec<bool> = set_aside.load(&mut *connection).await?;
    Ok(i64::try_from(rows.len()).unwrap_or(most) >= most)
}
