//! Cancelling: which notifications are meant, and those of them that nobody has in hand.
//!
//! What a living run has in hand is its to stop: a row here cannot say whether a provider is being asked.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::audit::{self, AuditChanges, AuditEntry, DoneBy};
use super::claims::is_over;
use super::due::{self, Columns, NotificationRow};
use super::statement::statement;
use super::webhooks::announce;
use super::{Database, StoreError, frequency};
use crate::domain::webhook::deliveries_of;
use crate::domain::{
    AttemptRecord, CancelState, Channel, KeyHash, Notification, Origin, Reason, Settlement, Status,
    TakeId,
};

/// Notifications that one call means, at most.
pub const MOST: usize = 10_000;

/// A notification that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeantNotification {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Where it stands.
    pub state: CancelState,
}

/// Which notifications of a thing are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMeant {
    /// Whose.
    pub tenant_id: Uuid,
    /// What kind of thing.
    pub kind: String,
    /// Which one.
    pub id: String,
    /// Only to this person.
    pub user_id: Option<Uuid>,
    /// Only through this channel.
    pub channel: Option<Channel>,
}

/// A claim of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimMeant {
    /// The whole hash of the key.
    pub key: KeyHash,
    /// The notification that it stands for.
    pub id: Uuid,
    /// Through which channel; a claim of an old version does not say.
    pub channel: Option<Channel>,
    /// Whether nothing comes of it any more, should it have no row.
    pub is_over: bool,
    /// To whom and through which channel, once it has a row.
    pub whom: Option<(Option<Uuid>, String)>,
}

// A row that somebody has in hand says only that: what becomes of it is not known here. So does one whose outcome
// is in quarantine.
macro_rules! state {
    () => {
        "CASE WHEN n.status <> 'pending' THEN n.status
              WHEN n.attempts @> '[{\"step\":\"attempt\",\"class\":\"accepted\"}]' THEN 'partly_sent'
              WHEN n.owner IS NOT NULL AND NOT is_dead_run(n.owner) THEN 'in_flight'
              WHEN EXISTS (SELECT FROM notification_quarantine q WHERE q.notification_id = n.id
                             AND q.resolution IS DISTINCT FROM 'replayed') THEN 'in_flight'
              ELSE 'pending' END"
    };
}

#[derive(QueryableByName)]
struct MeantRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Text)]
    state: String,
}

impl MeantRow {
    fn meant(self) -> MeantNotification {
        MeantNotification {
            id: self.id,
            tenant_id: self.tenant_id,
            // A status that only a newer version knows is none that can be cancelled here.
            state: self.state.parse().unwrap_or(CancelState::InFlight),
        }
    }
}

/// How these notifications of a tenant stand; of any, without one.
///
/// # Errors
/// The database is out of reach.
pub async fn by_ids(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    ids: &[Uuid],
) -> Result<Vec<MeantNotification>, StoreError> {
    let query = diesel::sql_query(concat!(
        "SELECT n.id, n.tenant_id, ",
        state!(),
        " AS state FROM notifications n WHERE n.id = ANY($1) AND ($2 IS NULL OR n.tenant_id = $2)"
    ));
    let query = query
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Nullable<SqlUuid>, _>(tenant_id);
    let rows: Vec<MeantRow> = query.load(connection).await?;
    Ok(rows.into_iter().map(MeantRow::meant).collect())
}

/// The notifications about a thing, what waits first.
///
/// # Errors
/// The database is out of reach.
pub async fn by_source(
    connection: &mut AsyncPgConnection,
    source: &SourceMeant,
) -> Result<Vec<MeantNotification>, StoreError> {
    let query = diesel::sql_query(concat!(
        "SELECT n.id, n.tenant_id, ",
        state!(),
        " AS state FROM notifications n
         WHERE n.source_id = $1 AND n.source_type = $2 AND n.tenant_id = $3
           AND ($4 IS NULL OR n.user_id = $4) AND ($5 IS NULL OR n.message_type = $5)
         ORDER BY n.status <> 'pending', n.id DESC LIMIT $6"
    ));
    let query = query
        .bind::<Text, _>(&source.id)
        .bind::<Text, _>(&source.kind)
        .bind::<SqlUuid, _>(source.tenant_id)
        .bind::<Nullable<SqlUuid>, _>(source.user_id)
        .bind::<Nullable<Text>, _>(source.channel.map(Channel::as_str))
        .bind::<BigInt, _>(i64::try_from(MOST).unwrap_or(i64::MAX));
    let rows: Vec<MeantRow> = query.load(connection).await?;
    Ok(rows.into_iter().map(MeantRow::meant).collect())
}

