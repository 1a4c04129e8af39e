//! A node that does not hear what is committed: preferences and rules hold all the same.

use std::time::Duration;

use loadtest::harness::proxy::Proxy;
use loadtest::simulator::{Provider, Simulator};

use crate::outcomes::{Outcomes, Row};
use crate::publisher::TestPublisher;
use crate::stage::{ANA, Stage, TestEngine, account, account_named, ana, envelope};

/// What the connection that listens says, and no other.
const LISTENS: &str = "LISTEN herald_changes";
/// How long a preference may be overlooked.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Who says that no e-mail is wanted: Ana, or her tenant for everybody and everything. A preference of hers
/// for the same would hold instead of the tenant's.
#[derive(Debug, Clone, Copy)]
enum Who {
    Ana,
    Tenant,
}

impl Who {
    /// A preference in the database, that is changed afterwards.
    async fn wishes(self, outcomes: &mut Outcomes) {
        let (user, channel) = match self {
            Self::Ana => (format!("'{ANA}'"), "'email'"),
            Self::Tenant => ("NULL".to_owned(), "NULL"),
        };
        let wish = format!(
            "INSERT INTO notification_preferences (id, tenant_id, user_id, channel)
             SELECT gen_random_uuid(), tenant_id, {user}, {channel} FROM users WHERE id = '{ANA}'"
        );
        outcomes.execute(&wish).await;
    }

    async fn wants(self, outcomes: &mut Outcomes, wanted: bool) {
        let whose = match self {
            Self::Ana => "IS NOT NULL",
            Self::Tenant => "IS NULL",
        };
        let change =
            format!("UPDATE notification_preferences SET enabled = {wanted} WHERE user_id {whose}");
        outcomes.execute(&change).await;
    }
}

/// An engine whose listener's connection can be disturbed, and nothing else.
struct Scene {
    stage: Stage,
    proxy: Proxy,
    outcomes: Outcomes,
    publisher: TestPublisher,
    _sendgrid: Simulator,
    _engine: TestEngine,
}

impl Scene {
    async fn new(account: impl Fn(&Simulator) -> String) -> Self {
        let mut stage = Stage::with_lanes("email.normal").await;
        let sendgrid = stage.simulator(Provider::SendGrid);
        stage.apply(&format!("{}{}", ana(), account(&sendgrid)));
        let mut outcomes = stage.outcomes().await;
        for who in [Who::Ana, Who::Tenant] {
            who.wishes(&mut outcomes).await;
        }
        let proxy = Proxy::before(stage.database.url()).await.unwrap();
        proxy.aim(LISTENS);
        stage.set("HERALD__DATABASE__URL", proxy.url(stage.database.url()));
        let engine = stage.start().await;
        Self {
            publisher: stage.publisher().await,
            stage,
            proxy,
            outcomes,
            _sendgrid: sendgrid,
            _engine: engine,
        }
    }

    async fn publish(&self, count: usize) {
        for _ in 0..count {
            self.publisher.publish(&envelope("email")).await;
        }
    }

    /// Publishes one, and says whether it was sent rather than cancelled.
    async fn is_sent(&mut self) -> bool {
        let before = self.outcomes.rows().await.len();
        self.publish(1).await;
        let rows = self.outcomes.until(|rows| rows.len() > before).await;
        let row = rows.last().unwrap();
        assert!(row.is("sent", None) || is_cancelled(row), "{row:?}");
        row.is("sent", None)
    }
}

fn is_cancelled(row: &Row) -> bool {
    row.is("cancelled", Some("channel_disabled"))
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_listeners_connection_is_silent_no_wish_is_overlooked_for_longer_than_a_second() {
    for who in [Who::Ana, Who::Tenant] {
        let limited = |simulator: &Simulator| {
            let account = account_named(simulator, "limited", 0);
            account.replace("timeout_seconds", "rate_limit = 240\ntimeout_seconds")
        };
        let mut scene = Scene::new(limited).await;
        // Some wait at the account, and the preferences are in memory.
        scene.publish(16).await;
        scene
            .outcomes
            .until(|rows| rows.iter().any(|row| row.is("sent", None)))
            .await;
        scene.proxy.swallow();
        who.wants(&mut scene.outcomes, false).await;
        let committed = Duration::from_micros(scene.stage.ledger.clock_micros());
        scene.publish(16).await;
        let rows = scene.outcomes.until(|rows| rows.len() == 32).await;
        assert!(rows[16..].iter().all(is_cancelled), "{who:?}: {rows:#?}");
        for sent in scene.stage.ledger.instants() {
            let sent = Duration::from_micros(sent);
            assert!(
                sent <= committed + AT_ONCE,
                "{who:?}: {sent:?}, {committed:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_can_listen_wishes_and_rules_are_read_before_each_send() {
    let mut scene = Scene::new(account).await;
    assert!(scene.is_sent().await);
    scene.proxy.refuse(true);
    scene.proxy.cut();
    for round in 1..=6 {
        for who in [Who::Ana, Who::Tenant] {
            who.wants(&mut scene.outcomes, false).await;
            assert!(!scene.is_sent().await, "{who:?}, {round}");
            who.wants(&mut scene.outcomes, true).await;
            assert!(scene.is_sent().await, "{who:?}, {round}");
        }
    }
    // What was committed while nobody listened is known afterwards.
    Who::Tenant.wants(&mut scene.outcomes, false).await;
    scene.proxy.refuse(false);
    assert!(!scene.is_sent().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_answers_and_tells_nothing_is_not_believed_for_long() {
    for who in [Who::Ana, Who::Tenant] {
        let mut scene = Scene::new(account).await;
        assert!(scene.is_sent().await);
        scene.proxy.mute();
        who.wants(&mut scene.outcomes, false).await;
        let noticed = async { while scene.is_sent().await {} };
        let noticed = tokio::time::timeout(crate::stage::PATIENCE, noticed).await;
        assert!(noticed.is_ok(), "{who:?}");
    }
}
