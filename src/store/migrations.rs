//! The migrations, compiled in, and how they are run: one migrator at a time.

use diesel::Connection as _;
use diesel::RunQueryDsl as _;
use diesel::migration::{Migration, MigrationVersion};
use diesel::pg::Pg;
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::StoreError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// Held by whoever migrates a database; Diesel's own harness takes no lock.
const LOCK: i64 = 0x4845_5241_4C44; // "HERALD"

/// Why migrations could not be run.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database could not be worked with.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A migration failed; those before it stay applied.
    #[error("a migration failed: {0}")]
    Failed(String),
}

/// A migration that this engine carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Runs what is pending, and names what was run. Waits while somebody else migrates.
///
/// # Errors
/// The database is out of reach, or a migration failed.
pub async fn migrate(url: &str) -> Result<Vec<String>, MigrationError> {
    on_own_thread(url, |connection| {
        let versions = connection.run_pending_migrations(MIGRATIONS)?;
        Ok(versions.iter().map(name_of).collect())
    })
    .await
}

/// Reverts the last migrations, the newest first, and names them.
///
/// # Errors
/// The database is out of reach, or a migration failed.
pub async fn revert(url: &str, count: usize) -> Result<Vec<String>, MigrationError> {
    on_own_thread(url, move |connection| {
        let applied = connection.applied_migrations()?.len();
        (0..count.min(applied))
            .map(|_| Ok(name_of(&connection.revert_last_migration(MIGRATIONS)?)))
            .collect()
    })
    .await
}

/// Every migration that this engine carries, and whether the database has it.
///
/// # Errors
/// The database is out of reach.
pub async fn status(url: &str) -> Result<Vec<MigrationStatus>, MigrationError> {
    on_own_thread(url, |connection| {
        let applied = connection.applied_migrations()?;
        let mut all = carried()?;
        all.sort_by_key(|migration| migration.name().version().to_string());
        let status = |migration: &dyn Migration<Pg>| MigrationStatus {
            name: migration.name().to_string(),
            applied: applied.contains(&migration.name().version()),
        };
        Ok(all.iter().map(|m| status(m.as_ref())).collect())
    })
    .await
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;
type SyncConnection = AsyncConnectionWrapper<AsyncPgConnection>;

/// Diesel's harness blocks, and blocking is refused on a current-thread runtime, which actix has:
/// so all of it happens on a thread for blocking work.
async fn on_own_thread<T: Send + 'static>(
    url: &str,
    work: impl FnOnce(&mut SyncConnection) -> Result<T, AnyError> + Send + 'static,
) -> Result<T, MigrationError> {
    let url = url.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut connection = SyncConnection::establish(&url).map_err(StoreError::of_connecting)?;
        lock(&mut connection)?;
        // Closing the connection gives the lock back, also after a panic.
        work(&mut connection).map_err(|error| MigrationError::Failed(error.to_string()))
    })
    .await
    .unwrap_or_else(|error| Err(MigrationError::Failed(error.to_string())))
}

fn lock(connection: &mut SyncConnection) -> Result<(), StoreError> {
    diesel::sql_query("SELECT pg_advisory_lock($1)")
        .bind::<diesel::sql_types::BigInt, _>(LOCK)
        .execute(connection)?;
    Ok(())
}

fn carried() -> Result<Vec<Box<dyn Migration<Pg>>>, AnyError> {
    use diesel::migration::MigrationSource;
    MIGRATIONS.migrations()
}

/// Diesel hands back versions only; the name says more.
fn name_of(version: &MigrationVersion<'_>) -> String {
    carried()
        .unwrap_or_default()
        .iter()
        .find(|migration| migration.name().version() == *version)
        .map_or_else(|| version.to_string(), |m| m.name().to_string())
}
