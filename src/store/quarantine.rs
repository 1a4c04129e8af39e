//! Outcomes that PostgreSQL refuses for their own data: kept whole, listed, and stored again once the
//! cause is mended.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    BigInt, Bool, Bytea, Int4, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::audit::{self, AuditChanges, DoneBy};
use super::lease::RunId;
use super::settle::{self, Origin, Settlement};
use super::statement::statement;
use super::takes::TakeId;
use super::{Database, StoreError, partitions, system_events, time};

mod keeping;

pub(super) use keeping::keep;

/// The event that is open while something is quarantined.
const EVENT: &str = "outcomes_quarantined";

/// Which quarantined outcomes are meant; what is absent does not narrow them down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuarantineFilter {
    /// The entry's own id, or its notification's.
    pub id: Option<Uuid>,
    /// Of this tenant.
    pub tenant_id: Option<Uuid>,
    /// Those that were dealt with, too.
    pub resolved_too: bool,
}

/// An outcome that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Its id.
    pub id: Uuid,
    /// The notification.
    pub notification_id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The channel's word.
    pub channel: String,
    /// What became of the notification, as it would have been stored.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// Why PostgreSQL refused it.
    pub sqlstate: String,
    /// The same in words, which may hold values of the row.
    pub message: String,
    /// The run that settled it.
    pub run: RunId,
    /// When it was refused.
    pub created_at: Timestamp,
    /// When it was dealt with.
    pub resolved_at: Option<Timestamp>,
    /// `replayed` or `resolved`.
    pub resolution: Option<String>,
    /// The outcome with its notification and content, as JSON.
    pub settlement: Vec<u8>,
}

#[derive(QueryableByName)]
struct QuarantineRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    notification_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Text)]
    sqlstate: String,
    #[diesel(sql_type = Text)]
    message: String,
    #[diesel(sql_type = Int4)]
    run_id: i32,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    resolved_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    resolution: Option<String>,
    #[diesel(sql_type = Bytea)]
    settlement: Vec<u8>,
}

impl From<QuarantineRow> for Quarantined {
    fn from(row: QuarantineRow) -> Self {
        Self {
            id: row.id,
            notification_id: row.notification_id,
            tenant_id: row.tenant_id,
            channel: row.channel,
            status: row.status,
            reason: row.reason,
            sqlstate: row.sqlstate,
            message: row.message,
            run: RunId(row.run_id),
            created_at: time::from_database(row.created_at),
            resolved_at: row.resolved_at.map(time::from_database),
            resolution: row.resolution,
            settlement: row.settlement,
        }
    }
}

const CHOSEN: &str = "($1::uuid IS NULL OR id = $1 OR notification_id = $1) \
    AND ($2::uuid IS NULL OR tenant_id = $2) AND ($3 OR resolved_at IS NULL)";

/// Quarantined outcomes, the oldest first, at most so many.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    database: &Database,
    filter: &QuarantineFilter,
    most: usize,
) -> Result<Vec<Quarantined>, StoreError> {
    let query = format!(
        "SELECT id, notification_id, tenant_id, channel, status, reason, sqlstate, message, run_id, \
         created_at, resolved_at, resolution, settlement \
         FROM notification_quarantine WHERE {CHOSEN} ORDER BY created_at, id LIMIT $4"
    );
    let query = diesel::sql_query(query)
        .bind::<Nullable<SqlUuid>, _>(filter.id)
        .bind::<Nullable<SqlUuid>, _>(filter.tenant_id)
        .bind::<Bool, _>(filter.resolved_too)
        .bind::<BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX));
    let rows: Vec<QuarantineRow> = query.load(&mut *database.get().await?).await?;
    Ok(rows.into_iter().map(Quarantined::from).collect())
}

statement!(
    CountOpen() -> Int8 =
    "SELECT count(*) FROM notification_quarantine WHERE resolved_at IS NULL"
);

