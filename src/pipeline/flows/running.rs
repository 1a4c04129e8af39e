//! Looking for what is due: at once when somebody says so, when the next is due, and every now and then.

use std::time::Duration;

use super::Flows;
use super::starting::ended_by_event;
use crate::domain::RunEnd;
use crate::runtime::clock;
use crate::store::StoreError;
use crate::store::runs::{self, RunTake, cancel_on, digests};

/// Most runs of a batch: one transaction.
const BATCH: u16 = 200;
/// The shortest wait: what is due at this moment is found by the next look.
const SHORTEST: Duration = Duration::from_millis(5);

impl Flows {
    /// Goes on with what is due, until the engine stops.
    pub async fn run(self) {
        let stop = self.context.node.phases.stop.clone();
        let mut is_crowded = false;
        while !stop.is_raised() {
            let wait = match self.look(is_crowded).await {
                Ok((found, wait)) => {
                    is_crowded = found >= usize::from(BATCH);
                    wait
                }
                Err(error) => {
                    tracing::warn!(%error, "runs of workflows could not go on; trying again");
                    self.context.poll
                }
            };
            if !wait.is_zero() {
                stop.pause(&self.context.woken, wait).await;
            }
        }
    }

    /// Ends a part of what an event has ended; says whether there was one.
    async fn sweep(&self) -> Result<bool, StoreError> {
        let database = &self.context.node.database;
        let lines = ended_by_event(clock::now());
        let swept =
            database.transaction(async |connection| cancel_on::sweep(connection, &lines).await);
        let swept = swept.await?;
        let metrics = &self.context.node.metrics;
        metrics.runs_ended(RunEnd::CancelledByEvent, swept.unwrap_or(0));
        Ok(swept.is_some())
    }

    /// One look: how many runs there were, and how long to wait for the next.
    async fn look(&self, is_crowded: bool) -> Result<(usize, Duration), StoreError> {
        // What fails of one run or digest keeps no other from going on.
        let swept = self.sweep().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "runs that an event has ended could not all be ended; trying again");
            false
        });
        let closed = self.close().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "digests could not be closed; trying again");
            0
        });
        let which = match is_crowded {
            true => RunTake::InTurn(BATCH),
            false => RunTake::Longest(BATCH),
        };
        let found = self.advance(which).await?;
        if swept || closed > 0 || found > 0 {
            return Ok((found, Duration::ZERO));
        }
        let mut connection = self.context.node.database.get().await?;
        let run = runs::next_due(&mut connection).await?;
        let digest = digests::next_due(&mut connection).await?;
        let next = run.into_iter().chain(digest).min();
        let until = next.map(|next| next.duration_since(clock::now()));
        let until = until.map(|until| Duration::try_from(until).unwrap_or(Duration::ZERO));
        let wait = until.map_or(self.context.poll, |until| until.min(self.context.poll));
        Ok((0, wait.max(SHORTEST)))
    }
}
