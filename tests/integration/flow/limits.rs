//! How fast an account may be asked, and who goes first when that is slow.

use std::time::Duration;

use herald::runtime::clock;
use loadtest::simulator::{Behaviour, Fault, Latency, Provider, Rule, Simulator, When};
use serde_json::{Value, json};

use crate::faults::process;
use crate::outcomes::Row;
use crate::stage::{ANA, Stage, account_named, ana, envelope, envelope_with};

/// A tenant of its own, with one person.
const OTHER: &str = r#"
[[tenants]]
id = "0190c1a0-0000-7000-8000-00000000000b"
name = "other"

[[users]]
id = "0190c1a0-0000-7000-8000-0000000000b1"
tenant_id = "0190c1a0-0000-7000-8000-00000000000b"
email = "ben@example.com"
username = "ben"
"#;

fn limited(simulator: &Simulator, limit: u32) -> String {
    let account = account_named(simulator, "limited", 0);
    account.replace(
        "timeout_seconds",
        &format!("rate_limit = {limit}\ntimeout_seconds"),
    )
}

fn all_sent(count: usize) -> impl Fn(&[Row]) -> bool {
    move |rows| rows.len() == count && rows.iter().all(|row| row.is("sent", None))
}

fn sent(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.is("sent", None)).count()
}

