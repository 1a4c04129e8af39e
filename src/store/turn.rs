//! Turns: work that only one may do at a time in a database, and who is in the way.

use std::fmt;

use diesel::OptionalExtension as _;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;
use super::statement::statement;

/// Held by whoever applies declared files.
const APPLY: i64 = 0x4845_5241_4C45;
/// Whose lock it is to count hours.
const COUNT: i64 = 0x4845_5241_4C46;

/// A session of the database that others wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockingSession {
    /// The server process, as `pg_stat_activity` shows it.
    pub pid: i32,
    /// What the session calls itself.
    pub name: String,
    /// How long its transaction has been going on, in seconds, where we may know that.
    pub seconds: Option<i64>,
}

impl fmt::Display for BlockingSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} of the server", self.pid)?;
        if !self.name.is_empty() {
            write!(f, " (`{}`)", self.name)?;
        }
        match self.seconds {
            Some(seconds) => write!(f, ", in a transaction for {seconds} s"),
            None => Ok(()),
        }
    }
}

statement!(TryTurn(key: i64 => BigInt) -> Bool = "SELECT pg_try_advisory_xact_lock(?)");
statement!(
    FindHolder(high: i64 => BigInt, low: i64 => BigInt) -> (Integer, Text) =
    "SELECT held.pid, coalesce(session.application_name, '')
     FROM pg_locks AS held LEFT JOIN pg_stat_activity AS session ON session.pid = held.pid
     WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
       AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND held.classid::bigint = ? AND held.objid::bigint = ?
     LIMIT 1"
);

// Few locks for all names: a batch may have very many. Everybody takes them in one order.
statement!(
    TakeTurns(class: i32 => Integer, names: Vec<String> => Array<Text>) -> Bool =
    "SELECT pg_advisory_xact_lock(?, turn)::text IS NULL
     FROM (SELECT DISTINCT hashtext(name) & 63 AS turn FROM unnest(?) AS told (name) ORDER BY 1) turns"
);

/// Waits until nobody else has the turn of any of these names of a class, and keeps others from it until the transaction
/// ends. What they have stored is seen by the statements after this one.
///
/// # Errors
/// The database is out of reach, or somebody takes very long.
pub(super) async fn take(
    connection: &mut AsyncPgConnection,
    class: i32,
    names: Vec<String>,
) -> Result<(), StoreError> {
    if names.is_empty() {
        return Ok(());
    }
    let _: Vec<bool> = TakeTurns { class, names }.load(connection).await?;
    Ok(())
}

/// Takes the turn to apply declared files until the end of the transaction, unless somebody has it.
///
/// # Errors
/// The database's trouble.
pub async fn try_to_apply(connection: &mut AsyncPgConnection) -> Result<bool, StoreError> {
    Ok(TryTurn { key: APPLY }.get_result(connection).await?)
}

/// Takes the turn to count hours, until the transaction ends; `false` when another node has it.
///
/// # Errors
/// The database's trouble.
pub async fn try_to_count(connection: &mut AsyncPgConnection) -> Result<bool, StoreError> {
    Ok(TryTurn { key: COUNT }.get_result(connection).await?)
}

/// Who has the turn to apply declared files, if anybody still has.
///
/// # Errors
/// The database's trouble.
pub async fn who_applies(
    connection: &mut AsyncPgConnection,
) -> Result<Option<BlockingSession>, StoreError> {
    let (high, low) = halves(APPLY);
    let find = FindHolder { high, low };
    let found: Option<(i32, String)> = find.get_result(connection).await.optional()?;
    Ok(found.map(|(pid, name)| BlockingSession {
        pid,
        name,
        seconds: None,
    }))
}

/// A key as `pg_locks` shows it.
pub(super) const fn halves(key: i64) -> (i64, i64) {
    (key >> 32, key & 0xFFFF_FFFF)
}
