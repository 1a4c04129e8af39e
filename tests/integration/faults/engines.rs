//! Two engines on one database and one vhost, of which one dies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use herald::runtime::clock;
use jiff::SignedDuration;
use loadtest::publisher::Mix;
use loadtest::simulator::{Provider, Simulator};
use serde_json::{Value, json};
use uuid::Uuid;

use super::process::Process;
use super::scene::{Scene, answering_after, mix, slow};
use super::verdict::Excuses;
use crate::outcomes::Row;
use crate::stage::{PATIENCE, Stage, account_named, envelope_with};

/// Milliseconds: what one engine has in hand comes to the other one while it is still in hand.
const SLOWER_THAN_A_RETURN: f64 = 1_500.0;

#[tokio::test(flavor = "multi_thread")]
async fn engine_takes_over_the_jobs_of_a_dead_engine() {
    let mut scene = Scene::with(slow()).await;
    let dying = start(&scene, "one").await;
    let scheduled = Mix {
        scheduled_share: 0.4,
        // Ahead enough to be put off when they arrive, all of them.
        schedule_ahead_ms: 2_000,
        ..mix()
    };
    let load = scene.load(scheduled, 1_500, 0.0).await;
    let run = dying.run().await;
    let taken = format!(
        "SELECT least(count(*), 1) AS count FROM notifications
         WHERE status = 'pending' AND owner = {run}"
    );
    scene.outcomes.until_count(&taken, 1).await;
    // It stops and keeps what it holds, which can be counted, and which nobody may take.
    dying.signal("STOP");
    let in_flight = scene.in_flight(run).await;
    let _living = start(&scene, "two").await;
    dying.kill().await;

    let published = load.published().await;
    scene.nothing_is_lost(&published.expected).await;
    let mut excuses = Excuses::default();
    excuses.add(&in_flight);
    let repeated = scene.only_excused_repetitions(&excuses).await;
    println!("{repeated} sent twice, {} were in flight", excuses.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn as_long_as_both_live_nothing_is_repeated() {
    let mut scene = Scene::with(answering_after(SLOWER_THAN_A_RETURN)).await;
    let (one, two) = (start(&scene, "one").await, start(&scene, "two").await);
    // Deliveries that were with one go to the other, which must leave the claims alone.
    let load = scene.load(mix(), 900, 0.0).await;
    let published = load.published().await;
    scene.accepted(1).await;
    assert!(scene.stage.vhost.cut_connections().await > 1);
    scene.nothing_is_lost(&published.expected).await;
    scene.nothing_is_sent_twice().await;
    let runs = "SELECT count(DISTINCT owner) FROM notification_deduplication";
    assert_eq!(scene.outcomes.count(runs).await, 2, "one did it all");
    for engine in [one, two] {
        engine.signal("TERM");
        assert!(engine.ended(crate::stage::PATIENCE).await.success());
    }
    scene.the_lanes_are_empty().await;
}

/// Most e-mails a day for each person, and people.
const CAP: usize = 3;
const PEOPLE: u128 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_caps_hold_while_one_of_two_is_killed() {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__LANES__NORMAL", "32");
    let builder = Simulator::builder(Provider::SendGrid).ledger(Arc::clone(&stage.ledger));
    let sendgrid = builder.record(1_000).start().unwrap();
    let account = account_named(&sendgrid, "limited", 0);
    let limited = account.replace("timeout_seconds", "rate_limit = 600\ntimeout_seconds");
    let person = |n: u128| Uuid::from_u128(0x0190_c1a0_0000_7000_8000_0000_0000_00a0 + n);
    let people: Vec<String> = (0..PEOPLE)
        .map(|n| {
            let id = person(n);
            format!(
                "[[users]]\nid = \"{id}\"\nemail = \"p{n}@example.com\"\n[[preferences]]\n\
                 user_id = \"{id}\"\nchannel = \"email\"\nfrequency_cap = {CAP}\n"
            )
        })
        .collect();
    stage.apply(&format!("{limited}{}", people.concat()));
    let mut outcomes = stage.outcomes().await;
    let node = |name: &str| {
        let mut command = stage.herald(&["serve"]);
        command.env("HERALD__ENGINE__NODE_NAME", name);
        command.env("HERALD__HTTP__BIND", "127.0.0.1:0");
        Process::engine(command)
    };
    let (dying, _living) = (node("one").await, node("two").await);
    let publisher = stage.publisher().await;
    let count = usize::try_from(PEOPLE).unwrap() * 8;
    for n in 0..count as u128 {
        let whose = json!({ "user_id": person(n % PEOPLE).to_string() });
        publisher.publish(&envelope_with("email", whose)).await;
    }
    assert!(stage.ledger.wait_for_accepted(8, PATIENCE).await);
    dying.kill().await;
    let ended =
        |rows: &[Row]| rows.len() == count && rows.iter().all(|row| row.status != "pending");
    let rows = outcomes.until(ended).await;
    let sent = rows.iter().filter(|row| row.is("sent", None)).count();
    assert_eq!(
        sent,
        CAP * usize::try_from(PEOPLE).unwrap(),
        "all that the caps allow"
    );

    // What was in flight may have been sent again, but never another one.
    let mut got: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in sendgrid.requests() {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let to = &body["personalizations"][0];
        let address = to["to"][0]["email"].as_str().unwrap().to_owned();
        let id = to["custom_args"]["notification_id"].as_str().unwrap();
        got.entry(address).or_default().insert(id.to_owned());
    }
    assert!(got.values().all(|ids| ids.len() <= CAP), "{got:#?}");
    // Ten at once, then one in 104 ms; a token may be used half a second late.
    let instants = stage.ledger.instants();
    for (at, first) in instants.iter().enumerate() {
        for (asked, last) in (1..).zip(&instants[at..]) {
            let most = 10.0 + ((last - first) as f64 / 1e6 + 0.5) / 0.104 + 1.0;
            assert!(
                f64::from(asked) <= most,
                "{asked} within {} us",
                last - first
            );
        }
    }
}

/// Rows that are due at once.
const DUE: i64 = 100;
const SENT: &str = "SELECT count(*) FROM notifications WHERE status = 'sent'";

/// A stage with one account, of which a node holds a few at a time.
async fn narrow() -> (Stage, Simulator) {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__LANES__NORMAL", "64");
    let sendgrid = stage.behaving(Provider::SendGrid, super::scene::unhurried());
    stage.apply_ana_and(&[&sendgrid]);
    (stage, sendgrid)
}

async fn node(stage: &Stage, name: &str, seconds_ahead: u32) -> Process {
    let mut command = stage.herald(&["serve"]);
    command.env("HERALD__ENGINE__NODE_NAME", name);
    command.env("HERALD__HTTP__BIND", "127.0.0.1:0");
    command.env("HERALD_FAILPOINT_CLOCK_AHEAD", seconds_ahead.to_string());
    Process::engine(command).await
}

async fn publish_ahead(stage: &Stage, count: i64, ahead: SignedDuration) {
    let publisher = stage.publisher().await;
    let later = json!({ "send_at": (clock::now() + ahead).to_string() });
    for _ in 0..count {
        publisher
            .publish(&envelope_with("email", later.clone()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_rows_that_are_due_at_once_are_sent_once_by_two_engines() {
    let (stage, _sendgrid) = narrow().await;
    let mut outcomes = stage.outcomes().await;
    let (_one, _two) = tokio::join!(node(&stage, "one", 0), node(&stage, "two", 0));
    publish_ahead(&stage, DUE, SignedDuration::from_hours(1)).await;
    let scheduled = "SELECT count(*) FROM notifications WHERE reason = 'scheduled'";
    outcomes.until_count(scheduled, DUE).await;
    let due = "UPDATE notifications SET send_at = now(), due_at = now()";
    outcomes.execute(due).await;
    outcomes.until_count(SENT, DUE).await;
    let all = u64::try_from(DUE).unwrap();
    assert_eq!(stage.ledger.accepted(), all, "{:?}", stage.ledger.totals());
    let runs = "SELECT count(DISTINCT take >> 32) FROM notifications";
    assert_eq!(outcomes.count(runs).await, 2, "one took them all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_twenty_minutes_ahead_sends_nothing_early() {
    let (stage, _sendgrid) = narrow().await;
    let mut outcomes = stage.outcomes().await;
    let ahead = node(&stage, "ahead", 1_200).await;
    // It alone takes these on, and must not take them for late.
    publish_ahead(&stage, DUE, SignedDuration::from_mins(10)).await;
    let scheduled = "SELECT count(*) FROM notifications WHERE reason = 'scheduled'
        AND due_at BETWEEN now() + interval '8 minutes' AND now() + interval '10 minutes'";
    outcomes.until_count(scheduled, DUE).await;
    let _right = node(&stage, "right", 0).await;
    // Both have looked at what is due by the time when this one is sent.
    publish_ahead(&stage, 1, SignedDuration::from_secs(2)).await;
    outcomes.until_count(SENT, 1).await;
    assert_eq!(stage.ledger.accepted(), 1);
    assert_eq!(outcomes.count(scheduled).await, DUE);
    let due = "UPDATE notifications SET send_at = now(), due_at = now() WHERE status = 'pending'";
    outcomes.execute(due).await;
    outcomes.until_count(SENT, DUE + 1).await;
    let all = u64::try_from(DUE + 1).unwrap();
    assert_eq!(stage.ledger.accepted(), all, "each is sent once");
    ahead.signal("TERM");
    assert!(ahead.ended(PATIENCE).await.success());
}

async fn start(scene: &Scene, node: &str) -> Process {
    let mut command = scene.stage.herald(&["serve"]);
    command.env("HERALD__ENGINE__NODE_NAME", node);
    command.env("HERALD__HTTP__BIND", "127.0.0.1:0");
    Process::engine(command).await
}
