//! What each run measures of its accounts.

use diesel::sql_types::{Array, Double, Integer, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::lease::RunId;
use crate::store::statement::statement;

statement!(
    /// An account that is gone is measured no more.
    WriteMeasures(
        run: i32 => Integer,
        ids: Vec<Uuid> => Array<SqlUuid>,
        paces: Vec<f64> => Array<Double>,
        in_flight: Vec<i32> => Array<Integer>,
        waiting: Vec<i32> => Array<Integer>,
    ) -> Integer =
    "INSERT INTO provider_health
         (provider_id, run_id, state, pace, in_flight, waiting, measured_at)
     SELECT p.id, ?, 'closed', m.pace, m.in_flight, m.waiting, now()
     FROM unnest(?, ?, ?, ?) m (id, pace, in_flight, waiting)
     JOIN provider_configs p ON p.id = m.id
     ORDER BY p.id
     ON CONFLICT (provider_id, run_id) DO UPDATE
     SET pace = excluded.pace, in_flight = excluded.in_flight, waiting = excluded.waiting,
         measured_at = excluded.measured_at
     RETURNING 1"
);

/// What is measured of an account on a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccountMeasure {
    /// Messages a second that it takes at present.
    pub pace: f64,
    /// Workers that serve it.
    pub in_flight: i32,
    /// Messages in its queue.
    pub waiting: i32,
}

/// Writes what a run has measured.
///
/// # Errors
/// The database is out of reach.
pub async fn write(
    connection: &mut AsyncPgConnection,
    run: RunId,
    measured: &[(Uuid, AccountMeasure)],
) -> Result<(), StoreError> {
    let write = WriteMeasures {
        run: run.0,
        ids: measured.iter().map(|(id, _)| *id).collect(),
        paces: measured.iter().map(|(_, it)| it.pace).collect(),
        in_flight: measured.iter().map(|(_, it)| it.in_flight).collect(),
        waiting: measured.iter().map(|(_, it)| it.waiting).collect(),
    };
    let _: Vec<i32> = write.get_results(connection).await?;
    Ok(())
}
