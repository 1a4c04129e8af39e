//! Accounts that go out of use, or change, while messages wait for them.

use std::time::Duration;

use herald::runtime::clock;
use jiff::Timestamp;
use loadtest::simulator::{Provider, Simulator};

use crate::outcomes::Row;
use crate::stage::{Stage, account_named, ana, envelope};

/// How long after `herald apply` has ended a request may still be started.
const AT_ONCE: Duration = Duration::from_secs(1);

/// So many wait in the account's queue, not yet in the database: they take a quarter of a minute there.
const QUEUED: usize = 16;

/// An account that takes one a second.
fn slow(simulator: &Simulator, name: &str) -> String {
    account_named(simulator, name, 10)
        .replace("timeout_seconds", "rate_limit = 60\ntimeout_seconds")
}

fn switched_off(account: &str) -> String {
    account.replace("timeout_seconds", "is_active = false\ntimeout_seconds")
}

fn sent_by(name: &str) -> impl Fn(&&Row) -> bool {
    move |row| row.is("sent", None) && row.provider.as_deref() == Some(name)
}

/// When an account was asked, for all rows.
fn asked(rows: &[Row], name: &str) -> Vec<Timestamp> {
    let steps = rows.iter().flat_map(|row| row.attempts.as_array().unwrap());
    let asked = steps.filter(|step| step["provider"] == name && step["class"].is_string());
    asked
        .map(|step| step["at"].as_str().unwrap().parse().unwrap())
        .collect()
}

async fn publish(stage: &Stage, count: usize) {
    let publisher = stage.publisher().await;
    for _ in 0..count {
        publisher.publish(&envelope("email")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_of_an_account_that_is_switched_off_goes_to_the_others_at_once() {
    let stage = Stage::with_lanes("email.normal").await;
    let (main, other) = (
        stage.simulator(Provider::SendGrid),
        stage.simulator(Provider::SendGrid),
    );
    let slow = slow(&main, "main");
    stage.apply(&format!(
        "{}{slow}{}",
        ana(),
        account_named(&other, "other", 0)
    ));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    publish(&stage, QUEUED).await;
    outcomes
        .until(|rows| rows.iter().filter(sent_by("main")).count() >= 2)
        .await;
    stage.apply(&switched_off(&slow));
    let switched_off = clock::now();
    let rows = outcomes
        .until(|rows| rows.len() == QUEUED && rows.iter().all(|row| row.is("sent", None)))
        .await;
    let late = asked(&rows, "main")
        .into_iter()
        .filter(|at| *at > switched_off + AT_ONCE);
    assert_eq!(late.count(), 0);
    let by_main = rows.iter().filter(sent_by("main")).count();
    assert!(by_main < QUEUED / 2, "{by_main}");
    assert_eq!(
        main.stats().requests + other.stats().requests,
        QUEUED as u64
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_another_account_what_waited_for_one_that_is_switched_off_waits_in_the_database() {
    let stage = Stage::with_lanes("email.normal").await;
    let main = stage.simulator(Provider::SendGrid);
    let slow = slow(&main, "main");
    stage.apply(&format!("{}{slow}", ana()));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    publish(&stage, QUEUED).await;
    outcomes
        .until(|rows| rows.iter().any(|row| row.is("sent", None)))
        .await;
    stage.apply(&switched_off(&slow));
    let waits = |row: &Row| row.is("pending", Some("waiting_for_provider"));
    let rows = outcomes
        .until(|rows| {
            let rest = rows.iter().filter(|row| !row.is("sent", None));
            rows.len() == QUEUED && rest.clone().count() > 0 && rest.clone().all(waits)
        })
        .await;
    let attempts: i32 = rows
        .iter()
        .filter(|row| waits(row))
        .map(|row| row.attempt_count)
        .sum();
    assert_eq!(attempts, 0);
    let by_main = rows.iter().filter(sent_by("main")).count();
    assert!(by_main < QUEUED / 2, "{by_main}");
}

#[tokio::test(flavor = "multi_thread")]
async fn notification_waiting_for_an_account_is_sent_with_its_changed_settings() {
    let stage = Stage::with_lanes("email.normal").await;
    let main = stage.simulator(Provider::SendGrid);
    let slow = slow(&main, "main");
    stage.apply(&format!("{}{slow}", ana()));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    publish(&stage, QUEUED).await;
    outcomes
        .until(|rows| rows.iter().any(|row| row.is("sent", None)))
        .await;
    let changed = slow
        .replace("hello@example.com", "news@example.com")
        .replace("rate_limit = 60\n", "");
    stage.apply(&changed);
    let changed_at = clock::now();
    let rows = outcomes
        .until(|rows| rows.len() == QUEUED && rows.iter().all(|row| row.is("sent", None)))
        .await;
    let in_time = |at: &Timestamp| *at <= changed_at + AT_ONCE;
    let before = asked(&rows, "main").into_iter().filter(in_time).count();
    let old = main
        .requests()
        .iter()
        .filter(|request| request.text().contains("hello@example.com"))
        .count();
    assert!(
        old <= before && old < QUEUED / 2,
        "{old} with the former sender"
    );
}
