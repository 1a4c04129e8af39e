//! Two engines, of which one loses its lease, or only seems to.

use std::sync::Arc;

use diesel_async::SimpleAsyncConnection;
use loadtest::harness::proxy::Proxy;
use loadtest::simulator::{Provider, Simulator};
use serde_json::json;

use super::process;
use crate::database::lines;
use crate::outcomes::Outcomes;
use crate::stage::{PATIENCE, Stage, account_named, envelope_with};
use loadtest::harness::process::Process;

/// Messages, of which an account of ten a second takes ten at once.
const COUNT: u64 = 60;
/// What `config/default.toml` and the documentation promise: from the last word of a node until
/// others may take over what it held.
const TAKE_OVER_SECONDS: u64 = 10;
/// A line of the log of a node whose run was ended by another one.
const TAKEN_FOR_DEAD: &str = "another node ended this node's run";

/// A stage with one slow account: what is taken waits in its queue.
struct Line {
    stage: Stage,
    outcomes: Outcomes,
    _account: Simulator,
}

impl Line {
    async fn new() -> Self {
        let stage = Stage::with_lanes("email.normal").await;
        let builder = Simulator::builder(Provider::SendGrid).ledger(Arc::clone(&stage.ledger));
        let account = builder.start().unwrap();
        let limited = account_named(&account, "limited", 0)
            .replace("timeout_seconds", "rate_limit = 600\ntimeout_seconds");
        stage.apply(&format!("{}{limited}", crate::stage::ana()));
        let outcomes = stage.outcomes().await;
        Self {
            stage,
            outcomes,
            _account: account,
        }
    }

    async fn publish(&self) {
        let publisher = self.stage.publisher().await;
        for _ in 0..COUNT {
            publisher.publish(&envelope_with("email", json!({}))).await;
        }
    }

    async fn engine(&self, node: &str, database: Option<String>) -> Process {
        let mut command = self.stage.herald(&["serve"]);
        if let Some(url) = database {
            command.env("HERALD__DATABASE__URL", url);
        }
        process::node(command, node).await
    }

    async fn all_is_sent(&mut self) {
        let sent = "SELECT count(*) AS count FROM notifications WHERE status = 'sent'";
        let count = i64::try_from(COUNT).unwrap();
        self.outcomes.until_count(sent, count).await;
    }

    async fn accepted(&self, count: u64) {
        let ledger = &self.stage.ledger;
        assert!(ledger.wait_for_accepted(count, PATIENCE).await);
    }

    async fn sent_rows(&mut self) -> u64 {
        let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
        u64::try_from(self.outcomes.count(sent).await).unwrap()
    }

    /// How many acceptances were of something that had been accepted before.
    fn repeated(&self) -> u64 {
        self.stage.ledger.accepted() - COUNT
    }

    async fn until_ended(&mut self, run: i64) {
        let ended = format!(
            "SELECT count(*) AS count FROM engine_nodes WHERE run_id = {run} AND ended_at IS NOT NULL"
        );
        self.outcomes.until_count(&ended, 1).await;
    }

    /// By the times of the database alone.
    async fn seconds_until_its_end(&self, run: i64) -> u64 {
        let span = format!(
            "SELECT ceil(extract(epoch FROM ended_at - heartbeat_at))::text AS text
             FROM notification_schema.engine_nodes WHERE run_id = {run}"
        );
        let mut owner = self.stage.database.owner().await;
        lines(&mut owner, &span).await[0].parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_stopped_for_long_sends_nothing_of_what_another_took_over() {
    let mut line = Line::new().await;
    let one = line.engine("one", None).await;
    let run = process::run_of(&one).await;
    line.publish().await;
    line.accepted(15).await;
    one.signal("STOP").unwrap();
    // What it had sent and had not stored when it was stopped may be sent again, nothing else.
    let unstored = line.stage.ledger.accepted() - line.sent_rows().await;
    let _two = line.engine("two", None).await;
    line.until_ended(run).await;
    one.signal("CONT").unwrap();
    one.says(TAKEN_FOR_DEAD).await.unwrap();
    line.all_is_sent().await;
    let repeated = line.repeated();
    assert!(repeated <= unstored, "{repeated}, {unstored} excused");
    let took = line.seconds_until_its_end(run).await;
    assert!(took <= TAKE_OVER_SECONDS, "{took} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_from_the_database_is_followed_within_the_stated_time() {
    let mut line = Line::new().await;
    let proxy = Proxy::before(line.stage.database.url()).await.unwrap();
    let through = proxy.url(line.stage.database.url());
    let one = line.engine("one", Some(through)).await;
    let run = process::run_of(&one).await;
    line.publish().await;
    line.accepted(15).await;
    proxy.isolate();
    let _two = line.engine("two", None).await;
    line.until_ended(run).await;
    let took = line.seconds_until_its_end(run).await;
    assert!(took <= TAKE_OVER_SECONDS, "{took} s");
    one.says("no provider is called until the lease is renewed")
        .await
        .unwrap();
    proxy.rejoin();
    one.says(TAKEN_FOR_DEAD).await.unwrap();
    line.all_is_sent().await;
    // Its messages are still with it: what it had sent it can tell now, and the rest it drops.
    assert_eq!(line.repeated(), 0);
    process::end(&one).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_row_is_gone_begins_a_new_run_and_goes_on() {
    let mut line = Line::new().await;
    let one = line.engine("one", None).await;
    let mut owner = line.stage.database.owner().await;
    let gone = "DELETE FROM notification_schema.engine_nodes";
    owner.batch_execute(gone).await.unwrap();
    one.says(TAKEN_FOR_DEAD).await.unwrap();
    line.publish().await;
    line.all_is_sent().await;
    assert_eq!(line.repeated(), 0);
}
