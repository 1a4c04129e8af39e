//! Notices of what changed in the database, for nodes that hold people and rules in memory.
//!
//! The triggers that give them are in the migration `change_notices`. A notice comes with the
//! commit that it tells of. What is committed while nobody listens is never told: whoever opens
//! this must forget all that it read before.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use super::{Database, StoreError};

/// Time between two looks whether the server is still there.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Longest that it may take to answer.
const PING_WITHIN: Duration = Duration::from_secs(1);

/// Something that was read before and is different now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A person: addresses, devices, wishes; or they are gone.
    Person {
        /// The tenant.
        tenant_id: Uuid,
        /// The person.
        user_id: Uuid,
    },
    /// A tenant's categories or defaults.
    Rules(Uuid),
    /// Provider accounts.
    Accounts,
    /// Templates.
    Templates,
}

impl Change {
    fn of(payload: &str) -> Option<Self> {
        let mut parts = payload.split(':');
        let kind = parts.next()?;
        let mut id = || Uuid::parse_str(parts.next()?).ok();
        let change = match kind {
            "person" => Self::Person {
                tenant_id: id()?,
                user_id: id()?,
            },
            "rules" => Self::Rules(id()?),
            "accounts" => Self::Accounts,
            "templates" => Self::Templates,
            _ => return None,
        };
        parts.next().is_none().then_some(change)
    }
}

/// Listens, on a connection of its own.
pub struct Changes {
    connection: AsyncPgConnection,
    /// The payloads of the notices; they end with the session.
    notices: mpsc::UnboundedReceiver<String>,
    /// Outlives the calls of [`Changes::next`], so that one which is dropped early and called
    /// again all the time still looks after the connection.
    ping: Interval,
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

impl Changes {
    /// Listens from now on: what is committed after this returns is told.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        let (mut connection, notices) = database.listener().await?;
        connection.batch_execute("LISTEN herald_changes").await?;
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            connection,
            notices,
            ping,
        })
    }

    /// Waits for the next change. May be dropped while it waits; no notice is lost by that.
    ///
    /// # Errors
    /// The connection is dead, which is noticed within two seconds. Notices may have been missed.
    pub async fn next(&mut self) -> Result<Change, StoreError> {
        loop {
            let heard = tokio::select! {
                biased;
                _ = self.ping.tick() => None,
                notice = self.notices.recv() => Some(notice),
            };
            match heard {
                None => ping(&self.connection).await?,
                Some(None) => {
                    let closed = "the connection that listened was closed";
                    return Err(StoreError::Unavailable(closed.to_owned()));
                }
                Some(Some(notice)) => {
                    if let Some(change) = understood(&notice) {
                        return Ok(change);
                    }
                }
            }
        }
    }

    /// What was committed before this was called, as far as [`Self::next`] has not told of it.
    ///
    /// PostgreSQL hands the notices of a commit to every session before the one that committed has
    /// its answer, and a session tells of them before it says that it has done what it was asked. So
    /// an answer to anything at all comes after those notices.
    ///
    /// # Errors
    /// The connection is dead. Notices may have been missed.
    pub async fn catch_up(&mut self) -> Result<Vec<Change>, StoreError> {
        ping(&self.connection).await?;
        let mut changes = vec![];
        while let Ok(notice) = self.notices.try_recv() {
            changes.extend(understood(&notice));
        }
        Ok(changes)
    }
}

fn understood(payload: &str) -> Option<Change> {
    let change = Change::of(payload);
    if change.is_none() {
        tracing::warn!(payload, "a notice is not understood");
    }
    change
}

async fn ping(mut connection: &AsyncPgConnection) -> Result<(), StoreError> {
    match timeout(PING_WITHIN, connection.batch_execute("SELECT 1")).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::Unavailable(
            "the connection that listened does not answer".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read_to_their_end() {
        let (tenant_id, user_id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let person = Change::Person { tenant_id, user_id };
        let read = |payload: &str| Change::of(payload);
        assert_eq!(read(&format!("person:{tenant_id}:{user_id}")), Some(person));
        assert_eq!(
            read(&format!("rules:{tenant_id}")),
            Some(Change::Rules(tenant_id))
        );
        assert_eq!(read("accounts"), Some(Change::Accounts));
        assert_eq!(read("templates"), Some(Change::Templates));
        for odd in ["", "people", "rules", "rules:x", "accounts:1", "person:1:2"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
