//! Redaction, in small parts: after each it waits as long as the part took, so that others have the database for at least
//! half of the time.

use std::time::Duration;

use crate::runtime::{Shutdown, clock};
use crate::store::redaction::{self, RedactedPart};
use crate::store::{Database, StoreError};

/// Rows of a part, at most.
const PART: i64 = 500;
/// Time between rounds.
const EVERY: Duration = Duration::from_secs(60);

/// Redacts until told to stop. One node does it at a time, whichever comes first.
#[derive(Debug)]
pub struct Redaction {
    /// The database.
    pub database: Database,
    /// For so many days something stays as it is once it is done; 0 keeps it so.
    pub days: i32,
    /// Ends it.
    pub stop: Shutdown,
}

impl Redaction {
    /// Runs until told to stop.
    pub async fn run(self) {
        while self.days > 0 && !self.stop.is_raised() {
            match self.round().await {
                Ok(RedactedPart {
                    notifications: 0,
                    events: 0,
                    ..
                }) => {}
                Ok(done) => {
                    let (notifications, events) = (done.notifications, done.events);
                    tracing::info!(
                        notifications,
                        events,
                        "addresses and contents were redacted"
                    );
                }
                Err(error) => {
                    tracing::warn!(%error, "addresses and contents could not be redacted; trying again later");
                }
            }
            self.stop.or(tokio::time::sleep(EVERY)).await;
        }
    }

    /// Redacts all that is to be redacted now, or what there is time for until it is told to stop.
    async fn round(&self) -> Result<RedactedPart, StoreError> {
        let mut done = RedactedPart::default();
        loop {
            let begin = clock::instant();
            let part = redaction::go_on(&self.database, self.days, PART, clock::now()).await?;
            done.notifications += part.notifications;
            done.events += part.events;
            if !part.is_more {
                return Ok(done);
            }
            let pause = tokio::time::sleep(clock::instant() - begin);
            if self.stop.or(pause).await.is_none() {
                return Ok(done);
            }
        }
    }
}
