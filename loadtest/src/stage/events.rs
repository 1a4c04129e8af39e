//! What happens during a run, at its instant.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::sleep;

use super::Stage;
use crate::evidence::Mark;
use crate::ledger::locked;
use crate::scenario::Event;

impl Stage<'_> {
    /// Lets all events happen; returns only when one cannot, with the reason.
    pub(super) async fn events(&self, zero_micros: u64, happened: &Mutex<Vec<Mark>>) -> String {
        let mut events: Vec<_> = self.orders.scenario.event.iter().collect();
        events.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds));
        for event in events {
            let due_micros =
                zero_micros + Duration::from_secs_f64(event.at_seconds).as_micros() as u64;
            sleep(Duration::from_micros(
                due_micros.saturating_sub(self.ledger.clock_micros()),
            ))
            .await;
            locked(happened).push(self.mark(event.words()));
            if let Err(failed) = self.happen(event).await {
                return failed;
            }
        }
        std::future::pending().await
    }

    async fn happen(&self, event: &Event) -> Result<(), String> {
        for simulator in self.simulators.iter() {
            if let Some(behaviour) = event.behave.get(simulator.provider()) {
                simulator.set_behaviour(behaviour.clone());
            }
        }
        let mut fleet = self.fleet.lock().await;
        if let Some(node) = &event.kill {
            fleet.kill(node).await?;
        }
        if let Some(node) = &event.stop {
            fleet.stop(node).await?;
        }
        if let Some(node) = &event.start {
            fleet.start(node)?;
        }
        Ok(())
    }
}
