//! The phases of a load, one after the other or beside each other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;

use super::{Run, stored};
use crate::evidence::{Act, Mark};
use crate::ledger::locked;
use crate::publisher::{Pace, Plan, Publisher};
use crate::scenario::{MOST_MESSAGES, Phase, Start};
use crate::watch::Watch;

/// Each phase has 2^24 sequences, each run 16 phases.
const PHASE_BITS: u32 = 24;
pub(super) const RUN_BITS: u32 = 28;

/// With a rate the publisher never waits for confirms, up to this many.
const OPEN_LOOP_WINDOW: usize = 1_000_000;
/// Unconfirmed messages at most when flat out.
const WINDOW: usize = 1_000;

impl Run<'_> {
    /// The first node runs for a moment: the engine declares the queues, nobody else may.
    pub(super) async fn publish_before_the_engine(&self, acts: &mut Vec<Act>) -> Result<()> {
        let Some(name) = self.orders.scenario.engine.nodes.first() else {
            return Ok(());
        };
        let mut fleet = self.fleet.lock().await;
        fleet.start(name)?;
        fleet.wait_until_ready().await?;
        fleet.stop(name).await?;
        drop(fleet);
        self.begin();
        let stored = AtomicU64::new(0);
        for (number, phase) in self.orders.scenario.phases(true) {
            println!("before the engine starts: {}", phase.name);
            self.store(phase, &stored).await?;
            acts.push(self.publish(number, phase).await?);
            println!("published {:>8}", self.progress.published());
        }
        Ok(())
    }

    /// Plays all other phases with the events beside them; whether everything settled.
    pub(super) async fn play(
        &self,
        acts: &mut Vec<Act>,
        marks: &mut Vec<Mark>,
        watch: &Watch,
        zero_micros: u64,
    ) -> Result<bool> {
        if acts.is_empty() {
            self.begin();
        }
        let happened = Mutex::new(Vec::new());
        let settled = tokio::select! {
            settled = self.phases(acts, marks, watch) => settled?,
            failed = self.events(zero_micros, &happened) => return Err(failed),
            () = self.report(watch) => unreachable!("it reports for ever"),
        };
        let happened = std::mem::take(&mut *locked(&happened));
        for event in &self.orders.scenario.event {
            if !happened.iter().any(|mark| mark.what == event.words()) {
                println!("not reached, the run was over before: {}", event.words());
            }
        }
        marks.extend(happened);
        Ok(settled)
    }

    async fn phases(
        &self,
        acts: &mut Vec<Act>,
        marks: &mut Vec<Mark>,
        watch: &Watch,
    ) -> Result<bool> {
        let stored = AtomicU64::new(0);
        let phases: Vec<_> = self.orders.scenario.phases(false).collect();
        let groups = phases.chunk_by(|_, (_, next)| next.start == Start::Beside);
        for group in groups {
            for (_, phase) in group {
                self.store(phase, &stored).await?;
                marks.push(self.mark(format!("load: {}", phase.name)));
            }
            let work = group
                .iter()
                .map(|(number, phase)| self.publish(*number, phase));
            acts.extend(try_join_all(work).await?);
            if group.iter().any(|(_, phase)| phase.settle) && !self.settle(acts, watch).await? {
                return Ok(false);
            }
        }
        self.settle(acts, watch).await
    }

    /// Forgets everything and takes only this run's messages from now on.
    fn begin(&self) {
        self.ledger.begin(self.first..self.first + (1 << RUN_BITS));
    }

    pub(super) fn mark(&self, what: String) -> Mark {
        println!("{what}");
        Mark {
            at_micros: self.ledger.clock_micros(),
            what,
        }
    }

    async fn store(&self, phase: &Phase, stored: &AtomicU64) -> Result<()> {
        if phase.stored_before == 0 {
            return Ok(());
        }
        let before = stored.fetch_add(phase.stored_before, Ordering::Relaxed);
        let client = self.environment.database.connect().await?;
        stored::store(
            &client,
            before,
            phase.stored_before,
            self.orders.scenario.people.count,
        )
        .await
    }

    async fn publish(&self, number: usize, phase: &Phase) -> Result<Act> {
        let named = || format!("publishing {}", phase.name);
        let publisher = Publisher::connect(self.environment.vhost.url())
            .await
            .with_context(named)?;
        let number = number as u64;
        let first = self.first + (number << PHASE_BITS);
        let count = phase.most_messages(MOST_MESSAGES);
        // Each phase draws anew, or the same messages would come in all of them.
        let seed = self.orders.seed.wrapping_add(number);
        let mix = phase.mix(&self.orders.scenario.people);
        let mut plan = Plan::new(mix, seed, self.name.clone()).starting_at(first);
        let flat_out = phase.rate.is_none();
        let lasts = phase
            .seconds
            .filter(|_| flat_out)
            .map(Duration::from_secs_f64);
        let began_micros = self.ledger.clock_micros();
        self.begun.note(&phase.name, began_micros);
        let pace = Pace::starting_now(phase.rate.unwrap_or(0.0)).lasting(lasts);
        let window = if flat_out { WINDOW } else { OPEN_LOOP_WINDOW };
        let published = publisher
            .run(&mut plan, count, pace, window, &self.progress)
            .await
            .with_context(named)?;
        publisher.close().await;
        Ok(Act {
            name: phase.name.clone(),
            sequences: first..first + (1 << PHASE_BITS),
            began_micros,
            published_micros: self.ledger.clock_micros(),
            published,
            may_be_stopped: phase.may_be_stopped,
        })
    }
}
