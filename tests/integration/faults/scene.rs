//! A stage with people, providers and a load of several lanes.

use std::sync::Arc;

use loadtest::publisher::{Mix, Pace, Plan, Progress, Published, Publisher};
use loadtest::seed::{Target, seed_file};
use loadtest::simulator::{Behaviour, Latency, Provider, Simulator};
use tokio::task::JoinHandle;

use super::process::Process;
use crate::outcomes::Outcomes;
use crate::stage::{PATIENCE, Stage};

/// The lanes of the load.
pub(crate) const LANES: [&str; 6] = [
    "email.high",
    "email.normal",
    "sms.high",
    "sms.normal",
    "push.high",
    "push.normal",
];
/// A lane that the load leaves alone.
pub(crate) const ASIDE: &str = "email.urgent";
const PEOPLE: u32 = 20;
/// Settings of all lanes: what one holds may be in flight at a fault, and comes again after it.
const SMALL_LANES: [(&str, &str); 3] = [
    ("HERALD__LANES__URGENT", "16"),
    ("HERALD__LANES__HIGH", "64"),
    ("HERALD__LANES__NORMAL", "128"),
];
/// The sum of these settings over all lanes.
pub(crate) const MOST_IN_FLIGHT: usize = 16 + 3 * 64 + 3 * 128;

/// A stage on which a load can play.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) outcomes: Outcomes,
    pub(crate) simulators: Vec<Simulator>,
}

/// A load that is being published.
pub(crate) struct Load {
    pub(crate) progress: Arc<Progress>,
    task: JoinHandle<Published>,
}

/// A load of all lanes, half of it by template.
pub(crate) fn mix() -> Mix {
    Mix {
        channels: "email=3,sms=2,push=2".parse().unwrap(),
        priorities: "high=1,normal=2".parse().unwrap(),
        users: PEOPLE,
        ..Mix::default()
    }
}

/// Providers that take some time, so that there is always something in flight.
pub(crate) fn unhurried() -> Behaviour {
    Behaviour::default().latency(Latency::Uniform {
        min_ms: 5.0,
        max_ms: 40.0,
    })
}

/// Providers that take long: nearly all that is taken on is in flight.
pub(crate) fn slow() -> Behaviour {
    answering_after(300.0)
}

pub(crate) fn answering_after(ms: f64) -> Behaviour {
    Behaviour::default().latency(Latency::Fixed { ms })
}

impl Scene {
    pub(crate) async fn with(behaviour: Behaviour) -> Self {
        let mut stage = Stage::with_lanes(&format!("{},{ASIDE}", LANES.join(","))).await;
        for (variable, value) in SMALL_LANES {
            stage.set(variable, value);
        }
        let providers = [Provider::SendGrid, Provider::Twilio, Provider::Fcm];
        let simulators = providers.map(|provider| stage.behaving(provider, behaviour.clone()));
        let targets = simulators.each_ref().map(Target::from);
        stage.apply(&seed_file(PEOPLE, &targets, false).unwrap());
        let outcomes = stage.outcomes().await;
        let simulators = simulators.into();
        Self {
            stage,
            outcomes,
            simulators,
        }
    }

    /// The real program, once it takes messages.
    pub(crate) async fn engine(&self) -> Process {
        Process::engine(self.stage.herald(&["serve"])).await
    }

    /// Publishes in the background, as fast as the broker confirms or so many a second.
    pub(crate) async fn load(&self, mix: Mix, count: u64, per_second: f64) -> Load {
        let publisher = Publisher::connect(self.stage.vhost.url()).await.unwrap();
        let progress = Arc::new(Progress::default());
        let seen = Arc::clone(&progress);
        let mut plan = Plan::new(mix, 1, "faults");
        let publish = async move {
            let pace = Pace::starting_now(per_second);
            let published = publisher.run(&mut plan, count, pace, 200, &progress).await;
            publisher.close().await;
            published.unwrap()
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's own task, awaited by it"
        )]
        let task = tokio::spawn(publish);
        Load {
            progress: seen,
            task,
        }
    }

    /// Waits until the providers have accepted so many.
    pub(crate) async fn accepted(&self, count: u64) {
        let ledger = &self.stage.ledger;
        let in_time = ledger.wait_for_accepted(count, PATIENCE).await;
        assert!(in_time, "{:?} instead of {count}", ledger.totals());
    }
}

impl Load {
    /// Waits until all is published and confirmed.
    pub(crate) async fn published(self) -> Published {
        let published = self.task.await.unwrap();
        let failed = published.unroutable + published.failed;
        assert_eq!(failed, 0, "{:?}", published.first_error);
        published
    }
}