fn low() -> Value {
    envelope_with("email", json!({ "priority": "low" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_is_kept_by_everything_that_comes_meanwhile() {
    let stage = Stage::with_lanes("email.normal").await;
    let made = clock::instant();
    let fault = Fault::Status {
        status: 429,
        retry_after_seconds: Some(2),
        body: None,
    };
    let busy = Behaviour::default().rule(Rule::always(fault).when(When::First(1)));
    let sendgrid = stage.behaving(Provider::SendGrid, busy);
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let before = made.elapsed();
    publisher.publish(&envelope("email")).await;
    outcomes.only("pending", Some("retry")).await;
    for _ in 0..5 {
        publisher.publish(&envelope("email")).await;
    }
    let rows = outcomes.until(all_sent(6)).await;
    let first = Duration::from_micros(stage.ledger.instants()[0]);
    assert!(
        first >= before + Duration::from_secs(2),
        "{first:?} after {before:?}"
    );
    let untouched = rows.iter().filter(|row| row.classes() == ["accepted"]);
    assert_eq!(untouched.count(), 5, "none of them was used up for that");
    assert_eq!(sendgrid.stats().requests, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_together_keep_the_limit_of_an_account() {
    let mut stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}{}", ana(), limited(&sendgrid, 600)));
    let mut outcomes = stage.outcomes().await;
    let _one = stage.start().await;
    stage.set("HERALD__HTTP__BIND", "127.0.0.1:0");
    let _other = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..40 {
        publisher.publish(&envelope("email")).await;
    }
    outcomes.until(all_sent(40)).await;
    let instants = stage.ledger.instants();
    // Ten at once, then one in 104 ms; a token may be used half a second late.
    for (at, first) in instants.iter().enumerate() {
        for (count, last) in (1..).zip(&instants[at..]) {
            let most = 10.0 + ((last - first) as f64 / 1e6 + 0.5) / 0.104 + 1.0;
            assert!(
                f64::from(count) <= most,
                "{count} within {} us",
                last - first
            );
        }
    }
    let span = instants.last().unwrap() - instants.first().unwrap();
    assert!(span >= 2_500_000, "{span}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_urgent_one_passes_the_bulk_that_waits_for_tokens() {
    let stage = Stage::with_lanes("email.*").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}{}", ana(), limited(&sendgrid, 120)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..16 {
        publisher.publish(&low()).await;
    }
    outcomes.until(|rows| sent(rows) >= 2).await;
    let urgent = envelope_with("email", json!({ "priority": "urgent" }));
    let key = urgent["idempotency_key"].as_str().unwrap().to_owned();
    publisher.publish(&urgent).await;
    let done = format!(
        "SELECT count(*) FROM notifications WHERE priority = 'urgent' AND status = 'sent' -- {key}"
    );
    outcomes.until_count(&done, 1).await;
    let accepted = stage.ledger.accepted();
    assert!(accepted <= 8, "{accepted} of 17 were before it, or with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_of_a_tenant_are_not_behind_sixty_of_another() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}{OTHER}{}", ana(), limited(&sendgrid, 600)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..60 {
        publisher.publish(&envelope("email")).await;
    }
    outcomes.until(|rows| sent(rows) >= 10).await;
    for _ in 0..5 {
        let theirs = json!({
            "tenant_id": "0190c1a0-0000-7000-8000-00000000000b",
            "user_id": "0190c1a0-0000-7000-8000-0000000000b1",
        });
        publisher.publish(&envelope_with("email", theirs)).await;
    }
    let done =
        format!("SELECT count(*) FROM notifications WHERE user_id <> '{ANA}' AND status = 'sent'");
    outcomes.until_count(&done, 5).await;
    let accepted = stage.ledger.accepted();
    assert!(
        accepted <= 45,
        "{accepted} of 65 were before them, or with them"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_waits_too_long_for_tokens_moves_to_the_database() {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__PROVIDERS__QUEUE_WAIT", "1s");
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}{}", ana(), limited(&sendgrid, 1)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..3 {
        publisher.publish(&envelope("email")).await;
    }
    let waiting = |row: &&Row| row.is("pending", Some("waiting_for_provider"));
    let rows = outcomes
        .until(|rows| sent(rows) == 1 && rows.iter().filter(waiting).count() == 2)
        .await;
    assert!(
        rows.iter()
            .filter(waiting)
            .all(|row| row.attempt_count == 0)
    );
    assert_eq!(sendgrid.stats().requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_behind_hanging_requests_go_when_these_have_ended() {
    let mut stage = Stage::with_lanes("email.*").await;
    stage.set("HERALD__PROVIDERS__CONCURRENCY", "2");
    let hangs = Behaviour::default().rule(Rule::always(Fault::Hang).when(When::First(2)));
    let sendgrid = stage.behaving(Provider::SendGrid, hangs);
    let account = account_named(&sendgrid, "hangs", 0);
    let impatient = account.replace("timeout_seconds = 2", "timeout_seconds = 6");
    stage.apply(&format!("{}{impatient}", ana()));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..40 {
        publisher.publish(&envelope("email")).await;
    }
    // It comes when the account has not been asked for so long that its rate is anybody's guess.
    let later = (clock::now() + Duration::from_millis(2_500)).to_string();
    let later = json!({ "priority": "low", "send_at": later });
    publisher.publish(&envelope_with("email", later)).await;
    outcomes.until(all_sent(41)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deferred_jobs_of_a_slow_account_return_when_it_is_quick_again() {
    const FIRST: usize = 60;
    const REST: usize = 700;
    let mut stage = Stage::with_lanes("email.*").await;
    stage.set("HERALD__PROVIDERS__CONCURRENCY", "2");
    let slow = Behaviour::default().latency(Latency::Fixed { ms: 500.0 });
    let sendgrid = stage.behaving(Provider::SendGrid, slow);
    stage.apply(&format!("{}{}", ana(), account_named(&sendgrid, "slow", 0)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..FIRST {
        publisher.publish(&envelope("email")).await;
    }
    // By then some have waited for longer than a second.
    let some = "SELECT (count(*) >= 6)::int::bigint AS count FROM notifications";
    outcomes.until_count(some, 1).await;
    for _ in 0..REST {
        publisher.publish(&envelope("email")).await;
    }
    let put_off = "SELECT (count(*) >= 500)::int::bigint AS count FROM notifications
        WHERE waits_for = 'account:slow' AND due_at > now() + interval '5 hours'";
    outcomes.until_count(put_off, 1).await;
    sendgrid.set_behaviour(Behaviour::default());
    outcomes.until(all_sent(FIRST + REST)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deferred_jobs_are_called_back_by_a_node_that_finds_the_account_quick() {
    const MESSAGES: usize = 1_000;
    let mut stage = Stage::with_lanes("email.*").await;
    stage.set("HERALD__PROVIDERS__CONCURRENCY", "2");
    let slow = Behaviour::default().latency(Latency::Fixed { ms: 500.0 });
    let sendgrid = stage.behaving(Provider::SendGrid, slow);
    stage.apply(&format!("{}{}", ana(), account_named(&sendgrid, "slow", 0)));
    let mut outcomes = stage.outcomes().await;
    let engine = process::engine(stage.herald(&["serve"])).await;
    let publisher = stage.publisher().await;
    for _ in 0..MESSAGES {
        publisher.publish(&envelope("email")).await;
    }
    let put_off = "SELECT (count(*) >= 800)::int::bigint AS count FROM notifications
        WHERE waits_for = 'account:slow' AND due_at > now() + interval '5 hours'";
    outcomes.until_count(put_off, 1).await;
    engine.kill().await.unwrap();
    sendgrid.set_behaviour(Behaviour::default());
    let _another = stage.start().await;
    outcomes
        .until(|rows| rows.iter().filter(|row| row.is("sent", None)).count() >= MESSAGES - 4)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_of_a_tenant_come_through_a_lane_full_of_another_tenants() {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__LANES__NORMAL", "64");
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}{OTHER}{}", ana(), limited(&sendgrid, 120)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    // At two a second these take a quarter of an hour, and fill the lane many times over.
    for _ in 0..1_800 {
        publisher.publish(&envelope("email")).await;
    }
    for _ in 0..5 {
        let theirs = json!({
            "tenant_id": "0190c1a0-0000-7000-8000-00000000000b",
            "user_id": "0190c1a0-0000-7000-8000-0000000000b1",
        });
        publisher.publish(&envelope_with("email", theirs)).await;
    }
    let done =
        format!("SELECT count(*) FROM notifications WHERE user_id <> '{ANA}' AND status = 'sent'");
    outcomes.until_count(&done, 5).await;
    let waiting = "SELECT count(*) FROM notifications WHERE waits_for = 'account:limited'";
    assert!(outcomes.count(waiting).await > 500);
    // What the limit has put off is called back faster once it is raised.
    stage.apply(&limited(&sendgrid, 60_000));
    outcomes.until_count(waiting, 0).await;
}
