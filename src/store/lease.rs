//! A run of the engine, and until when it lives.
//!
//! A run lives until its row says that it has ended. Whoever runs writes that itself; of a run that
//! does not move its `lives_until` on, another one does, by the database's clock alone. Neither a
//! session nor a lock counts: a node that is cut off keeps both for as long as TCP does, and one that
//! works may lose both. Once a run has ended it stays so: its next heartbeat finds nothing.
//!
//! One lease covers all that a run holds, without a write for each message.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Bool, Double, Int4, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use jiff::Timestamp;

use super::statement::statement;
use super::{Database, StoreError, time};
pub use crate::domain::RunId;

/// How much longer than its lease the database takes a run for living: for the moment between the
/// last look at the clock and the request, for clocks that do not run alike, and for a database whose
/// clock is set.
pub const MARGIN: Duration = Duration::from_secs(2);

/// Longest lease that the settings allow.
pub const LONGEST_LEASE: Duration = Duration::from_secs(30);

/// A run as its row has it. Its number alone is not enough: a database that was restored from a
/// backup gives the same number to another run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredRun {
    /// The run.
    pub run: RunId,
    node_name: String,
    started_at: DateTime<Utc>,
}

/// A run that was taken for dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buried {
    /// The run.
    pub run: RunId,
    /// Its node.
    pub node_name: String,
}

// `clock_timestamp()`, for `now()` is when the statement came, before it waited for anything.
statement!(
    Register(node_name: String => Text, version: String => Text, seconds: f64 => Double)
        -> (Int4, Timestamptz, Timestamptz) =
    "INSERT INTO engine_nodes (node_name, version, started_at, heartbeat_at, lives_until)
     SELECT ?, ?, clock, clock, clock + make_interval(secs => ?)
     FROM clock_timestamp() AS at (clock)
     RETURNING run_id, started_at, heartbeat_at"
);
statement!(
    Beat(
        seconds: f64 => Double,
        run: i32 => Int4,
        node_name: String => Text,
        started_at: DateTime<Utc> => Timestamptz,
    ) -> Timestamptz =
    "UPDATE engine_nodes SET heartbeat_at = clock_timestamp(),
         lives_until = clock_timestamp() + make_interval(secs => ?)
     WHERE run_id = ? AND node_name = ? AND started_at = ? AND ended_at IS NULL
     RETURNING heartbeat_at"
);
statement!(
    End(run: i32 => Int4, node_name: String => Text, started_at: DateTime<Utc> => Timestamptz) -> Bool =
    "UPDATE engine_nodes SET ended_at = clock_timestamp()
     WHERE run_id = ? AND node_name = ? AND started_at = ? AND ended_at IS NULL
     RETURNING true"
);
// Looked at again under its lock: a heartbeat that was committed meanwhile counts, and one that is
// just being written is left alone. No heartbeat reaches as far ahead as the longest lease: what does was
// written before the clock was set back, and would keep a dead run alive for as long; it gets a lease from now.
statement!(
    Bury(longest: f64 => Double, too_far: f64 => Double) -> (Int4, Text) =
    "WITH bounded AS (
         UPDATE engine_nodes SET lives_until = clock_timestamp() + make_interval(secs => ?)
         WHERE run_id = ANY (ARRAY(
             SELECT run_id FROM engine_nodes
             WHERE ended_at IS NULL AND lives_until > clock_timestamp() + make_interval(secs => ?)
             FOR UPDATE SKIP LOCKED))
     )
     UPDATE engine_nodes SET ended_at = clock_timestamp()
     WHERE run_id = ANY (ARRAY(
         SELECT run_id FROM engine_nodes
         WHERE ended_at IS NULL AND lives_until <= clock_timestamp()
         FOR UPDATE SKIP LOCKED))
     RETURNING run_id, node_name"
);

/// A connection of its own for heartbeats, which no pool can lend to others.
pub struct LeaseConnection(AsyncPgConnection);

impl std::fmt::Debug for LeaseConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LeaseConnection")
    }
}

impl LeaseConnection {
    /// Opens it; the server breaks off whatever takes longer than `limit`.
    ///
    /// # Errors
    /// When the database is out of reach.
    pub async fn open(database: &Database, limit: Duration) -> Result<Self, StoreError> {
        let mut connection = database.dedicated().await?;
        let limit = format!("SET statement_timeout = {}", limit.as_millis());
        connection.batch_execute(&limit).await?;
        Ok(Self(connection))
    }

    /// Registers a new run that holds its lease for so long; says what the database's clock showed.
    ///
    /// # Errors
    /// When the database is out of reach.
    pub async fn register(
        &mut self,
        node_name: &str,
        version: &str,
        lease: Duration,
    ) -> Result<(RegisteredRun, Timestamp), StoreError> {
        let register = Register {
            node_name: node_name.to_owned(),
            version: version.to_owned(),
            seconds: seconds(lease),
        };
        let row: (i32, DateTime<Utc>, DateTime<Utc>) = register.get_result(&mut self.0).await?;
        let (run, started_at, now) = row;
        let registered = RegisteredRun {
            run: RunId(run),
            node_name: node_name.to_owned(),
            started_at,
        };
        Ok((registered, time::from_database(now)))
    }

    /// Holds the lease for so long from now on; says what the database's clock showed. `None` when the
    /// run was taken for dead, or its row is gone: it has lost all that it held.
    ///
    /// # Errors
    /// When the session is lost, or does not answer in time. Whether the lease was renewed is not
    /// known then; another session may try.
    pub async fn beat(
        &mut self,
        run: &RegisteredRun,
        lease: Duration,
    ) -> Result<Option<Timestamp>, StoreError> {
        let beat = Beat {
            seconds: seconds(lease),
            run: run.run.0,
            node_name: run.node_name.clone(),
            started_at: run.started_at,
        };
        let at: Vec<DateTime<Utc>> = beat.load(&mut self.0).await?;
        Ok(at.into_iter().next().map(time::from_database))
    }

    /// Ends every run whose time is over: what it held is anybody's from now on.
    ///
    /// # Errors
    /// When the database is out of reach.
    pub async fn bury(&mut self) -> Result<Vec<Buried>, StoreError> {
        let bury = Bury {
            longest: seconds(LONGEST_LEASE),
            too_far: seconds(LONGEST_LEASE),
        };
        let rows: Vec<(i32, String)> = bury.load(&mut self.0).await?;
        let buried = |(run, node_name)| Buried {
            run: RunId(run),
            node_name,
        };
        Ok(rows.into_iter().map(buried).collect())
    }

    /// Ends the run in good order: its claims are free from now on.
    ///
    /// # Errors
    /// When the database is out of reach; others end it once its time is over.
    pub async fn end(&mut self, run: &RegisteredRun) -> Result<(), StoreError> {
        let end = End {
            run: run.run.0,
            node_name: run.node_name.clone(),
            started_at: run.started_at,
        };
        let _: Vec<bool> = end.load(&mut self.0).await?;
        Ok(())
    }
}

/// How long the database takes a run for living after a heartbeat.
fn seconds(lease: Duration) -> f64 {
    (lease + MARGIN).as_secs_f64()
}

/// The runs that live, as a sub-select of `integer`. An older state than the present one has dead runs
/// among them, and does not know the youngest: of a row whose owner was written later than that, ask
/// `is_dead_run` as well.
macro_rules! living_runs {
    () => {
        "(SELECT run_id FROM engine_nodes WHERE ended_at IS NULL)"
    };
}
pub(super) use living_runs;
