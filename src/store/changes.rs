//! Notices of what changed in the database, for nodes that hold people and rules in memory.
//!
//! The triggers that give them are in the migration `change_notices`. A notice comes with the
//! commit that it tells of. What is committed while nobody listens is never told: whoever opens
//! this must forget all that it read before.

use std::time::Duration;

use diesel::sql_types::{Array, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use super::session::Notice;
use super::{Database, StoreError};
use crate::domain::{AttemptRecord, Step};

/// Time between two looks whether the server is still there.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Longest that it may take to answer.
const PING_WITHIN: Duration = Duration::from_secs(1);

/// Something that was read before and is different now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A person: addresses, devices, preferences; or they are gone.
    Recipient {
        /// The tenant.
        tenant_id: Uuid,
        /// The person.
        user_id: Uuid,
    },
    /// A tenant's categories or defaults.
    Rules(Uuid),
    /// All people and all rules: a table was emptied.
    People,
    /// Provider accounts.
    Accounts,
    /// Templates.
    Templates,
    /// API keys.
    ApiKeys,
    /// Keys that sign user tokens.
    TokenKeys,
    /// Webhooks.
    Webhooks,
    /// A person is gone for good: nothing about them is told any more.
    Erased(Uuid),
    /// Nothing was changed yet: whoever has this notification in hand is to call it off.
    CallOff(CallOff),
}

/// A wish that a notification is called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallOff {
    /// The notification.
    pub id: Uuid,
    /// When somebody asked for it.
    pub at: Timestamp,
    /// The API key by which they did.
    pub key_id: Uuid,
    /// The request by which they did; nil without one.
    pub request_id: Uuid,
}

impl CallOff {
    /// The line of the timeline that says so.
    #[must_use]
    pub fn line(&self) -> AttemptRecord {
        let step = Step::Cancelled {
            by: self.key_id.to_string(),
            request_id: Some(self.request_id).filter(|id| !id.is_nil()),
        };
        AttemptRecord { at: self.at, step }
    }

    /// Asks every node to call these off.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn ask(
        self,
        connection: &mut AsyncPgConnection,
        ids: &[Uuid],
    ) -> Result<(), StoreError> {
        let Self {
            at,
            key_id,
            request_id,
            ..
        } = self;
        let at = at.as_microsecond();
        let notice = |id| format!("call_off:{id}:{key_id}:{request_id}:{at}");
        let notices: Vec<String> = ids.iter().map(notice).collect();
        diesel::sql_query("SELECT pg_notify('herald_changes', notice) FROM unnest($1) AS notice")
            .bind::<Array<Text>, _>(notices)
            .execute(connection)
            .await?;
        Ok(())
    }

    fn read(mut parts: std::str::Split<'_, char>) -> Option<Self> {
        let mut id = || Uuid::parse_str(parts.next()?).ok();
        let (id, key_id, request_id) = (id()?, id()?, id()?);
        let at = Timestamp::from_microsecond(parts.next()?.parse().ok()?).ok()?;
        parts.next().is_none().then_some(Self {
            id,
            at,
            key_id,
            request_id,
        })
    }
}

impl Change {
    fn of(payload: &str) -> Option<Self> {
        let mut parts = payload.split(':');
        let kind = parts.next()?;
        if kind == "call_off" {
            return CallOff::read(parts).map(Self::CallOff);
        }
        let mut id = || Uuid::parse_str(parts.next()?).ok();
        let change = match kind {
            "person" => Self::Recipient {
                tenant_id: id()?,
                user_id: id()?,
            },
            "rules" => Self::Rules(id()?),
            "people" => Self::People,
            "accounts" => Self::Accounts,
            "templates" => Self::Templates,
            "api_keys" => Self::ApiKeys,
            "token_keys" => Self::TokenKeys,
            "webhooks" => Self::Webhooks,
            "erased" => Self::Erased(id()?),
            _ => return None,
        };
        parts.next().is_none().then_some(change)
    }
}

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Something is different.
    Change(Change),
    /// A call of this listener's own, by its number.
    Echo(u64),
}

