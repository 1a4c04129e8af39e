//! One round: a scene, an engine under load, a fault at a random moment, and what came of it.

use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::engine::Engine;
use super::excuses::Excuses;
use super::finding::Finding;
use super::load::{self, Load};
use super::scene::{LANES, PEOPLE, Scene};
use super::servers::Servers;
use crate::ledger::Ledger;
use crate::publisher::{Draft, Expectations, Mix, Plan};
use crate::simulator::{Behaviour, Latency};

/// Nothing new for so long: what is missing is lost. FCM alone may ask for a minute.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// After everything came, watch this much longer for repetitions.
const LINGER: Duration = Duration::from_millis(700);
/// The `engine.shutdown_deadline`, and what ending takes beyond it at most.
pub(super) const DEADLINE: Duration = Duration::from_secs(25 + 8);
/// Sequences of what a fault publishes itself begin here.
pub(super) const ASIDE_FROM: u64 = 1 << 30;

/// How much load, and how long faults last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) per_second: u32,
    pub(super) seconds: u32,
    pub(super) quick: bool,
}

impl Scale {
    /// A length of time that is shorter in the quick form.
    pub(super) fn choose<T>(&self, quick: T, long: T) -> T {
        if self.quick { quick } else { long }
    }
}

/// A round that is being played.
#[derive(Debug)]
pub(super) struct Play<'a> {
    pub(super) servers: &'a Servers,
    pub(super) scene: Scene,
    pub(super) engine: Engine,
    pub(super) load: Load,
    pub(super) finding: Finding,
    pub(super) dice: SmallRng,
    pub(super) scale: Scale,
    pub(super) excuses: Excuses,
    aside: Plan,
    published_aside: Vec<Draft>,
    began: Instant,
}

/// A load of all lanes, half of it by template, some of it for a little later.
pub(super) fn mix() -> Result<Mix> {
    let wrong = anyhow::Error::msg;
    Ok(Mix {
        channels: "email=3,sms=2,push=2".parse().map_err(wrong)?,
        priorities: "high=1,normal=2".parse().map_err(wrong)?,
        users: PEOPLE - 1,
        scheduled_share: 0.15,
        schedule_ahead_ms: 300,
        ..Mix::default()
    })
}

/// Providers that take some time, so that there is always something in flight.
pub(super) fn unhurried() -> Behaviour {
    Behaviour::default().latency(Latency::Uniform {
        min_ms: 5.0,
        max_ms: 40.0,
    })
}

impl<'a> Play<'a> {
    /// Starts an engine on the scene, and the load; returns when the first was accepted.
    pub(super) async fn begin(
        servers: &'a Servers,
        scene: Scene,
        mut dice: SmallRng,
        scale: Scale,
    ) -> Result<Self> {
        let engine = scene.engine().await?;
        let seed = dice.random();
        let plan = Plan::new(mix()?, seed, "chaos");
        let load = Load::start(scene.vhost.url(), plan, scale.per_second.into());
        let mut play = Self {
            servers,
            engine,
            load,
            finding: Finding::default(),
            dice,
            scale,
            excuses: Excuses::default(),
            aside: Plan::new(aside()?, seed, "aside").starting_at(ASIDE_FROM),
            published_aside: Vec::new(),
            began: Instant::now(),
            scene,
        };
        let first = play.scene.ledger.wait_for_accepted(1, PATIENCE).await;
        play.finding
            .must(first, || "nothing was delivered before the fault".into());
        play.began = Instant::now();
        Ok(play)
    }

    /// Waits for a random moment of the load: not before this share of it, not after that.
    pub(super) async fn moment(&mut self, from: f64, to: f64) {
        let share = self.dice.random_range(from..to);
        sleep_until(self.began + self.length().mul_f64(share)).await;
    }

    fn length(&self) -> Duration {
        Duration::from_secs(self.scale.seconds.into())
    }

    /// A message for the lane that the load leaves alone, which must be delivered as well.
    pub(super) fn draft_aside(&mut self) -> Draft {
        let draft = self.aside.draft(crate::marker::now_micros());
        self.published_aside.push(draft.clone());
        draft
    }

    /// These may be sent once more, because of a fault just now.
    pub(super) fn excuse(&mut self, in_flight: Vec<String>) {
        self.excuses.add(in_flight);
    }

    /// What the engine has in hand now may be sent once more. It stands still meanwhile, so that this
    /// is neither too much nor too little.
    pub(super) async fn excuse_what_is_in_hand(&mut self) -> Result<()> {
        let run = self.engine.run().await?;
        self.engine.signal("STOP").await?;
        let in_flight = self.scene.database.in_flight(run).await;
        self.engine.signal("CONT").await?;
        self.excuse(in_flight?);
        Ok(())
    }

    /// Measures how long it takes from `since` until a message that is published now has arrived.
    pub(super) async fn recovers(&mut self, since: Instant) {
        let draft = self.draft_aside();
        let ledger = &self.scene.ledger;
        let arrives = async {
            load::publish_until_taken(self.scene.vhost.url(), &draft).await;
            let there = |ledger: &Ledger| !ledger.entries_of_sequence(draft.sequence).is_empty();
            ledger.wait_until(PATIENCE, there).await
        };
        if timeout(PATIENCE, arrives)
            .await
            .is_ok_and(|arrived| arrived)
        {
            self.finding.recovered_in(since.elapsed());
        } else {
            let message = format!("nothing was delivered within {PATIENCE:?} after the fault");
            self.finding.except(message);
        }
    }

    /// Waits for the end of the load, judges, stops the engine, and clears the stage.
    pub(super) async fn finish(mut self) -> Result<Finding> {
        sleep_until(self.began + self.length()).await;
        let expected = self.load.finish().await?;
        self.arrive(&expected).await;
        sleep(LINGER).await;
        self.judge(&expected).await?;
        let mut aside = Expectations::starting_at(ASIDE_FROM);
        for draft in &self.published_aside {
            aside.add(draft.sequence, draft.lane, draft.acceptances);
        }
        self.arrive(&aside).await;
        self.finding.published += aside.messages();
        let lost = self.count_lost(&aside);
        self.note_rows(&lost).await?;
        self.end_in_order().await?;
        self.scene.clear().await?;
        Ok(self.finding)
    }

    /// In the end it ends when asked to, with nothing left behind.
    async fn end_in_order(&mut self) -> Result<()> {
        self.engine.signal("TERM").await?;
        let ended = self.engine.ended(DEADLINE).await;
        self.finding
            .must(ended.as_ref().is_ok_and(|status| status.success()), || {
                format!("it did not end in good order: {ended:?}")
            });
        let ready = self.scene.vhost.ready(&LANES).await?;
        self.finding.must(ready == 0, || {
            format!("{ready} messages stayed in the lanes")
        });
        Ok(())
    }
}

/// Mail for the lane that the load leaves alone.
pub(super) fn aside() -> Result<Mix> {
    let wrong = anyhow::Error::msg;
    Ok(Mix {
        channels: "email".parse().map_err(wrong)?,
        priorities: "urgent".parse().map_err(wrong)?,
        scheduled_share: 0.0,
        ..mix()?
    })
}
