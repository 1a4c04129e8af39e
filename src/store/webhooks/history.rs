//! What a webhook was told, for people: each delivery with what was answered; tests; and forgetting.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Int4, Int8, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::WebhookDeliveryStanding;
use crate::domain::webhook::TEST_EVENT;
use crate::store::schema::notification_schema::webhook_deliveries;
use crate::store::statement::statement;
use crate::store::time::from_database;
use crate::store::{Database, StoreError};

/// Rows removed by one statement.
const CHUNK: i64 = 5_000;
/// Days for which it is kept what webhooks were told, at most.
const MOST_DAYS: i32 = 30;

/// A delivery as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    /// The `webhook-id`.
    pub id: Uuid,
    /// Of which notification; a test is of none.
    pub notification_id: Option<Uuid>,
    /// What happened.
    pub event: String,
    /// What is sent.
    pub body: String,
    /// Where it stands.
    pub standing: WebhookDeliveryStanding,
    /// Tries so far.
    pub tries: u32,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was tried last.
    pub tried_at: Option<Timestamp>,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// The last answer's status.
    pub status: Option<u16>,
    /// What was said with it.
    pub answer: Option<String>,
    /// Why there was no answer.
    pub error: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries)]
struct DeliveryRow {
    id: Uuid,
    notification_id: Option<Uuid>,
    event_type: String,
    payload: String,
    response_status: Option<i32>,
    response_body: Option<String>,
    attempt_count: i32,
    delivered: bool,
    delivered_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    next_retry_at: Option<DateTime<Utc>>,
    error: Option<String>,
    last_attempt_at: Option<DateTime<Utc>>,
}

impl From<DeliveryRow> for StoredDelivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            standing: match (row.delivered, row.next_retry_at, row.attempt_count) {
                (true, ..) => WebhookDeliveryStanding::Delivered,
                (_, Some(_), _) => WebhookDeliveryStanding::Pending,
                (_, None, 0) => WebhookDeliveryStanding::Kept,
                (_, None, _) => WebhookDeliveryStanding::Failed,
            },
            id: row.id,
            notification_id: row.notification_id,
            event: row.event_type,
            body: row.payload,
            tries: u32::try_from(row.attempt_count).unwrap_or(0),
            created_at: from_database(row.created_at),
            tried_at: row.last_attempt_at.map(from_database),
            delivered_at: row.delivered_at.map(from_database),
            next_at: row.next_retry_at.map(from_database),
            status: row
                .response_status
                .and_then(|status| status.try_into().ok()),
            answer: row.response_body,
            error: row.error,
        }
    }
}

/// At most so many deliveries of a tenant's webhook, the newest first, that are older than another one;
/// of all standings without one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    (tenant_id, webhook_id): (Uuid, Uuid),
    standing: Option<WebhookDeliveryStanding>,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredDelivery>, StoreError> {
    use webhook_deliveries as d;
    let mut deliveries = d::table
        .filter(d::webhook_id.eq(webhook_id))
        .filter(d::tenant_id.eq(tenant_id))
        .select(DeliveryRow::as_select())
        .into_boxed();
    if let Some(before) = before {
        deliveries = deliveries.filter(d::id.lt(before));
    }
    let is_over = || d::delivered.eq(false).and(d::next_retry_at.is_null());
    deliveries = match standing {
        None => deliveries,
        Some(WebhookDeliveryStanding::Delivered) => deliveries.filter(d::delivered),
        Some(WebhookDeliveryStanding::Pending) => {
            deliveries.filter(d::delivered.eq(false).and(d::next_retry_at.is_not_null()))
        }
        Some(WebhookDeliveryStanding::Kept) => {
            deliveries.filter(is_over().and(d::attempt_count.eq(0)))
        }
        Some(WebhookDeliveryStanding::Failed) => {
            deliveries.filter(is_over().and(d::attempt_count.gt(0)))
        }
    };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let deliveries = deliveries.order(d::id.desc()).limit(most);
    let rows: Vec<DeliveryRow> = deliveries.load(connection).await?;
    Ok(rows.into_iter().map(StoredDelivery::from).collect())
}

