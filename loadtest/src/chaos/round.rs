//! One round: an environment, two engines under load, a fault at a random moment, and what came of it.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::time::{Instant, sleep_until};

use super::desk::DeskCrowd;
use super::environment::{Environment, MOST_IN_FLIGHT, NODES};
use super::finding::Finding;
use super::flows::FlowCrowd;
use super::inboxes::InboxCrowd;
use super::load::{Load, Way};
use super::seed::PEOPLE;
use super::servers::Servers;
use crate::events::EventTeller;
use crate::harness::engine::Engine;
use crate::harness::judge::Excuses;
use crate::harness::load;
use crate::publisher::{Draft, Expectations, HttpPublisher, Mix, Plan};
use crate::receiver::Receiver;
use crate::simulator::{Behaviour, Latency};

/// Nothing new for so long: what is missing is lost. FCM alone may ask for a minute.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
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
pub(super) struct Round<'a> {
    pub(super) servers: &'a Servers,
    pub(super) environment: Environment,
    /// The engine that a fault of one engine strikes.
    pub(super) engine: Engine,
    /// The one beside it.
    pub(super) other: Engine,
    pub(super) load: Load,
    /// Who posts the load, where it is posted.
    http: Option<HttpPublisher>,
    pub(super) finding: Finding,
    pub(super) dice: SmallRng,
    pub(super) scale: Scale,
    pub(super) excuses: Excuses,
    /// Nothing at all may be sent again, also what lost its answer.
    repeats_nothing: bool,
    /// The webhook that must have heard of everything in the end.
    pub(super) webhook: Option<Receiver>,
    /// Who tells of SendGrid's messages; all of it must be kept in the end.
    pub(super) teller: Option<Arc<EventTeller>>,
    /// Somebody listens to `herald.status`, and must have heard everything in the end.
    pub(super) hears_status: bool,
    /// People whose inboxes must have all in the end.
    pub(super) inboxes: Option<InboxCrowd>,
    /// Systems whose events must all be told in the end.
    pub(super) flows: Option<FlowCrowd>,
    /// People whose tickets must all be told of in the end.
    pub(super) desk: Option<DeskCrowd>,
    aside: Plan,
    published_aside: Vec<Draft>,
    began: Instant,
}

/// How the load comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Through RabbitMQ.
    Broker,
    /// By HTTP, to both engines in turn.
    Http,
}

/// What a lost engine had in hand, by its runs, since when.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) runs: Vec<String>,
    pub(super) at: Instant,
}

/// A load of all lanes, half of it by template, some of it for a little later.
pub(super) fn mix() -> Result<Mix> {
    Ok(Mix {
        scheduled_share: 0.15,
        schedule_ahead_ms: 300,
        ..load::mix(PEOPLE - 1).map_err(anyhow::Error::msg)?
    })
}

/// Providers that take some time, so that there is always something in flight.
pub(super) fn unhurried() -> Behaviour {
    Behaviour::default().latency(Latency::Uniform {
        min_ms: 5.0,
        max_ms: 40.0,
    })
}

