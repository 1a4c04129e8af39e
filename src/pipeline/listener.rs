//! Listener: hears what has changed in the database, and makes this node forget what it knew.

use std::time::Duration;

use actix::Addr;

use super::catalog::Catalog;
use super::jobs::Wake;
use super::people::People;
use super::rulebook::Rulebook;
use crate::runtime::{Shutdown, clock, mailbox};
use crate::store::changes::{Change, Changes};
use crate::store::{Database, StoreError};

/// Wait before listening is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps people and rules as fresh as the database's notices allow.
#[derive(Debug)]
pub struct Listener {
    /// The database.
    pub database: Database,
    /// Forgets whom a notice names, and everybody while no notices come.
    pub people: People,
    /// Read again when a tenant's rules change.
    pub rulebook: Rulebook,
    /// Looks for accounts and templates at once.
    pub catalog: Addr<Catalog>,
    /// Rules are read at least this often.
    pub time_to_live: Duration,
    /// Ends listening.
    pub stop: Shutdown,
}

impl Listener {
    /// Listens until told to stop.
    pub async fn run(self) {
        // Whoever asks must not wait for one who has ended, however it ended.
        let _ended = Ended(&self.people);
        while !self.stop.is_raised() {
            let Some(heard) = self.stop.or(self.listen()).await else {
                return;
            };
            self.people.deaf();
            if let Err(error) = heard {
                tracing::warn!(%error, "changes of people and rules are not heard of: everybody is looked up");
            }
            self.stop.or(tokio::time::sleep(PAUSE)).await;
        }
    }

    /// Hears changes until the connection is lost.
    async fn listen(&self) -> Result<(), StoreError> {
        let mut changes = Changes::open(&self.database).await?;
        self.people.listening();
        // What changed while nobody listened.
        self.rulebook.reload(&self.database).await?;
        mailbox::post(&self.catalog, Wake);
        let mut read_at = clock::instant();
        loop {
            tokio::select! {
                change = changes.next() => self.follow(change?).await?,
                asked = self.people.asked() => {
                    for change in changes.catch_up().await? {
                        self.follow(change).await?;
                    }
                    asked.answer();
                }
                () = tokio::time::sleep_until(read_at + self.time_to_live) => {
                    self.rulebook.reload(&self.database).await?;
                    read_at = clock::instant();
                }
            }
        }
    }

    async fn follow(&self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Rules(_) => self.rulebook.reload(&self.database).await?,
            Change::Person { tenant_id, user_id } => self.people.forget((tenant_id, user_id)),
            Change::Accounts | Change::Templates => mailbox::post(&self.catalog, Wake),
        }
        Ok(())
    }
}

/// Says that nobody listens any more, when dropped.
struct Ended<'a>(&'a People);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.deaf();
    }
}
