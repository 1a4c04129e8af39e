//! The migrations, compiled in, and how they are run: one migrator at a time, and only on a database
//! whose history is this engine's.
//!
//! Of each migration that was applied, the database keeps a fingerprint of its text. So a database
//! that was made by another text of the same name is told from ours.

mod before;
mod history;

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio_postgres::types::ToSql;

use super::turn::{self, BlockingSession};
use super::{Access, Database, StoreError, session};
use crate::runtime::clock;

use self::history::AppliedMigration;
pub use self::history::{Fit, History, MigrationState, MigrationStatus};

/// A migration that this engine carries.
struct Migration {
    /// Its folder's name: they are run in the order of their names.
    name: &'static str,
    /// What is done before it while others write.
    before: &'static str,
    up: &'static str,
    down: &'static str,
    /// Fingerprints of texts that it had before, which did the same.
    former: &'static str,
}

/// What is run of a migration, with the statement that records it.
struct MigrationRun<'a> {
    name: &'static str,
    before: &'static str,
    text: &'static str,
    record: &'a str,
}

const MIGRATIONS: &[Migration] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Held by whoever migrates a database.
const LOCK: i64 = 0x4845_5241_4C44; // "HERALD"

/// Longest that a migration waits for a lock on a table: behind it, all others who want the table wait
/// as well, also the engine.
const LOCK_TIMEOUT: &str = "800ms";
/// When whoever cleans up a table by themselves lets go of it for one who waits.
const CLEANING_LETS_GO: &str = "SET deadlock_timeout = '200ms'";
/// The longest wait of a login that may not set that: they let go after a second.
const LONG_LOCK_TIMEOUT: &str = "1200ms";
/// Time between two looks whether somebody else still migrates. Whoever waited inside of the server would keep indexes
/// from being built beside writers: that waits for all who look at anything.
const TURN_POLL: Duration = Duration::from_millis(200);

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the fingerprints are kept: apart from all that migrations make, since it must be there before
/// the first one and after the last one is reverted. Whoever may connect may look.
const KEEP: &str = "
    CREATE SCHEMA IF NOT EXISTS migration_schema;
    CREATE TABLE IF NOT EXISTS migration_schema.migrations (
        name text PRIMARY KEY,
        sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    );
    GRANT USAGE ON SCHEMA migration_schema TO PUBLIC;
    GRANT SELECT ON migration_schema.migrations TO PUBLIC;";

/// Who holds the migrators' lock.
const MIGRATES: &str = "
    SELECT held.pid, coalesce(session.application_name, ''), NULL::bigint
    FROM pg_locks AS held LEFT JOIN pg_stat_activity AS session ON session.pid = held.pid
    WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND held.classid::bigint = $1 AND held.objid::bigint = $2
    LIMIT 1";
/// Whose transaction has held one of our tables longest; a younger one did not make us wait that long.
const HOLDS: &str = "
    SELECT held.pid, coalesce(session.application_name, ''),
           extract(epoch FROM clock_timestamp() - session.xact_start)::bigint
    FROM pg_locks AS held
    JOIN pg_class AS class ON class.oid = held.relation
    JOIN pg_stat_activity AS session ON session.pid = held.pid
    WHERE held.granted AND held.pid <> pg_backend_pid() AND session.datname = current_database()
      AND class.relnamespace = to_regnamespace('notification_schema')
      AND session.xact_start < clock_timestamp() - interval '800 milliseconds'
    ORDER BY session.xact_start LIMIT 1";

/// Why migrations could not be run.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database could not be worked with.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database was made by others, or by a newer version: nothing is done.
    #[error("{0}")]
    NotOurs(String),
    /// A migration failed; those before it stay applied.
    #[error("migration {name} failed, and nothing of it was kept: {error}")]
    Failed {
        /// Its name.
        name: String,
        /// What PostgreSQL says.
        error: StoreError,
    },
}