/// At most so many deliveries that tell of a tenant's notification, the eldest first, each with its webhook.
///
/// # Errors
/// The database is out of reach.
pub async fn of_notification(
    connection: &mut AsyncPgConnection,
    (tenant_id, notification_id): (Uuid, Uuid),
    most: usize,
) -> Result<Vec<(Uuid, StoredDelivery)>, StoreError> {
    use webhook_deliveries as d;
    let deliveries = d::table
        .filter(d::notification_id.eq(notification_id))
        .filter(d::tenant_id.eq(tenant_id))
        .order(d::id)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select((d::webhook_id, DeliveryRow::as_select()));
    let rows: Vec<(Uuid, DeliveryRow)> = deliveries.load(connection).await?;
    let rows = rows.into_iter();
    let told = rows.map(|(webhook, row)| (webhook, StoredDelivery::from(row)));
    Ok(told.collect())
}

statement!(
    Test(
        id: Uuid => SqlUuid,
        event: &'static str => Text,
        payload: String => Text,
        webhook: Uuid => SqlUuid,
        tenant: Uuid => SqlUuid,
    ) -> SqlUuid =
    "INSERT INTO webhook_deliveries
         (id, tenant_id, webhook_id, event_type, payload, next_retry_at)
     SELECT ?, w.tenant_id, w.id, ?, ?, now()
     FROM notification_webhooks w
     WHERE w.id = ? AND w.tenant_id = ? AND w.deleted_at IS NULL AND w.is_active
     RETURNING id"
);

/// Tells an active webhook of a tenant something for a test; answers the `webhook-id`, `None` where there is
/// no such webhook.
///
/// # Errors
/// The database is out of reach.
pub async fn test(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    webhook_id: Uuid,
    body: String,
) -> Result<Option<Uuid>, StoreError> {
    let test = Test {
        id: Uuid::now_v7(),
        event: TEST_EVENT,
        payload: body,
        webhook: webhook_id,
        tenant: tenant_id,
    };
    let told: Vec<Uuid> = test.load(connection).await?;
    Ok(told.into_iter().next())
}

// By id, which is by time: what is still to be sent stays, however old it is.
statement!(
    ForgetDeliveries(days: i32 => Int4, most: i64 => Int8) -> Int8 =
    "WITH gone AS (
         DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
             SELECT id FROM webhook_deliveries
             WHERE id < uuid_bound(now() - make_interval(days => ?))
               AND (delivered OR next_retry_at IS NULL)
             ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED))
         RETURNING 1
     )
     SELECT count(*) FROM gone"
);

// A deleted webhook's deliveries are told to nobody any more: they go first.
statement!(
    ForgetDeleted(most: i64 => Int8) -> Int8 =
    "WITH gone AS (
         DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
             SELECT d.id FROM notification_webhooks w
             JOIN webhook_deliveries d ON d.webhook_id = w.id
             WHERE w.deleted_at < now() - interval '1 day'
             LIMIT ? FOR UPDATE OF d SKIP LOCKED))
         RETURNING 1
     ), left_over AS (
         DELETE FROM notification_webhooks w
         WHERE w.deleted_at < now() - interval '1 day'
           AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.webhook_id = w.id)
     )
     SELECT count(*) FROM gone"
);

/// Removes what webhooks were told a month ago, or so many days ago where contents are kept for less (0 says nothing of
/// them), and is over, and what there is of deleted webhooks; returns how many deliveries went.
///
/// # Errors
/// The database is out of reach; what is left is removed the next time.
pub async fn forget(database: &Database, payload_days: i32) -> Result<u64, StoreError> {
    let days = match payload_days {
        0 => MOST_DAYS,
        days => days.min(MOST_DAYS),
    };
    let mut forgotten = 0;
    loop {
        let mut connection = database.get().await?;
        let old: i64 = ForgetDeliveries { days, most: CHUNK }
            .get_result(&mut *connection)
            .await?;
        let deleted: i64 = ForgetDeleted { most: CHUNK }
            .get_result(&mut *connection)
            .await?;
        forgotten += u64::try_from(old + deleted).unwrap_or(0);
        if old < CHUNK && deleted < CHUNK {
            return Ok(forgotten);
        }
    }
}
