//! What operators look at first: how the last hour went, what waits, the nodes and the accounts. Each look costs little,
//! however many notifications are stored: it reads rollups and indexes, and counts no further than to a bound.

pub mod standing;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Double, Float8, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::statement::statement;
use super::time::from_database;
use super::{Database, StoreError};
use crate::domain::Lane;

/// Most rows of a lane that are counted: it says "so many, and more".
pub const MOST_COUNTED: i64 = 1_000;
/// Most dead letters that are counted by reason.
const MOST_GROUPED: i64 = 10_000;
/// Most accounts that are shown.
const MOST_ACCOUNTS: i64 = 200;

/// What was sent in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinuteFigures {
    /// Its beginning.
    pub minute: Timestamp,
    /// Sent.
    pub sent: i64,
    /// Failed for good.
    pub failed: i64,
    /// Milliseconds from acceptance here to acceptance there, summed over those sent.
    pub delivery_ms: i64,
}

/// What waits in the database, of a lane, for a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneBacklog {
    /// The lane's channel.
    pub channel: String,
    /// The lane's priority.
    pub priority: String,
    /// Why it waits; `None` is what was just accepted.
    pub reason: Option<String>,
    /// How many; not more than [`MOST_COUNTED`] of a lane are counted.
    pub count: i64,
}

/// An account, as all nodes see it together.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountStanding {
    /// Its name.
    pub name: String,
    /// The channel that it serves.
    pub channel: String,
    /// Whether it is used.
    pub is_active: bool,
    /// Higher is asked first.
    pub priority: i32,
    /// Requests a minute, over all nodes.
    pub rate_limit: Option<i32>,
    /// Nodes that have used it.
    pub nodes: i64,
    /// Nodes whose circuit is open.
    pub open: i64,
    /// When the first of them asks again.
    pub available_at: Option<Timestamp>,
    /// Why a circuit is open.
    pub cause: Option<String>,
    /// Messages a second that it takes at present.
    pub pace: Option<f64>,
    /// Messages that are being sent.
    pub in_flight: i64,
    /// Messages in its queues.
    pub waiting: i64,
    /// Until when somebody has stopped it, if so.
    pub paused_until: Option<Timestamp>,
    /// Why they did.
    pub pause_reason: Option<String>,
}

statement!(
    Minutes(any_tenant: bool => Bool, tenant_id: Option<Uuid> => Nullable<SqlUuid>, since: f64 => Float8)
        -> (Timestamptz, BigInt, BigInt, BigInt) =
    "SELECT minute, sum(sent)::bigint, sum(failed)::bigint, sum(delivery_ms)::bigint FROM delivery_minutes
     WHERE (? OR tenant_id = ?) AND minute > now() - make_interval(secs => ?)
     GROUP BY minute ORDER BY minute"
);

statement!(
    BacklogOfAll(channels: Vec<&'static str> => Array<Text>, priorities: Vec<&'static str> => Array<Text>, most: i64 => BigInt)
        -> (Text, Text, Nullable<Text>, BigInt) =
    "SELECT l.channel, l.priority, w.reason, count(*) FROM unnest(?, ?) AS l (channel, priority),
         LATERAL (SELECT n.reason FROM notifications n
                  WHERE n.status = 'pending' AND n.message_type = l.channel AND n.priority = l.priority
                  ORDER BY n.due_at LIMIT ?) w
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
);

statement!(
    BacklogOfOne(channels: Vec<&'static str> => Array<Text>, priorities: Vec<&'static str> => Array<Text>,
                 tenant_id: Uuid => SqlUuid, most: i64 => BigInt)
        -> (Text, Text, Nullable<Text>, BigInt) =
    "SELECT l.channel, l.priority, w.reason, count(*) FROM unnest(?, ?) AS l (channel, priority),
         LATERAL (SELECT n.reason FROM notifications n
                  WHERE n.status = 'pending' AND n.message_type = l.channel AND n.priority = l.priority
                    AND n.tenant_id = ?
                  ORDER BY n.due_at LIMIT ?) w
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
);

statement!(
    Letters(any_tenant: bool => Bool, tenant_id: Option<Uuid> => Nullable<SqlUuid>, most: i64 => BigInt) -> BigInt =
    "SELECT count(*) FROM (SELECT FROM notification_dlq WHERE NOT resolved AND (? OR tenant_id = ?) LIMIT ?) found"
);

statement!(
    LetterReasons(any_tenant: bool => Bool, tenant_id: Option<Uuid> => Nullable<SqlUuid>, most: i64 => BigInt)
        -> (Text, BigInt) =
    "SELECT failure_reason, count(*) FROM (
         SELECT failure_reason FROM notification_dlq WHERE NOT resolved AND (? OR tenant_id = ?) LIMIT ?) found
     GROUP BY 1 ORDER BY 2 DESC, 1"
);

statement!(
    ForgetMinutes() -> BigInt =
    "WITH gone AS (DELETE FROM delivery_minutes WHERE minute < now() - interval '3 hours' RETURNING 1)
     SELECT count(*) FROM gone"
);

#[derive(QueryableByName)]
struct AccountStandingRow {
    #[diesel(sql_type = Text)]
    provider_name: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Bool)]
    is_active: bool,
    #[diesel(sql_type = Integer)]
    priority: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    rate_limit: Option<i32>,
    #[diesel(sql_type = BigInt)]
    nodes: i64,
    #[diesel(sql_type = BigInt)]
    open: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    available_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    cause: Option<String>,
    #[diesel(sql_type = Nullable<Double>)]
    pace: Option<f64>,
    #[diesel(sql_type = BigInt)]
    in_flight: i64,
    #[diesel(sql_type = BigInt)]
    waiting: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    paused_until: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pause_reason: Option<String>,
}