/// What a migrator is doing, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationProgress {
    /// Somebody else is migrating this database; who, as far as that is known.
    WaitsForMigrator(Option<BlockingSession>),
    /// This migration begins.
    Begins(&'static str),
    /// Somebody holds a table that it needs; who, as far as that is known. It is tried again.
    WaitsForTable(&'static str, Option<BlockingSession>),
    /// It was done within this time.
    Done(&'static str, Duration),
}

/// Runs what is pending, and names what was run. Waits while somebody else migrates, and while
/// somebody holds a table that is to be changed.
///
/// # Errors
/// The database is out of reach or not ours, or a migration failed.
pub async fn migrate(
    access: impl Into<Access>,
    mut told: impl FnMut(MigrationProgress),
) -> Result<Vec<&'static str>, MigrationError> {
    let access = access.into();
    let migrator = Migrator::locked(&access, &mut told).await?;
    let history = ours(&access).await?;
    migrator.run(KEEP).await?;
    let mut done = vec![];
    for migration in MIGRATIONS.iter().filter(|one| history.is_pending(one.name)) {
        let record = format!(
            "INSERT INTO migration_schema.migrations (name, sha256) VALUES ('{}', '{}')",
            migration.name,
            migration.fingerprint()
        );
        let run = MigrationRun {
            name: migration.name,
            before: migration.before,
            text: migration.up,
            record: &record,
        };
        migrator.apply(&run, &mut told).await?;
        done.push(migration.name);
    }
    Ok(done)
}

/// Reverts the last migrations, the newest first, and names them.
///
/// # Errors
/// The database is out of reach or not ours, or a migration failed.
pub async fn revert(
    access: impl Into<Access>,
    count: usize,
    mut told: impl FnMut(MigrationProgress),
) -> Result<Vec<&'static str>, MigrationError> {
    let access = access.into();
    let migrator = Migrator::locked(&access, &mut told).await?;
    let history = ours(&access).await?;
    let applied = MIGRATIONS
        .iter()
        .rev()
        .filter(|one| !history.is_pending(one.name));
    let mut done = vec![];
    for migration in applied.take(count) {
        let forget = format!(
            "DELETE FROM migration_schema.migrations WHERE name = '{}'",
            migration.name
        );
        let run = MigrationRun {
            name: migration.name,
            before: "",
            text: migration.down,
            record: &forget,
        };
        migrator.apply(&run, &mut told).await?;
        done.push(migration.name);
    }
    Ok(done)
}

/// What the database says of its migrations, as the owner's login sees it. Waits for nobody.
///
/// # Errors
/// The database is out of reach.
pub async fn status(access: impl Into<Access>) -> Result<History, MigrationError> {
    Ok(seen(&access.into()).await?)
}

async fn seen(access: &Access) -> Result<History, StoreError> {
    let client = session::plain(access, CONNECT_TIMEOUT).await?;
    let connection = AsyncPgConnection::try_from(client).await;
    read(&mut connection.map_err(StoreError::of_connecting)?).await
}

/// The same through the engine's own connections.
///
/// # Errors
/// The database is out of reach.
pub async fn history(database: &Database) -> Result<History, StoreError> {
    read(&mut *database.get().await?).await
}

/// The history of a database that this version may change.
async fn ours(access: &Access) -> Result<History, MigrationError> {
    let history = seen(access).await?;
    match history.fit() {
        Fit::Foreign(why) | Fit::Ahead(why) => Err(MigrationError::NotOurs(why)),
        Fit::Fits | Fit::Behind(_) => Ok(history),
    }
}

/// A session that holds the migrators' lock. It has no limit for a statement, and errors that keep
/// their SQLSTATE. Closing it gives the lock back.
struct Migrator {
    client: tokio_postgres::Client,
    /// Longest wait for a lock.
    lock_timeout: &'static str,
}

impl Migrator {
    async fn locked(
        access: &Access,
        told: &mut impl FnMut(MigrationProgress),
    ) -> Result<Self, StoreError> {
        let mut migrator = Self {
            client: session::plain(access, CONNECT_TIMEOUT).await?,
            lock_timeout: LOCK_TIMEOUT,
        };
        if migrator.run(CLEANING_LETS_GO).await.is_err() {
            migrator.lock_timeout = LONG_LOCK_TIMEOUT;
        }
        let mut is_told = false;
        while !migrator.has_turn().await? {
            if !is_told {
                let (high, low) = turn::halves(LOCK);
                told(MigrationProgress::WaitsForMigrator(
                    migrator.holder(MIGRATES, &[&high, &low]).await,
                ));
                is_told = true;
            }
            tokio::time::sleep(TURN_POLL).await;
        }
        Ok(migrator)
    }