impl<'a> Round<'a> {
    /// Starts two engines on the environment, and the load; returns when the first message was accepted.
    pub(super) async fn begin(
        servers: &'a Servers,
        environment: Environment,
        mut dice: SmallRng,
        scale: Scale,
        by: By,
    ) -> Result<Self> {
        let [first, second] = NODES;
        let (engine, other) =
            tokio::try_join!(environment.engine(first), environment.engine(second))?;
        let seed = dice.random();
        let plan = Plan::new(mix()?, seed, "chaos");
        let http = match by {
            By::Broker => None,
            By::Http => Some(environment.http([&engine, &other]).await?),
        };
        let way = match &http {
            None => Way::Broker(environment.vhost.url().to_owned()),
            Some(publisher) => Way::Http(publisher.clone()),
        };
        let load = Load::start(way, plan, scale.per_second.into());
        let mut round = Self {
            servers,
            engine,
            other,
            load,
            http,
            finding: Finding::default(),
            dice,
            scale,
            excuses: Excuses::default(),
            repeats_nothing: false,
            webhook: None,
            teller: None,
            hears_status: false,
            inboxes: None,
            flows: None,
            desk: None,
            aside: Plan::new(aside()?, seed, "aside").starting_at(ASIDE_FROM),
            published_aside: Vec::new(),
            began: Instant::now(),
            environment,
        };
        let first = round
            .environment
            .ledger
            .wait_for_accepted(1, PATIENCE)
            .await;
        round
            .finding
            .must(first, || "nothing was delivered before the fault".into());
        round.began = Instant::now();
        Ok(round)
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

    /// No engine dies, and each knows what it has in hand: nothing may be sent again, whatever else is
    /// excused.
    pub(super) fn repeats_nothing(&mut self) {
        self.repeats_nothing = true;
    }

    /// Whether anything may be sent again.
    pub(super) const fn may_repeat(&self) -> bool {
        !self.repeats_nothing
    }

    /// These may be sent once more, because of a fault just now.
    pub(super) fn excuse(&mut self, in_flight: Vec<String>) {
        self.excuses.add(in_flight);
    }

    /// An engine is another process since: what is posted goes there.
    pub(super) fn posts_to_both(&self) {
        let engines = || self.engines().map(|engine| engine.url("")).into();
        if let Some(publisher) = &self.http {
            publisher.goes_to(engines());
        }
        if let Some(teller) = &self.teller {
            teller.goes_to(engines());
        }
        if let Some(inboxes) = &self.inboxes {
            inboxes.goes_to(engines());
        }
        if let Some(flows) = &self.flows {
            flows.goes_to(engines());
        }
        if let Some(desk) = &self.desk {
            desk.goes_to(engines());
        }
    }

    /// Both engines.
    pub(super) fn engines(&self) -> [&Engine; 2] {
        [&self.engine, &self.other]
    }

    /// How many lines of both engines' logs contain this so far.
    pub(super) fn said(&self, text: &str) -> usize {
        self.engines().map(|engine| engine.said(text)).iter().sum()
    }

    /// The sum of a metric of both engines, over the series of which some label is this.
    pub(super) async fn sum(&self, metric: &str, label: &str) -> Result<f64> {
        let mut sum = 0.0;
        for engine in self.engines() {
            sum += engine.sum(metric, label).await?;
        }
        Ok(sum)
    }

    /// A signal to both engines.
    pub(super) fn signal(&self, name: &str) -> Result<()> {
        for engine in self.engines() {
            engine.signal(name)?;
        }
        Ok(())
    }

    /// What the engines have in hand now may be sent once more, because of what is done now. They
    /// stand still meanwhile, so that this is neither too much nor too little.
    pub(super) async fn excuse_what_is_in_hand<T>(
        &mut self,
        fault: impl AsyncFnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.signal("STOP")?;
        let in_flight = self.environment.database.in_flight().await;
        let done = fault(self).await;
        self.signal("CONT")?;
        self.excuse(in_flight?);
        done
    }

    /// The same for the first engine alone; says what it has in hand.
    pub(super) async fn excuse_the_first<T>(
        &mut self,
        fault: impl AsyncFnOnce(&mut Self) -> Result<T>,
    ) -> Result<Left> {
        self.engine.signal("STOP")?;
        let runs = self.environment.database.runs(self.engine.name()).await?;
        let in_flight = self.environment.database.in_flight_of(&runs).await?;
        let at = Instant::now();
        fault(self).await?;
        self.engine.signal("CONT")?;
        let held = in_flight.len();
        self.finding.must(held <= MOST_IN_FLIGHT, || {
            format!("one engine had {held} in flight, more than its lanes allow")
        });
        self.excuse(in_flight);
        Ok(Left { runs, at })
    }

    /// SIGKILL of the first engine.
    pub(super) async fn kill_the_first(&mut self) -> Result<Left> {
        self.excuse_the_first(async |round: &mut Self| round.engine.kill().await)
            .await
    }

    /// SIGTERM of the first engine, which ends in good order and in time.
    pub(super) async fn end_the_first(&mut self) -> Result<()> {
        self.engine.signal("TERM")?;
        let ended = self.engine.ended(DEADLINE).await;
        in_good_order(&mut self.finding, self.engine.name(), &ended);
        Ok(())
    }

    /// Waits for the end of the load, judges, stops the engine, and clears the stage.
    pub(super) async fn finish(mut self) -> Result<Finding> {
        sleep_until(self.began + self.length()).await;
        let expected = self.load.finish().await?;
        self.arrive(&expected).await;
        self.judge(&expected).await?;
        let mut aside = Expectations::starting_at(ASIDE_FROM);
        for draft in &self.published_aside {
            aside.add(draft.sequence, draft.lane, draft.acceptances);
        }
        self.arrive(&aside).await;
        self.finding.published += aside.messages();
        let lost = self.count_lost(&aside);
        self.note_rows(&lost).await?;
        if let Some(inboxes) = self.inboxes.take() {
            let database = &self.environment.database;
            inboxes.judge(database, &mut self.finding).await?;
        }
        if let Some(flows) = self.flows.take() {
            let database = &self.environment.database;
            flows.judge(database, &mut self.finding).await?;
        }
        if let Some(desk) = self.desk.take() {
            let environment = &self.environment;
            desk.judge(environment, &mut self.finding).await?;
        }
        self.webhook_has_heard().await?;
        self.events_are_kept().await?;
        self.status_is_heard().await?;
        self.end_in_order().await?;
        self.books_agree().await?;
        self.environment.remove().await?;
        Ok(self.finding)
    }

    /// In the end both end when asked to, with nothing left behind.
    async fn end_in_order(&mut self) -> Result<()> {
        self.signal("TERM")?;
        for engine in [&mut self.engine, &mut self.other] {
            let ended = engine.ended(DEADLINE).await;
            in_good_order(&mut self.finding, engine.name(), &ended);
        }
        let ready = self.environment.vhost.ready(&load::queues()).await?;
        self.finding.must(ready == 0, || {
            format!("{ready} messages stayed in the lanes")
        });
        Ok(())
    }
}

fn in_good_order(finding: &mut Finding, name: &str, ended: &Result<ExitStatus>) {
    let good = ended.as_ref().is_ok_and(|status| status.success());
    finding.must(good, || {
        format!("engine {name} did not end in good order and within its deadline: {ended:?}")
    });
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
