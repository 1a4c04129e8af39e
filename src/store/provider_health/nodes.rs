//! What every living node makes of one account, for people to see.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::CircuitState;
use crate::store::StoreError;
use crate::store::change::word;
use crate::store::lease::RunId;
use crate::store::time::from_database;

/// What one node makes of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeHealth {
    /// The node's name.
    pub node: String,
    /// Its run.
    pub run: RunId,
    /// Where the circuit stands.
    pub state: CircuitState,
    /// Since when.
    pub since: Timestamp,
    /// When it may be asked again, while it is open.
    pub available_at: Option<Timestamp>,
    /// Why it is open.
    pub cause: Option<String>,
    /// Messages a second that it takes at present.
    pub pace: Option<f64>,
    /// Messages that are being sent.
    pub in_flight: Option<i32>,
    /// Messages in its queue.
    pub waiting: Option<i32>,
    /// When that was measured.
    pub measured_at: Option<Timestamp>,
}

#[derive(QueryableByName)]
struct NodeHealthRow {
    #[diesel(sql_type = Text)]
    node_name: String,
    #[diesel(sql_type = Integer)]
    run_id: i32,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Timestamptz)]
    since: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    available_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    cause: Option<String>,
    #[diesel(sql_type = Nullable<Double>)]
    pace: Option<f64>,
    #[diesel(sql_type = Nullable<Integer>)]
    in_flight: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    waiting: Option<i32>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    measured_at: Option<DateTime<Utc>>,
}

/// What all living nodes make of an account.
///
/// # Errors
/// The database is out of reach.
pub async fn of(
    connection: &mut AsyncPgConnection,
    provider: Uuid,
) -> Result<Vec<NodeHealth>, StoreError> {
    let rows: Vec<NodeHealthRow> = diesel::sql_query(
        "SELECT n.node_name, h.run_id, h.state, h.since, h.available_at, h.cause, h.pace, \
             h.in_flight, h.waiting, h.measured_at \
         FROM provider_health h JOIN engine_nodes n USING (run_id) \
         WHERE h.provider_id = $1 AND n.ended_at IS NULL ORDER BY h.run_id",
    )
    .bind::<SqlUuid, _>(provider)
    .load(connection)
    .await?;
    let node = |row: NodeHealthRow| {
        Ok(NodeHealth {
            node: row.node_name,
            run: RunId(row.run_id),
            state: word(&row.state)?,
            since: from_database(row.since),
            available_at: row.available_at.map(from_database),
            cause: row.cause,
            pace: row.pace,
            in_flight: row.in_flight,
            waiting: row.waiting,
            measured_at: row.measured_at.map(from_database),
        })
    };
    rows.into_iter().map(node).collect()
}
