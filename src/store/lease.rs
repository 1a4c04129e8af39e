//! A run of the engine, and whether it lives.
//!
//! A run lives as long as its session in PostgreSQL: it holds an advisory lock on a connection of
//! its own, which a dead process loses at once. One lease covers all that the run holds, without a
//! write for each message.

use diesel::sql_types::{Bool, Int4, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::statement;
use super::{Database, StoreError};

/// First key of the advisory lock that every living run holds; the second is its id.
pub const LOCK_CLASS: i32 = 0x6865_7261;

/// A run of an engine node: the owner of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub i32);

statement!(
    Register(node_name: String => Text, version: String => Text) -> Int4 =
    "INSERT INTO engine_nodes (node_name, version) VALUES (?, ?) RETURNING run_id"
);
statement!(
    Lock(class: i32 => Int4, run: i32 => Int4) -> Bool =
    "SELECT pg_try_advisory_lock(?, ?)"
);
statement!(
    Beat(run: i32 => Int4) -> Bool =
    "UPDATE engine_nodes SET heartbeat_at = now() WHERE run_id = ? RETURNING true"
);
statement!(
    End(run: i32 => Int4) -> Bool =
    "UPDATE engine_nodes SET ended_at = now() WHERE run_id = ? RETURNING true"
);

/// The session that a run lives by.
pub struct Lease {
    run: RunId,
    connection: AsyncPgConnection,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// Registers a new run. It does not live before it holds a [`Lease`].
///
/// # Errors
/// When the database is out of reach.
pub async fn register(
    database: &Database,
    node_name: &str,
    version: &str,
) -> Result<RunId, StoreError> {
    let register = Register {
        node_name: node_name.to_owned(),
        version: version.to_owned(),
    };
    let mut connection = database.get().await?;
    Ok(RunId(register.get_result(&mut *connection).await?))
}

impl Lease {
    /// Takes the run's lock on a connection of its own, which no pool can lend to others; `None` while a former session of the same
    /// run has not ended yet.
    ///
    /// # Errors
    /// When the database is out of reach.
    pub async fn take(database: &Database, run: RunId) -> Result<Option<Self>, StoreError> {
        let mut connection = database.dedicated().await?;
        let lock = Lock {
            class: LOCK_CLASS,
            run: run.0,
        };
        let taken: bool = lock.get_result(&mut connection).await?;
        Ok(taken.then_some(Self { run, connection }))
    }

    /// Writes the heartbeat: for people, and a proof that the session lives.
    ///
    /// # Errors
    /// When the session is lost: the run must fence itself.
    pub async fn beat(&mut self) -> Result<(), StoreError> {
        let _: bool = Beat { run: self.run.0 }
            .get_result(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Ends the run in good order: its claims are free from now on.
    ///
    /// # Errors
    /// When the database is out of reach; the session's end frees them all the same.
    pub async fn end(mut self) -> Result<(), StoreError> {
        let _: bool = End { run: self.run.0 }
            .get_result(&mut self.connection)
            .await?;
        unlock(&mut self.connection, self.run).await
    }
}

statement!(
    Unlock(class: i32 => Int4, run: i32 => Int4) -> Bool =
    "SELECT pg_advisory_unlock(?, ?)"
);

async fn unlock(connection: &mut AsyncPgConnection, run: RunId) -> Result<(), StoreError> {
    let unlock = Unlock {
        class: LOCK_CLASS,
        run: run.0,
    };
    let _: bool = unlock.get_result(connection).await?;
    Ok(())
}

/// The runs that live, as a sub-select of `integer`: whoever holds a run's lock.
///
/// `objsubid` 2 marks the two-key form of advisory locks.
macro_rules! living_runs {
    () => {
        "(SELECT objid::bigint::integer FROM pg_locks \
          WHERE locktype = 'advisory' AND classid = 1751478881 AND objsubid = 2 AND granted \
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    };
}
pub(super) use living_runs;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sub_select_looks_for_the_lock_that_is_taken() {
        assert!(living_runs!().contains(&format!("classid = {LOCK_CLASS} ")));
    }
}