#[derive(QueryableByName)]
struct ClaimMeantRow {
    #[diesel(sql_type = Bytea)]
    idempotency_key: Vec<u8>,
    #[diesel(sql_type = SqlUuid)]
    notification_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    channel: Option<String>,
    #[diesel(sql_type = Bool)]
    is_over: bool,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    user_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    message_type: Option<String>,
}

/// The claims of a publisher's key, whoever they are for: their hashes begin alike (`broker::envelope::key_shared`). A message
/// that came by AMQP has its claim before it has a row, also between two nodes, while RabbitMQ has it back.
///
/// # Errors
/// The database is out of reach.
pub async fn by_key(
    connection: &mut AsyncPgConnection,
    shared: [u8; KeyHash::SHARED],
) -> Result<Vec<ClaimMeant>, StoreError> {
    let end = |byte: u8| {
        let mut key = shared.to_vec();
        key.resize(32, byte);
        key
    };
    let query = diesel::sql_query(concat!(
        "SELECT d.idempotency_key, d.notification_id, d.channel, ",
        is_over!(),
        " AS is_over, n.user_id, n.message_type
         FROM notification_deduplication d
         LEFT JOIN LATERAL (SELECT user_id, message_type FROM notifications
                            WHERE id = d.notification_id LIMIT 1) n ON true
         WHERE d.idempotency_key BETWEEN $1 AND $2 LIMIT $3"
    ));
    let query = query
        .bind::<Bytea, _>(end(0))
        .bind::<Bytea, _>(end(255))
        .bind::<BigInt, _>(i64::try_from(MOST).unwrap_or(i64::MAX));
    let rows: Vec<ClaimMeantRow> = query.load(connection).await?;
    let claim = |row: ClaimMeantRow| {
        Some(ClaimMeant {
            key: KeyHash(row.idempotency_key.try_into().ok()?),
            id: row.notification_id,
            channel: row.channel.as_deref().and_then(|it| it.parse().ok()),
            is_over: row.is_over,
            whom: row.message_type.map(|channel| (row.user_id, channel)),
        })
    };
    Ok(rows.into_iter().filter_map(claim).collect())
}

statement!(
    Cancel(
        ids: Vec<Uuid> => Array<SqlUuid>,
        tenant: Option<Uuid> => Nullable<SqlUuid>,
        same_tenant: Option<Uuid> => Nullable<SqlUuid>,
        died: Value => Jsonb,
        line: Value => Jsonb,
    ) -> (Columns, Nullable<Text>) = concat!(
    "WITH picked AS MATERIALIZED (
         SELECT n.id, n.owner, n.reason FROM notifications n
         WHERE n.id = ANY(?) AND (?::uuid IS NULL OR n.tenant_id = ?) AND ", state!(), " = 'pending'
         ORDER BY n.id FOR UPDATE
     )
     UPDATE notifications n SET
         status = 'cancelled', reason = 'cancelled_by_user', due_at = NULL, waits_for = NULL, owner = NULL,
         takes = 0, error_message = NULL,
         attempts = n.attempts || CASE WHEN picked.owner IS NULL THEN '[]'::jsonb
             ELSE jsonb_build_array(?::jsonb || jsonb_build_object('run', picked.owner)) END
             || jsonb_build_array(?::jsonb)
     FROM picked WHERE n.id = picked.id AND n.status = 'pending'
     RETURNING n.id, n.tenant_id, n.user_id, n.idempotency_key, n.message_type, n.priority, n.category,
         n.payload, n.attempt_count, n.max_retries, n.created_at, n.send_at, n.expires_at, n.attempts,
         n.source_type, n.source_id, n.metadata, 0::smallint, picked.reason")
);

