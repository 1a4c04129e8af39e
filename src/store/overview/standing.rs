//! The nodes, and what each says of its lanes every few seconds.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{Lane, RunId};
use crate::store::statement::statement;
use crate::store::time::from_database;
use crate::store::{Database, StoreError};

/// Most nodes that are shown.
const MOST: i32 = 200;

/// What a node says of one of its lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStanding {
    /// The lane.
    pub lane: Lane,
    /// Messages that it has in hand.
    pub in_hand: u64,
    /// Messages that it may have in hand.
    pub room: u64,
    /// Whether it takes none from RabbitMQ, since every account of the channel is tripped.
    pub is_paused: bool,
    /// Messages that wait in RabbitMQ; `None` when nobody knows.
    pub queued: Option<u64>,
}

/// A node that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStanding {
    /// Its run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it was heard of last.
    pub heartbeat_at: Timestamp,
    /// Whether its lease lasts.
    pub is_alive: bool,
    /// When it spoke of its lanes last.
    pub measured_at: Option<Timestamp>,
    /// Its lanes.
    pub lanes: Vec<LaneStanding>,
}

#[derive(QueryableByName)]
struct NodeStandingRow {
    #[diesel(sql_type = Integer)]
    run_id: i32,
    #[diesel(sql_type = Text)]
    node_name: String,
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    heartbeat_at: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    is_alive: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    measured_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    lanes: Option<Value>,
}

statement!(
    // A run that is gone says nothing any more.
    Say(lanes: Value => Jsonb, run: i32 => Integer) -> Integer =
    "INSERT INTO node_standings AS s (run_id, lanes)
     SELECT run_id, ? FROM engine_nodes WHERE run_id = ? AND ended_at IS NULL
     ON CONFLICT (run_id) DO UPDATE SET lanes = excluded.lanes, measured_at = now()
     RETURNING 1"
);

/// Writes what a node says of its lanes, in place of what it said before.
///
/// # Errors
/// The database is out of reach.
pub async fn say(
    database: &Database,
    run: RunId,
    lanes: &[LaneStanding],
) -> Result<(), StoreError> {
    let lanes = serde_json::to_value(lanes).unwrap_or_default();
    let mut connection = database.get().await?;
    let _: Vec<i32> = Say { lanes, run: run.0 }.load(&mut *connection).await?;
    Ok(())
}

/// The nodes that have not ended, the eldest first.
///
/// # Errors
/// The database is out of reach.
pub async fn nodes(connection: &mut AsyncPgConnection) -> Result<Vec<NodeStanding>, StoreError> {
    let query = diesel::sql_query(
        "SELECT n.run_id, n.node_name, n.version, n.started_at, n.heartbeat_at, n.lives_until > now() AS is_alive,
                s.measured_at, s.lanes
         FROM engine_nodes n LEFT JOIN node_standings s USING (run_id)
         WHERE n.ended_at IS NULL ORDER BY n.run_id LIMIT $1",
    );
    let rows: Vec<NodeStandingRow> = query.bind::<Integer, _>(MOST).load(connection).await?;
    let node = |row: NodeStandingRow| NodeStanding {
        run: RunId(row.run_id),
        name: row.node_name,
        version: row.version,
        started_at: from_database(row.started_at),
        heartbeat_at: from_database(row.heartbeat_at),
        is_alive: row.is_alive,
        measured_at: row.measured_at.map(from_database),
        // A newer version may say more than this one can read.
        lanes: row
            .lanes
            .and_then(|lanes| serde_json::from_value(lanes).ok())
            .unwrap_or_default(),
    };
    Ok(rows.into_iter().map(node).collect())
}
