//! Listening for hints, on a connection of its own. What is hinted at while nobody listens is never heard.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::InboxHint;
use super::hints::CHANNEL;
use crate::store::session::Notice;
use crate::store::{Database, StoreError};

/// Time between two looks whether the server is still there.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Longest that it may take to answer.
const PING_WITHIN: Duration = Duration::from_secs(1);

/// Hears hints.
pub struct InboxHints {
    connection: AsyncPgConnection,
    /// Ends with the session.
    notices: mpsc::UnboundedReceiver<Notice>,
    ping: Interval,
}

impl std::fmt::Debug for InboxHints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboxHints").finish_non_exhaustive()
    }
}

impl InboxHints {
    /// Listens from now on: what is hinted at after this returns is heard.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        let (mut connection, notices) = database.listener().await?;
        connection
            .batch_execute(&format!("LISTEN {CHANNEL}"))
            .await?;
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            connection,
            notices,
            ping,
        })
    }

    /// Waits for hints; all that have come by then. May be dropped while it waits.
    ///
    /// # Errors
    /// The connection is dead, which is noticed within two seconds. Hints may have been missed.
    pub async fn next(&mut self) -> Result<Vec<InboxHint>, StoreError> {
        let first = loop {
            tokio::select! {
                biased;
                notice = self.notices.recv() => break notice,
                _ = self.ping.tick() => {}
            }
            let mut connection = &self.connection;
            match timeout(PING_WITHIN, connection.batch_execute("SELECT 1")).await {
                Ok(answer) => answer?,
                Err(_) => return Err(lost()),
            }
        };
        let mut hints: Vec<InboxHint> = InboxHint::read(&first.ok_or_else(lost)?.payload).collect();
        while let Ok(notice) = self.notices.try_recv() {
            hints.extend(InboxHint::read(&notice.payload));
        }
        Ok(hints)
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable("the connection that listened for hints was lost".to_owned())
}
