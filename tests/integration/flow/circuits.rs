//! An account that fails is left alone, tried by one request at a time, and taken back.

use std::time::Duration;

use herald::runtime::clock;
use loadtest::simulator::{Behaviour, Fault, Provider, Rule, Simulator, When};

use crate::outcomes::{Outcomes, Row};
use crate::stage::{Stage, account_named, envelope};

/// Fails in this pick of its requests.
fn failing(when: When) -> Behaviour {
    let fault = Fault::Status {
        status: 503,
        retry_after_seconds: None,
        body: None,
    };
    Behaviour::default().rule(Rule::always(fault).when(when))
}

/// Two accounts for mail: the first choice fails, the second works.
async fn stage(when: When, open_for: &str) -> (Stage, Simulator, Simulator) {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__PROVIDERS__CIRCUIT__MINIMUM_REQUESTS", "5");
    stage.set("HERALD__PROVIDERS__CIRCUIT__OPEN_FOR", open_for);
    let first = stage.behaving(Provider::SendGrid, failing(when));
    let second = stage.simulator(Provider::Smtp);
    stage.apply_ana_and_choices(&first, &second);
    (stage, first, second)
}

/// One account for mail, whose first request fails and opens its circuit for two seconds.
async fn stage_of_one() -> (Stage, Simulator) {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__PROVIDERS__CIRCUIT__MINIMUM_REQUESTS", "1");
    stage.set("HERALD__PROVIDERS__CIRCUIT__OPEN_FOR", "2s");
    let only = stage.behaving(Provider::SendGrid, failing(When::First(1)));
    stage.apply_ana_and(&[&only]);
    (stage, only)
}

/// Publishes so many and waits until all that was ever published is sent.
async fn send(stage: &Stage, outcomes: &mut Outcomes, count: usize) -> Vec<Row> {
    let before = outcomes.rows().await.len();
    let publisher = stage.publisher().await;
    for _ in 0..count {
        publisher.publish(&envelope("email")).await;
    }
    let sent =
        |rows: &[Row]| rows.len() == before + count && rows.iter().all(|row| row.is("sent", None));
    outcomes.until(sent).await
}

