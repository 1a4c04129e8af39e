//! What happens during a run, at its instant.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::Run;
use crate::evidence::Mark;
use crate::ledger::locked;
use crate::scenario::Event;

/// When each phase began.
#[derive(Debug, Default)]
pub(super) struct Begun {
    at_micros: Mutex<HashMap<String, u64>>,
    changed: Notify,
}

impl Begun {
    pub(super) fn note(&self, phase: &str, at_micros: u64) {
        locked(&self.at_micros).insert(phase.to_owned(), at_micros);
        self.changed.notify_waiters();
    }

    async fn wait_for(&self, phase: &str) -> u64 {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registered before the question is asked, so that no phase slips between.
            changed.as_mut().enable();
            let known = locked(&self.at_micros).get(phase).copied();
            match known {
                Some(at_micros) => return at_micros,
                None => changed.await,
            }
        }
    }
}

impl Run<'_> {
    /// Lets all events happen; returns only when one cannot, with the reason.
    pub(super) async fn events(
        &self,
        zero_micros: u64,
        happened: &Mutex<Vec<Mark>>,
    ) -> anyhow::Error {
        let events = self.orders.scenario.event.iter();
        let all = try_join_all(events.map(|event| self.one(event, zero_micros, happened)));
        match all.await {
            Ok(_) => std::future::pending().await,
            Err(failed) => failed,
        }
    }

    async fn one(
        &self,
        event: &Event,
        zero_micros: u64,
        happened: &Mutex<Vec<Mark>>,
    ) -> Result<()> {
        let from_micros = match &event.phase {
            Some(phase) => self.begun.wait_for(phase).await,
            None => zero_micros,
        };
        let after = Duration::from_secs_f64(event.at_seconds);
        let due_micros =
            from_micros.saturating_add(u64::try_from(after.as_micros()).unwrap_or(u64::MAX));
        sleep(Duration::from_micros(
            due_micros.saturating_sub(self.ledger.clock_micros()),
        ))
        .await;
        locked(happened).push(self.mark(event.words()));
        self.happen(event).await
    }

    async fn happen(&self, event: &Event) -> Result<()> {
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
