//! How long it takes until all goes on.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep, timeout_at};

use super::load;
use super::round::{Left, PATIENCE, Round};
use crate::ledger::Ledger;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Messages that show whether all goes on: each engine has some of them, as good as surely.
const PROOFS: usize = 4;

impl Round<'_> {
    /// Measures how long it takes until the other engine has taken over all that the first one left.
    pub(super) async fn taken_over(&mut self, left: &Left) -> Result<()> {
        let kept = async |round: &Self| {
            let kept = round.environment.database.in_flight_of(&left.runs).await?;
            Ok(kept.len() as u64)
        };
        let took = self.none_left(left, kept).await?;
        self.finding.recovered_in(took);
        Ok(())
    }

    /// How long it takes until the other engine has taken over the rows that the first one left.
    pub(super) async fn rows_taken_over(&mut self, left: &Left) -> Result<Duration> {
        let rows = format!(
            "SELECT count(*) FROM notification_schema.notifications
             WHERE owner = ANY('{{{}}}') AND status = 'pending'",
            left.runs.join(",")
        );
        let kept = async |round: &Self| round.environment.database.count(&rows).await;
        self.none_left(left, kept).await
    }

    async fn none_left(
        &mut self,
        left: &Left,
        count: impl AsyncFn(&Self) -> Result<u64>,
    ) -> Result<Duration> {
        let deadline = Instant::now() + PATIENCE;
        let mut kept = count(self).await?;
        while kept > 0 && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
            kept = count(self).await?;
        }
        self.finding.must(kept == 0, || {
            format!("nobody took over {kept} that a lost engine had in hand")
        });
        Ok(left.at.elapsed())
    }

    /// Measures how long it takes from `since` until messages that are published now have arrived and
    /// both engines say that they are ready.
    pub(super) async fn recovers(&mut self, since: Instant) {
        let deadline = Instant::now() + PATIENCE;
        let all_is_well = async {
            let mut proofs = Vec::new();
            for _ in 0..PROOFS {
                let draft = self.draft_aside();
                load::publish_until_taken(self.environment.vhost.url(), &draft).await;
                proofs.push(draft.sequence);
            }
            let there = |ledger: &Ledger| {
                let arrived = |sequence| !ledger.entries_of_sequence(sequence).is_empty();
                proofs.iter().copied().all(arrived)
            };
            let arrived = self.environment.ledger.wait_until(PATIENCE, there).await;
            for engine in self.engines() {
                while !engine.is_ready().await {
                    sleep(LOOK_EVERY).await;
                }
            }
            arrived
        };
        if timeout_at(deadline, all_is_well)
            .await
            .is_ok_and(|well| well)
        {
            self.finding.recovered_in(since.elapsed());
        } else {
            let message = format!("it does not go on, within {PATIENCE:?} after the fault");
            self.finding.except(message);
        }
    }
}
