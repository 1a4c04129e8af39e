//! Two versions of the engine on one database, as while nodes are upgraded one after the other: nobody
//! fails what another version wrote.

use herald::runtime::clock;
use jiff::SignedDuration;
use loadtest::simulator::Simulator;
use serde_json::json;

use super::process;
use crate::outcomes::Outcomes;
use crate::stage::{Stage, envelope_with};
use loadtest::harness::process::Process;

/// Messages that are put off.
const COUNT: i64 = 20;
const SCHEDULED: &str = "SELECT count(*) FROM notifications WHERE reason = 'scheduled'";

struct Versions {
    stage: Stage,
    outcomes: Outcomes,
    _sendgrid: Simulator,
}

impl Versions {
    async fn new() -> Self {
        let (stage, sendgrid, outcomes) = Stage::mailing().await;
        Self {
            stage,
            outcomes,
            _sendgrid: sendgrid,
        }
    }

    /// A node of this version, or one that acts as the next one.
    async fn node(&self, name: &str, acts_as: &str) -> Process {
        let mut command = self.stage.herald(&["serve"]);
        command.env("HERALD_FAILPOINT_NEXT_VERSION", acts_as);
        process::node(command, name).await
    }

    /// Publishes messages for later.
    async fn publish_ahead(&self, count: i64, seconds: i64) {
        let publisher = self.stage.publisher().await;
        let send_at = clock::now() + SignedDuration::from_secs(seconds);
        for _ in 0..count {
            let later = json!({ "send_at": send_at.to_string() });
            publisher.publish(&envelope_with("email", later)).await;
        }
    }

    /// Has a node of the next version put messages off, ends it, and makes them due.
    async fn put_off_by_the_next(&mut self, acts_as: &str) {
        let newer = self.node("newer", acts_as).await;
        self.publish_ahead(COUNT, 3_600).await;
        self.outcomes.until_count(SCHEDULED, COUNT).await;
        process::end(&newer).await;
        self.make_due().await;
    }

    async fn make_due(&mut self) {
        let due =
            "UPDATE notifications SET send_at = now(), due_at = now() WHERE status = 'pending'";
        self.outcomes.execute(due).await;
    }

    /// A message of the node's own that waits in the database goes out: it has looked at what is due.
    async fn one_of_their_own_is_sent(&mut self) {
        self.publish_ahead(1, 1).await;
        self.sent(1).await;
    }

    async fn sent(&mut self, count: i64) {
        let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
        self.outcomes.until_count(sent, count).await;
    }

    async fn count(&mut self, condition: &str) -> i64 {
        let query = format!("SELECT count(*) FROM notifications WHERE {condition}");
        self.outcomes.count(&query).await
    }

    /// All was sent once, whoever did it, and nothing is dead.
    async fn all_is_well(&mut self) {
        self.sent(COUNT + 1).await;
        let ledger = &self.stage.ledger;
        let all = u64::try_from(COUNT + 1).unwrap();
        assert_eq!(ledger.accepted(), all, "nothing is sent twice");
        let dead = "SELECT count(*) FROM notification_dlq";
        assert_eq!(self.outcomes.count(dead).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_newer_form_are_left_to_the_newer_version() {
    let mut versions = Versions::new().await;
    versions.put_off_by_the_next("announced").await;
    let older = versions.node("older", "").await;
    versions.one_of_their_own_is_sent().await;
    let untouched =
        "status = 'pending' AND owner IS NULL AND unreadable_count = 0 AND due_at <= now()";
    assert_eq!(versions.count(untouched).await, COUNT);
    let events = "SELECT count(*) FROM admin_system_events";
    assert_eq!(versions.outcomes.count(events).await, 0);

    // Beside each other, each does its own.
    let newer = versions.node("newer", "announced").await;
    versions.all_is_well().await;
    for node in [older, newer] {
        process::end(&node).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_is_given_back_whole_and_told_of_once() {
    let mut versions = Versions::new().await;
    versions.put_off_by_the_next("silent").await;
    // Also what any account may have as soon as there is room comes up again in a minute only.
    let waits = "UPDATE notifications SET reason = 'waiting_for_provider', waits_for = 'any'";
    versions.outcomes.execute(waits).await;
    let older = versions.node("older", "").await;
    let given_back = "SELECT count(*) FROM notifications WHERE status = 'pending' AND owner IS NULL
                      AND unreadable_count = 1 AND due_at > now()";
    versions.outcomes.until_count(given_back, COUNT).await;
    older
        .says("a stored notification cannot be read")
        .await
        .unwrap();
    versions.one_of_their_own_is_sent().await;
    let events = "SELECT count(*) FROM admin_system_events WHERE NOT is_resolved
                  AND event_type = 'notification_unreadable'";
    versions.outcomes.until_count(events, 1).await;

    // It comes up again, and then waits twice as long.
    versions.make_due().await;
    let again = "SELECT count(*) FROM notifications WHERE unreadable_count = 2 AND owner IS NULL
                 AND due_at > now() + interval '1 minute'";
    versions.outcomes.until_count(again, COUNT).await;
    process::end(&older).await;
    assert_eq!(versions.outcomes.count(events).await, 1);

    versions.make_due().await;
    let newer = versions.node("newer", "silent").await;
    versions.all_is_well().await;
    let whole = "payload ? 'next_version' AND attempts @> '[{\"step\": \"noticed\"}]'
                 AND attempts @> '[{\"class\": \"noticed\"}, {\"class\": \"accepted\"}]'";
    assert_eq!(versions.count(whole).await, COUNT);
    process::end(&newer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_client_cannot_read_stops_none_beside_it() {
    let mut versions = Versions::new().await;
    let node = versions.node("only", "").await;
    versions.publish_ahead(COUNT, 3_600).await;
    versions.outcomes.until_count(SCHEDULED, COUNT).await;
    // Finite, and beyond what the client's calendar has.
    versions
        .outcomes
        .execute(
            "UPDATE notifications SET due_at = now(), send_at = now(),
                 expires_at = CASE WHEN id = (SELECT min(id::text)::uuid FROM notifications)
                                   THEN timestamptz '290000-01-01Z' END",
        )
        .await;
    versions.sent(COUNT - 1).await;
    let given_back =
        "SELECT count(*) FROM notifications WHERE status = 'pending' AND unreadable_count = 1";
    versions.outcomes.until_count(given_back, 1).await;
    process::end(&node).await;
}
