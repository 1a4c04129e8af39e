//! Waiting until everything has come, and telling how far it is.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Run;
use crate::evidence::Act;
use crate::watch::Watch;

const LOOK_EVERY: Duration = Duration::from_millis(50);
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// After everything came, so long for repetitions.
const LINGER: Duration = Duration::from_millis(500);
/// Longer than RabbitMQ's counts are old: so long nothing may wait before it is believed.
const STILL: Duration = Duration::from_secs(8);

impl Run<'_> {
    /// Waits until all expected acceptances have come, or, where policies may stop messages, until
    /// nothing waits any more. False when nothing new came for the scenario's patience.
    pub(super) async fn settle(&self, acts: &[Act], watch: &Watch) -> Result<bool> {
        let expected: u64 = acts
            .iter()
            .map(|act| act.published.expected.acceptances())
            .sum();
        let exact = acts.iter().all(|act| !act.may_be_stopped);
        let patience = Duration::from_secs_f64(self.orders.scenario.patience_seconds);
        let mut tick = interval(LOOK_EVERY);
        let (mut last, mut changed) = (self.ledger.distinct(), Instant::now());
        loop {
            tick.tick().await;
            self.fleet.lock().await.must_run()?;
            let distinct = self.ledger.distinct();
            if distinct != last {
                (last, changed) = (distinct, Instant::now());
            }
            let still = changed.elapsed();
            let complete = match exact {
                true => distinct >= expected,
                false => still >= STILL && nothing_waits(watch),
            };
            if complete {
                tokio::time::sleep(LINGER).await;
                return Ok(true);
            }
            if still >= patience {
                return Ok(false);
            }
        }
    }

    /// Prints a line each second, for ever.
    pub(super) async fn report(&self, watch: &Watch) {
        let mut tick = interval(REPORT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = 0;
        loop {
            tick.tick().await;
            let accepted = self.ledger.accepted();
            let waiting = watch.waiting().unwrap_or_default();
            let shown = |count: Option<u64>| {
                count.map_or_else(|| "?".to_owned(), |count| count.to_string())
            };
            println!(
                "published {:>8}  accepted {accepted:>8} ({:>6}/s)  in RabbitMQ {:>8}  pending {:>7}",
                self.progress.published(),
                accepted.saturating_sub(before),
                shown(
                    waiting
                        .ready
                        .zip(waiting.in_hand)
                        .map(|(ready, in_hand)| ready + in_hand)
                ),
                shown(waiting.pending),
            );
            before = accepted;
        }
    }
}

fn nothing_waits(watch: &Watch) -> bool {
    watch
        .waiting()
        .is_some_and(|waiting| [waiting.ready, waiting.in_hand, waiting.pending] == [Some(0); 3])
}