const OPEN_EVENTS: &str = "SELECT count(*) FROM admin_system_events WHERE NOT is_resolved
    AND event_type = 'provider_circuit_open' AND details ->> 'provider' = 'first'";

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_provider_is_left_alone_and_mail_flows_through_the_second() {
    let (stage, first, _second) = stage(When::Always, "1m").await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    send(&stage, &mut outcomes, 20).await;
    outcomes.until_count(OPEN_EVENTS, 1).await;
    let open = "SELECT count(*) FROM provider_health h JOIN provider_configs p ON p.id = provider_id
        WHERE provider_name = 'first' AND state = 'open' AND available_at > now() + interval '30 s'";
    assert_eq!(outcomes.count(open).await, 1);
    let asked = first.stats().requests;
    let rows = send(&stage, &mut outcomes, 20).await;
    assert_eq!(first.stats().requests, asked, "nobody asks it any more");
    assert!(
        rows.iter()
            .all(|row| row.provider.as_deref() == Some("second"))
    );
    assert!(rows.iter().all(|row| row.attempt_count == 1));
    let untouched = rows.iter().filter(|row| row.classes() == ["accepted"]);
    assert!(
        untouched.count() >= 20,
        "to be moved on leaves no answer behind"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_provider_gets_one_probe_in_each_open_period() {
    let (stage, first, _second) = stage(When::Always, "200ms").await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    send(&stage, &mut outcomes, 20).await;
    outcomes.until_count(OPEN_EVENTS, 1).await;
    let (tripped, start) = (first.stats().requests, clock::instant());
    // Whenever a period ends, ten compete for being the probe.
    while first.stats().requests < tripped + 4 {
        send(&stage, &mut outcomes, 10).await;
    }
    let probes = first.stats().requests - tripped;
    assert_eq!(probes, 4, "no round adds more than one");
    // The first period may have ended before the count began; then 400, 800 and 1,600 ms.
    assert!(
        start.elapsed() >= Duration::from_millis(2_600),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tripped_account_returns_once_a_probe_succeeds() {
    let (stage, first, _second) = stage(When::First(7), "200ms").await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    send(&stage, &mut outcomes, 5).await;
    outcomes.until_count(OPEN_EVENTS, 1).await;
    loop {
        let rows = send(&stage, &mut outcomes, 2).await;
        if rows
            .iter()
            .any(|row| row.provider.as_deref() == Some("first"))
        {
            break;
        }
    }
    outcomes.until_count(OPEN_EVENTS, 0).await;
    let rows = send(&stage, &mut outcomes, 20).await;
    let last = &rows[rows.len() - 20..];
    assert!(
        last.iter()
            .all(|row| row.provider.as_deref() == Some("first"))
    );
    assert_eq!(first.stats().faults, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_left_to_ask_it_waits_with_its_attempts_unused_and_then_goes() {
    let (stage, only) = stage_of_one().await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    let first = outcomes
        .until(|rows| rows.iter().any(|row| row.status == "pending"))
        .await;
    // They wait in RabbitMQ, since the lane is paused; one that slips in waits in the database.
    for _ in 0..5 {
        publisher.publish(&envelope("email")).await;
    }
    let sent = |rows: &[Row]| rows.len() == 6 && rows.iter().all(|row| row.is("sent", None));
    let rows = outcomes.until(sent).await;
    let requests = only.stats().requests;
    assert_eq!(
        requests, 7,
        "the one that failed, the probe, and five others"
    );
    for row in rows.iter().filter(|row| row.id != first[0].id) {
        assert_eq!((row.attempt_count, row.classes()), (1, vec!["accepted"]));
    }
}

/// As what an account had no room for, before its circuit opened.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_channel_is_probed_by_what_waits_for_its_account_alone() {
    for waits_for in ["account", "pinned"] {
        let (stage, _only) = stage_of_one().await;
        let mut outcomes = stage.outcomes().await;
        let _engine = stage.start().await;
        stage.publisher().await.publish(&envelope("email")).await;
        let pending = |rows: &[Row]| rows.iter().any(|row| row.status == "pending");
        outcomes.until(pending).await;
        let wait = format!(
            "UPDATE notifications SET reason = 'waiting_for_provider', due_at = now() + interval '6 hours',
                 waits_for = (SELECT '{waits_for}:' || provider_name FROM provider_configs)"
        );
        outcomes.execute(&wait).await;
        outcomes.only("sent", None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_rate_limit_leaves_an_open_circuit_open_and_new_credentials_do_not() {
    let (stage, first, _second) = stage(When::First(5), "1m").await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    send(&stage, &mut outcomes, 5).await;
    outcomes.until_count(OPEN_EVENTS, 1).await;
    let limited =
        account_named(&first, "first", 10).replace("api_key", "rate_limit = 6000\napi_key");
    let third = stage.simulator(Provider::Smtp);
    stage.apply(&format!("{limited}{}", account_named(&third, "third", 5)));
    // Once the third is in use, so is the limit: accounts are taken over together.
    let by =
        |rows: &[Row], name: &str| rows.iter().any(|row| row.provider.as_deref() == Some(name));
    loop {
        let rows = send(&stage, &mut outcomes, 1).await;
        assert!(!by(&rows, "first"));
        if by(&rows, "third") {
            break;
        }
    }
    send(&stage, &mut outcomes, 5).await;
    assert_eq!(first.stats().requests, 5);
    stage.apply(&limited.replace("SG.key", "SG.other"));
    loop {
        let rows = send(&stage, &mut outcomes, 1).await;
        if rows
            .iter()
            .any(|row| row.provider.as_deref() == Some("first"))
        {
            break;
        }
    }
    outcomes.until_count(OPEN_EVENTS, 0).await;
}