/// The minutes of a tenant, of all together without one, that began in the last so many seconds.
///
/// # Errors
/// The database is out of reach.
pub async fn minutes(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    seconds: f64,
) -> Result<Vec<MinuteFigures>, StoreError> {
    let query = Minutes {
        any_tenant: tenant_id.is_none(),
        tenant_id,
        since: seconds,
    };
    let rows: Vec<(DateTime<Utc>, i64, i64, i64)> = query.load(connection).await?;
    let rows = rows.into_iter();
    let figures = rows.map(|(minute, sent, failed, delivery_ms)| MinuteFigures {
        minute: from_database(minute),
        sent,
        failed,
        delivery_ms,
    });
    Ok(figures.collect())
}

/// What waits in the database for a tenant, for all together without one, by lane and reason.
///
/// # Errors
/// The database is out of reach.
pub async fn backlog(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
) -> Result<Vec<LaneBacklog>, StoreError> {
    let words = |lane: Lane| (lane.channel.as_str(), lane.priority.as_str());
    let (channels, priorities) = Lane::all().map(words).unzip();
    let most = MOST_COUNTED;
    let rows: Vec<(String, String, Option<String>, i64)> = match tenant_id {
        None => {
            let query = BacklogOfAll {
                channels,
                priorities,
                most,
            };
            query.load(connection).await?
        }
        Some(tenant_id) => {
            let query = BacklogOfOne {
                channels,
                priorities,
                tenant_id,
                most,
            };
            query.load(connection).await?
        }
    };
    let rows = rows.into_iter();
    let backlog = rows.map(|(channel, priority, reason, count)| LaneBacklog {
        channel,
        priority,
        reason,
        count,
    });
    Ok(backlog.collect())
}

/// Dead letters of a tenant, of all without one, that nobody has dealt with; not more than [`MOST_COUNTED`] are
/// counted.
///
/// # Errors
/// The database is out of reach.
pub async fn letters(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
) -> Result<i64, StoreError> {
    let query = Letters {
        any_tenant: tenant_id.is_none(),
        tenant_id,
        most: MOST_COUNTED,
    };
    Ok(query.get_result(connection).await?)
}

/// How many dead letters of a tenant, of all without one, nobody has dealt with for each reason, the most frequent
/// first; not more than 10,000 are counted.
///
/// # Errors
/// The database is out of reach.
pub async fn letter_reasons(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
) -> Result<Vec<(String, i64)>, StoreError> {
    let query = LetterReasons {
        any_tenant: tenant_id.is_none(),
        tenant_id,
        most: MOST_GROUPED,
    };
    Ok(query.load(connection).await?)
}

/// The accounts, by channel in the order in which they are asked.
///
/// # Errors
/// The database is out of reach.
pub async fn accounts(
    connection: &mut AsyncPgConnection,
) -> Result<Vec<AccountStanding>, StoreError> {
    let query = diesel::sql_query(
        "SELECT p.provider_name, p.channel, p.is_active, p.priority, p.rate_limit, h.nodes, h.open, h.available_at,
                h.cause, h.pace, h.in_flight, h.waiting, stop.ends_at AS paused_until, stop.reason AS pause_reason
         FROM provider_configs p
         CROSS JOIN LATERAL (
             SELECT count(*) AS nodes, count(*) FILTER (WHERE h.state = 'open') AS open,
                    min(h.available_at) FILTER (WHERE h.state = 'open') AS available_at,
                    min(h.cause) FILTER (WHERE h.state = 'open') AS cause, sum(h.pace) AS pace,
                    coalesce(sum(h.in_flight), 0)::bigint AS in_flight, coalesce(sum(h.waiting), 0)::bigint AS waiting
             FROM provider_health h JOIN engine_nodes n USING (run_id)
             WHERE h.provider_id = p.id AND n.ended_at IS NULL) h
         LEFT JOIN LATERAL (
             SELECT s.ends_at, s.reason FROM provider_pauses s
             WHERE s.provider_id = p.id AND s.ended_at IS NULL AND s.ends_at > now()
             ORDER BY s.paused_at DESC LIMIT 1) stop ON true
         WHERE p.deleted_at IS NULL
         ORDER BY p.channel, p.is_active DESC, p.priority DESC, p.provider_name LIMIT $1",
    );
    let rows: Vec<AccountStandingRow> = query
        .bind::<BigInt, _>(MOST_ACCOUNTS)
        .load(connection)
        .await?;
    let account = |row: AccountStandingRow| AccountStanding {
        name: row.provider_name,
        channel: row.channel,
        is_active: row.is_active,
        priority: row.priority,
        rate_limit: row.rate_limit,
        nodes: row.nodes,
        open: row.open,
        available_at: row.available_at.map(from_database),
        cause: row.cause,
        pace: row.pace,
        in_flight: row.in_flight,
        waiting: row.waiting,
        paused_until: row.paused_until.map(from_database),
        pause_reason: row.pause_reason,
    };
    Ok(rows.into_iter().map(account).collect())
}

/// Removes the minutes that no chart shows any more; says how many rows.
///
/// # Errors
/// The database is out of reach.
pub async fn forget_minutes(database: &Database) -> Result<u64, StoreError> {
    let mut connection = database.get().await?;
    let gone: i64 = ForgetMinutes {}.get_result(&mut *connection).await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}