/// The means to call to a listener by the way that changes take.
#[derive(Debug, Clone)]
pub struct Echo {
    channel: String,
}

impl Echo {
    /// Calls, on a connection of the pool: whoever listens there hears the number once this returns.
    ///
    /// # Errors
    /// The database is out of reach; the call may have been made.
    pub async fn call(&self, database: &Database, number: u64) -> Result<(), StoreError> {
        let channel = &self.channel;
        // What is sent together is one transaction. A call that a crash of the server loses is made
        // again: no flush is waited for.
        let call = format!("SET LOCAL synchronous_commit = off; NOTIFY {channel}, '{number}'");
        database.get().await?.batch_execute(&call).await?;
        Ok(())
    }
}

/// Listens, on a connection of its own.
pub struct Changes {
    connection: AsyncPgConnection,
    /// What it hears; ends with the session.
    notices: mpsc::UnboundedReceiver<Notice>,
    /// The PostgreSQL channel of this listener's own calls.
    echo: String,
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
        let echo = format!("herald_echo_{}", Uuid::now_v7().simple());
        let listen = format!("LISTEN herald_changes; LISTEN {echo}");
        connection.batch_execute(&listen).await?;
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            connection,
            notices,
            echo,
            ping,
        })
    }

    /// By which it can be called to.
    #[must_use]
    pub fn echo(&self) -> Echo {
        Echo {
            channel: self.echo.clone(),
        }
    }

    /// Waits for the next change or echo. May be dropped while it waits; no notice is lost by that.
    ///
    /// # Errors
    /// The connection is dead, which is noticed within two seconds. Notices may have been missed.
    pub async fn next(&mut self) -> Result<Heard, StoreError> {
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
                    if let Some(heard) = understood(&self.echo, &notice) {
                        return Ok(heard);
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
    pub async fn catch_up(&mut self) -> Result<Vec<Heard>, StoreError> {
        ping(&self.connection).await?;
        let mut all = vec![];
        while let Ok(notice) = self.notices.try_recv() {
            all.extend(understood(&self.echo, &notice));
        }
        Ok(all)
    }
}

fn understood(echo: &str, notice: &Notice) -> Option<Heard> {
    let payload = &notice.payload;
    let heard = if notice.channel == echo {
        payload.parse().ok().map(Heard::Echo)
    } else {
        Change::of(payload).map(Heard::Change)
    };
    if heard.is_none() {
        tracing::warn!(payload, "a notice has an unknown form");
    }
    heard
}

async fn ping(mut connection: &AsyncPgConnection) -> Result<(), StoreError> {
    match timeout(PING_WITHIN, connection.batch_execute("SELECT 1")).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::Unavailable(
            "the change listener's connection does not answer".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read_to_their_end() {
        let (tenant_id, user_id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let person = Change::Recipient { tenant_id, user_id };
        let read = |payload: &str| Change::of(payload);
        assert_eq!(read(&format!("person:{tenant_id}:{user_id}")), Some(person));
        assert_eq!(
            read(&format!("rules:{tenant_id}")),
            Some(Change::Rules(tenant_id))
        );
        assert_eq!(
            read(&format!("erased:{user_id}")),
            Some(Change::Erased(user_id))
        );
        assert_eq!(read("accounts"), Some(Change::Accounts));
        assert_eq!(read("templates"), Some(Change::Templates));
        assert_eq!(read("api_keys"), Some(Change::ApiKeys));
        assert_eq!(read("token_keys"), Some(Change::TokenKeys));
        assert_eq!(read("people"), Some(Change::People));
        let call_off = CallOff {
            id: user_id,
            at: Timestamp::from_microsecond(1_770_000_000_123_456).unwrap(),
            key_id: tenant_id,
            request_id: Uuid::nil(),
        };
        let notice = format!(
            "call_off:{user_id}:{tenant_id}:{}:1770000000123456",
            Uuid::nil()
        );
        assert_eq!(read(&notice), Some(Change::CallOff(call_off)));
        for odd in ["", "person", "rules", "rules:x", "accounts:1", "person:1:2"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