/// Cancels those of these that wait and that nobody has in hand, with what follows: what webhooks are told,
/// places under caps that go back, the audit trail. Answers their ids.
///
/// # Errors
/// The database is out of reach, or somebody has locked one of them: nothing is cancelled.
pub async fn cancel(
    database: &Database,
    tenant_id: Option<Uuid>,
    ids: &[Uuid],
    line: &AttemptRecord,
    by: &DoneBy,
) -> Result<Vec<MeantNotification>, StoreError> {
    let statement = Cancel {
        ids: ids.to_vec(),
        tenant: tenant_id,
        same_tenant: tenant_id,
        died: due::node_died(line.at),
        line: json!(line),
    };
    let catalog = database.webhooks().catalog();
    let (cancelled, webhooks) = database
        .transaction(async |connection| {
            let rows: Vec<(NotificationRow, Option<String>)> = statement.load(connection).await?;
            let cancelled = rows.iter().map(|(row, _)| (row.0, row.1));
            let cancelled: Vec<(Uuid, Uuid)> = cancelled.collect();
            let reasons = rows
                .iter()
                .map(|(row, reason)| (row.0, row.1, reason.clone()));
            let entries: Vec<AuditEntry> = reasons.map(entry).collect();
            let rows = rows.into_iter().map(|(row, _)| row).collect();
            let notifications = due::Taken::of(rows).notifications;
            let unsent =
                |it: &&Notification| !it.attempts.iter().any(AttemptRecord::may_be_delivered);
            let unsent = notifications.iter().filter(unsent);
            let refunds: Vec<(Uuid, Uuid)> = unsent.map(|it| (it.user_id, it.id)).collect();
            frequency::refund(connection, &refunds).await?;
            let settlements = notifications.into_iter().map(|it| settled(it, line.at));
            let settlements: Vec<Settlement> = settlements.collect();
            let told = deliveries_of(&catalog, &settlements.iter().collect::<Vec<_>>());
            let ids: Vec<Uuid> = cancelled.iter().map(|(id, _)| *id).collect();
            announce::write(connection, &told, &ids).await?;
            audit::record_all(connection, by, &entries).await?;
            let webhooks: Vec<Uuid> = told.iter().map(|it| it.webhook_id).collect();
            Ok((cancelled, webhooks))
        })
        .await?;
    if !webhooks.is_empty() {
        database.webhooks().tell(webhooks);
    }
    let cancelled = cancelled
        .into_iter()
        .map(|(id, tenant_id)| MeantNotification {
            id,
            tenant_id,
            state: CancelState::Cancelled,
        });
    Ok(cancelled.collect())
}

fn entry((id, tenant_id, reason): (Uuid, Uuid, Option<String>)) -> AuditEntry {
    let state = |status: Status, reason| json!({ "status": status, "reason": reason });
    let new = state(Status::Cancelled, Some(Reason::CancelledByUser.to_string()));
    AuditEntry {
        tenant_id: Some(tenant_id),
        action: "cancel",
        resource: "notification",
        resource_id: id.to_string(),
        changes: AuditChanges::between(state(Status::Pending, reason), new),
    }
}

/// What webhooks are told of.
fn settled(notification: Notification, at: Timestamp) -> Settlement {
    Settlement {
        notification,
        origin: Origin::Database(TakeId(0)),
        status: Status::Cancelled,
        reason: Some(Reason::CancelledByUser),
        due_at: None,
        waits_for: None,
        decided_at: at,
        last_attempted: None,
        provider: None,
        recipient: None,
        template_version: None,
        provider_response: None,
        provider_message_id: None,
        error_message: None,
        refund: false,
        dead_addresses: vec![],
        item: None,
    }
}

/// Those of these notifications that were cancelled by this very line, by the run that had them in hand.
///
/// # Errors
/// The database is out of reach.
pub async fn cancelled_by(
    connection: &mut AsyncPgConnection,
    ids: &[Uuid],
    line: &AttemptRecord,
) -> Result<Vec<MeantNotification>, StoreError> {
    let query = diesel::sql_query(
        "SELECT n.id, n.tenant_id, n.status AS state FROM notifications n
         WHERE n.id = ANY($1) AND n.status = 'cancelled' AND n.attempts @> jsonb_build_array($2)",
    );
    let query = query
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Jsonb, _>(json!(line));
    let rows: Vec<MeantRow> = query.load(connection).await?;
    Ok(rows.into_iter().map(MeantRow::meant).collect())
}

/// Notes in the audit trail that runs have cancelled these.
///
/// # Errors
/// The database is out of reach.
pub async fn note(
    connection: &mut AsyncPgConnection,
    cancelled: &[MeantNotification],
    by: &DoneBy,
) -> Result<(), StoreError> {
    let entries = cancelled
        .iter()
        .map(|it| entry((it.id, it.tenant_id, None)));
    audit::record_all(connection, by, &entries.collect::<Vec<_>>()).await
}