/// How many outcomes wait for somebody to deal with them.
///
/// # Errors
/// The database is out of reach.
pub async fn count(database: &Database) -> Result<u64, StoreError> {
    let count: i64 = CountOpen {}.get_result(&mut *database.get().await?).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

statement!(
    Close(resolution: &'static str => Text, id: Uuid => SqlUuid) -> SqlUuid =
    "UPDATE notification_quarantine SET resolved_at = now(), resolution = ?
     WHERE id = ? AND resolved_at IS NULL RETURNING id"
);

/// What became of one that was replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeReplay {
    /// Its row now says what it should have said.
    Stored,
    /// The notification was settled by somebody else meanwhile; that stands.
    Superseded,
    /// Somebody else dealt with it first.
    Gone,
}

/// Stores a quarantined outcome as it would have been stored: what was accepted is then `sent`, and
/// what was put off is due. All or nothing.
///
/// # Errors
/// It is refused again, or this version cannot read it; it stays in quarantine.
pub async fn replay(
    database: &Database,
    quarantined: &Quarantined,
    by: &DoneBy,
) -> Result<OutcomeReplay, StoreError> {
    let settlement = read(quarantined)?;
    match store(database, quarantined, &settlement, by).await {
        Err(StoreError::NoPartition) => {
            if let Some(moment) = partitions::moment_of(settlement.notification.id) {
                partitions::ensure(&mut *database.get().await?, moment).await?;
            }
            store(database, quarantined, &settlement, by).await
        }
        stored => stored,
    }
}

fn read(quarantined: &Quarantined) -> Result<Settlement, StoreError> {
    let mut settlement: Settlement = serde_json::from_slice(&quarantined.settlement)
        .map_err(|error| StoreError::Corrupt(format!("a quarantined outcome: {error}")))?;
    if settlement.origin == Origin::Broker(TakeId(0)) {
        settlement.origin = Origin::Broker(TakeId::unnumbered(quarantined.run));
    }
    Ok(settlement)
}

async fn store(
    database: &Database,
    quarantined: &Quarantined,
    settlement: &Settlement,
    by: &DoneBy,
) -> Result<OutcomeReplay, StoreError> {
    database
        .transaction(async |connection| {
            if !close(connection, quarantined.id, "replayed").await? {
                return Ok(OutcomeReplay::Gone);
            }
            note(connection, quarantined, by, "replay").await?;
            let tells_exchange = database.webhooks().tells_exchange();
            let stored = settle::restore(connection, settlement, tells_exchange).await?;
            Ok(if stored {
                OutcomeReplay::Stored
            } else {
                OutcomeReplay::Superseded
            })
        })
        .await
}

// What could not be set aside when it was quarantined is now, or stays in quarantine: it would be sent
// once the entry is forgotten.
statement!(
    SetAsideLate(id: Uuid => SqlUuid) -> SqlUuid =
    "UPDATE notifications n SET owner = NULL, due_at = NULL, waits_for = NULL
     FROM notification_quarantine q
     WHERE q.id = ? AND n.id = q.notification_id AND n.status = 'pending' AND n.due_at IS NOT NULL
     RETURNING n.id"
);

/// Marks one as dealt with; nothing of it is stored, and nothing is sent. Says whether it was open.
///
/// # Errors
/// The database is out of reach, or refuses to set the notification's row aside: it stays in quarantine.
pub async fn resolve(
    database: &Database,
    quarantined: &Quarantined,
    by: &DoneBy,
) -> Result<bool, StoreError> {
    let id = quarantined.id;
    database
        .transaction(async |connection| {
            let closed = close(connection, id, "resolved").await?;
            if closed {
                note(connection, quarantined, by, "resolve").await?;
                let aside = SetAsideLate { id };
                let _: Vec<Uuid> = aside.load(connection).await?;
            }
            Ok(closed)
        })
        .await
}

/// Resolves the event when nothing is left that waits for somebody: entries go with their people, too.
///
/// # Errors
/// The database is out of reach.
pub(super) async fn resolve_event(database: &Database) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    let left: i64 = CountOpen {}.get_result(&mut *connection).await?;
    if left == 0 {
        system_events::resolve_types(&mut connection, vec![EVENT]).await?;
    }
    Ok(())
}

async fn note(
    connection: &mut AsyncPgConnection,
    quarantined: &Quarantined,
    by: &DoneBy,
    action: &'static str,
) -> Result<(), StoreError> {
    let whose = (quarantined.tenant_id, quarantined.notification_id);
    let changes = AuditChanges::none();
    audit::record_of(
        connection,
        by,
        "quarantined_outcome",
        whose,
        action,
        changes,
    )
    .await
}

async fn close(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    resolution: &'static str,
) -> Result<bool, StoreError> {
    let closed: Vec<Uuid> = Close { resolution, id }.load(connection).await?;
    let left: i64 = CountOpen {}.get_result(connection).await?;
    if left == 0 {
        system_events::resolve_types(connection, vec![EVENT]).await?;
    }
    Ok(!closed.is_empty())
}
