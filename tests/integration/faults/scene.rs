//! A stage with people, providers and a load of several lanes, and what must hold when all is over.

use loadtest::harness::judge::{Excuses, Repetitions};
use loadtest::harness::load;
use loadtest::ledger::Ledger;
use loadtest::publisher::{Expectations, Mix, Pace, Plan, Published, Publisher};
use loadtest::seed::{Target, seed_file};
use loadtest::simulator::{Behaviour, Latency, Provider, Simulator};
use tokio::task::JoinHandle;

use super::process;
use crate::outcomes::Outcomes;
use crate::stage::{PATIENCE, Stage};
use loadtest::harness::process::Process;

const PEOPLE: u32 = 20;
/// Different messages taken on, by the books.
const TAKEN_ON: &str = "
    SELECT coalesce(sum(consumed + accepted_api - rejected - duplicates), 0)::bigint AS count
    FROM intake";

/// A stage on which a load can play.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) outcomes: Outcomes,
    pub(crate) simulators: Vec<Simulator>,
}

/// A load that is being published.
pub(crate) struct Load(JoinHandle<Published>);

/// A load of all lanes, half of it by template.
pub(crate) fn mix() -> Mix {
    load::mix(PEOPLE).unwrap()
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
        let mut stage = Stage::with_lanes(&load::LANES.join(",")).await;
        // Small lanes: what one holds may be in flight at a fault, and comes again after it.
        stage.set("HERALD__LANES__HIGH", "64");
        stage.set("HERALD__LANES__NORMAL", "128");
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
        process::engine(self.stage.herald(&["serve"])).await
    }

    /// Publishes in the background, as fast as the broker confirms.
    pub(crate) async fn load(&self, mix: Mix, count: u64) -> Load {
        let publisher = Publisher::connect(self.stage.vhost.url()).await.unwrap();
        let mut plan = Plan::new(mix, 1, "faults");
        let publish = async move {
            let (pace, progress) = (Pace::starting_now(0.0), Default::default());
            let published = publisher.run(&mut plan, count, pace, 200, &progress).await;
            publisher.close().await;
            published.unwrap()
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's own task, awaited by it"
        )]
        let task = tokio::spawn(publish);
        Load(task)
    }

    /// Waits until the providers have accepted so many.
    pub(crate) async fn accepted(&self, count: u64) {
        self.until_accepted(|ledger| ledger.accepted() >= count)
            .await;
    }

    /// Waits as long as more different messages are accepted: how long it takes in all depends on the
    /// machine.
    async fn until_accepted(&self, wanted: impl Fn(&Ledger) -> bool) {
        let ledger = &self.stage.ledger;
        while !wanted(ledger) {
            let before = ledger.distinct();
            let goes_on = |ledger: &Ledger| ledger.distinct() > before || wanted(ledger);
            let goes_on = ledger.wait_until(PATIENCE, goes_on).await;
            assert!(goes_on, "nothing for {PATIENCE:?}: {:?}", ledger.totals());
        }
    }

    /// What a run has claimed or taken and not stored an outcome of, by committed rows alone.
    pub(crate) async fn in_flight(&self, run: i64) -> Vec<String> {
        let committed = self.stage.database.committed();
        committed.in_flight_of(&[run.to_string()]).await.unwrap()
    }

    /// Messages in the lanes that no consumer has.
    pub(crate) async fn ready(&self) -> u64 {
        self.stage.vhost.ready(&load::queues()).await.unwrap()
    }

    /// Waits until all is sent, and checks that every message reached everybody, that each is one
    /// row, that the books agree, and that nothing was sent again.
    pub(crate) async fn all_is_sent_once(&mut self, expected: &Expectations) {
        let (wanted, messages) = (expected.acceptances(), expected.messages());
        self.until_accepted(|ledger| ledger.distinct() >= wanted)
            .await;
        let ledger = &self.stage.ledger;
        let lacking = ledger.lacking_recipients(expected.wanted());
        assert!(lacking.is_empty(), "{:?}: {lacking:?}", ledger.totals());
        let messages = i64::try_from(messages).unwrap();
        let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
        self.outcomes.until_count(sent, messages).await;
        let rows = "SELECT count(*) FROM notifications";
        assert_eq!(self.outcomes.count(rows).await, messages);
        assert_eq!(self.outcomes.count(TAKEN_ON).await, messages, "the books");
        let ids = self.stage.database.committed().ids().await.unwrap();
        let repeated = Repetitions::of(&self.stage.ledger, &ids, &Excuses::default());
        assert_eq!(repeated, Repetitions::default());
    }
}

impl Load {
    /// Waits until all is published and confirmed.
    pub(crate) async fn published(self) -> Published {
        let published = self.0.await.unwrap();
        let failed = published.unroutable + published.failed;
        assert_eq!(failed, 0, "{:?}", published.first_error);
        published
    }
}
