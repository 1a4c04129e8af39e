//! What each run makes of each account's health, for those who ask why.
//!
//! Every run judges for itself, by the answers that it got; a row is written when that changes.

pub mod measures;
pub mod nodes;

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use super::change::word;
use super::lease::{RunId, living_runs};
use super::statement::statement;
use super::time::from_database;
use super::{Database, StoreError};
use crate::domain::CircuitState;

statement!(
    /// An account that is gone has no health.
    Upsert(
        run: i32 => Integer,
        state: String => Text,
        available_in: Option<f64> => Nullable<Double>,
        cause: Option<String> => Nullable<Text>,
        provider: Uuid => SqlUuid,
    ) -> Integer =
    "INSERT INTO provider_health AS h (provider_id, run_id, state, available_at, cause) \
     SELECT id, ?, ?, now() + make_interval(secs => ?), ? FROM provider_configs WHERE id = ? \
     ON CONFLICT (provider_id, run_id) DO UPDATE \
     SET state = excluded.state, available_at = excluded.available_at, cause = excluded.cause, \
         since = CASE WHEN h.state = excluded.state THEN h.since ELSE excluded.since END \
     RETURNING 1"
);
statement!(
    Remove(provider: Uuid => SqlUuid, run: i32 => Integer) -> Integer =
    "DELETE FROM provider_health WHERE provider_id = ? AND run_id = ? RETURNING 1"
);
statement!(
    RemoveDead() -> Integer =
    concat!(
        "DELETE FROM provider_health WHERE run_id NOT IN ", living_runs!(), " RETURNING 1"
    )
);
statement!(
    Load() -> (SqlUuid, Integer, Text, Timestamptz, Nullable<Timestamptz>, Nullable<Text>) =
    concat!(
        "SELECT provider_id, run_id, state, since, available_at, cause FROM provider_health \
         WHERE run_id IN ", living_runs!(), " ORDER BY provider_id, run_id"
    )
);

/// An account's health as one run sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderHealth {
    /// The account.
    pub provider_id: Uuid,
    /// Who says so.
    pub run: RunId,
    /// Where the circuit stands.
    pub state: CircuitState,
    /// Since when.
    pub since: Timestamp,
    /// When it may be asked again, while it is open.
    pub available_at: Option<Timestamp>,
    /// Why it is open.
    pub cause: Option<String>,
}

/// A change to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    /// The account.
    pub provider_id: Uuid,
    /// Where its circuit stands now.
    pub state: CircuitState,
    /// How long it is not asked, while it is open.
    pub available_in: Option<Duration>,
    /// Why it is open.
    pub cause: Option<String>,
}

/// Writes what a run makes of an account.
///
/// # Errors
/// The database is out of reach.
pub async fn upsert(
    database: &Database,
    run: RunId,
    change: &HealthChange,
) -> Result<(), StoreError> {
    let upsert = Upsert {
        run: run.0,
        state: change.state.as_str().to_owned(),
        available_in: change.available_in.map(|wait| wait.as_secs_f64()),
        cause: change.cause.clone(),
        provider: change.provider_id,
    };
    let _: Vec<i32> = upsert.get_results(&mut *database.get().await?).await?;
    Ok(())
}

/// What all living runs make of all accounts.
///
/// # Errors
/// The database is out of reach.
pub async fn load(database: &Database) -> Result<Vec<ProviderHealth>, StoreError> {
    type Row = (
        Uuid,
        i32,
        String,
        DateTime<Utc>,
        Option<DateTime<Utc>>,
        Option<String>,
    );
    let rows: Vec<Row> = Load {}.get_results(&mut *database.get().await?).await?;
    rows.into_iter()
        .map(|(provider_id, run, state, since, available_at, cause)| {
            Ok(ProviderHealth {
                provider_id,
                run: RunId(run),
                state: word(&state)?,
                since: from_database(since),
                available_at: available_at.map(from_database),
                cause,
            })
        })
        .collect()
}

/// A run no longer uses an account.
///
/// # Errors
/// The database is out of reach.
pub async fn remove(database: &Database, run: RunId, provider_id: Uuid) -> Result<(), StoreError> {
    let remove = Remove {
        provider: provider_id,
        run: run.0,
    };
    let _: Vec<i32> = remove.get_results(&mut *database.get().await?).await?;
    Ok(())
}

/// Forgets what runs have said that live no more; says how many rows that were.
///
/// # Errors
/// The database is out of reach.
pub async fn remove_dead(database: &Database) -> Result<usize, StoreError> {
    let removed: Vec<i32> = RemoveDead {}
        .get_results(&mut *database.get().await?)
        .await?;
    Ok(removed.len())
}