    /// Whether nobody else migrates; then nobody else does until this session ends.
    async fn has_turn(&self) -> Result<bool, StoreError> {
        let attempt = format!("SELECT pg_try_advisory_lock({LOCK})");
        let got = self.client.query_one(&attempt, &[]).await;
        let got = got.map_err(|error| of(&error))?;
        got.try_get(0).map_err(|error| of(&error))
    }

    async fn run(&self, statements: &str) -> Result<(), StoreError> {
        let done = self.client.batch_execute(statements).await;
        done.map_err(|error| of(&error))
    }

    /// Who is in the way, by a query for process, name and seconds. Good to know, and no more.
    async fn holder(&self, query: &str, binds: &[&(dyn ToSql + Sync)]) -> Option<BlockingSession> {
        let row = self.client.query_opt(query, binds).await.ok()??;
        Some(BlockingSession {
            pid: row.try_get(0).ok()?,
            name: row.try_get(1).ok()?,
            seconds: row.try_get(2).ok()?,
        })
    }

    /// Does what comes before a migration, then the migration, and records it, in one transaction, again and again
    /// while somebody holds a table.
    async fn apply(
        &self,
        run: &MigrationRun<'_>,
        told: &mut impl FnMut(MigrationProgress),
    ) -> Result<(), MigrationError> {
        let begin = clock::instant();
        let name = run.name;
        told(MigrationProgress::Begins(name));
        self.prepare(name, run.before, told).await?;
        let limit = format!("BEGIN; SET LOCAL lock_timeout = '{}'", self.lock_timeout);
        loop {
            let done = async {
                for statements in [limit.as_str(), run.text, run.record, "COMMIT"] {
                    self.run(statements).await?;
                }
                Ok(())
            };
            let Err(error) = done.await else { break };
            // What went wrong first says more than a rollback that fails because of it.
            let _ = self.run("ROLLBACK").await;
            if !matches!(error, StoreError::Timeout(_) | StoreError::Locked(_)) {
                let name = name.to_owned();
                return Err(MigrationError::Failed { name, error });
            }
            told(MigrationProgress::WaitsForTable(
                name,
                self.holder(HOLDS, &[]).await,
            ));
            self.run("SELECT pg_sleep(1)").await?;
        }
        told(MigrationProgress::Done(name, clock::instant() - begin));
        Ok(())
    }
}

fn of(error: &tokio_postgres::Error) -> StoreError {
    error.as_db_error().map_or_else(
        || StoreError::Unavailable(session::words(error)),
        |answer| StoreError::of_code(answer.code().code(), answer.message()),
    )
}

#[derive(QueryableByName)]
struct MigrationRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sha256: String,
}

#[derive(QueryableByName)]
struct KeptMigrations {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    kept: bool,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    made: bool,
}

async fn read(connection: &mut AsyncPgConnection) -> Result<History, StoreError> {
    let kept = diesel::sql_query(
        "SELECT to_regclass('migration_schema.migrations') IS NOT NULL AS kept,
                to_regnamespace('notification_schema') IS NOT NULL AS made",
    );
    let KeptMigrations { kept, made } = kept.get_result(connection).await?;
    let rows: Vec<MigrationRow> = if kept {
        let all = "SELECT name, sha256 FROM migration_schema.migrations";
        diesel::sql_query(all).load(connection).await?
    } else {
        vec![]
    };
    // What was run from a former text counts as run from this one.
    let fingerprint_of = |row: MigrationRow| {
        let carried = MIGRATIONS.iter().find(|one| one.name == row.name);
        match carried.filter(|one| one.former.lines().any(|it| it == row.sha256)) {
            Some(one) => one.fingerprint(),
            None => row.sha256,
        }
    };
    let applied: Vec<AppliedMigration> = rows
        .into_iter()
        .map(|row| AppliedMigration {
            name: row.name.clone(),
            fingerprint: fingerprint_of(row),
        })
        .collect();
    let carried = MIGRATIONS.iter().map(|one| (one.name, one.fingerprint()));
    let is_unrecorded = made && applied.is_empty();
    Ok(History::of(carried.collect(), applied, is_unrecorded))
}

impl Migration {
    /// SHA-256 of what it does, in hexadecimal digits.
    fn fingerprint(&self) -> String {
        use sha2::{Digest, Sha256};
        crate::domain::hex(&Sha256::digest(self.up))
    }
}
