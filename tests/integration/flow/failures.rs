//! What a provider's refusals and silences lead to.

use loadtest::simulator::{Behaviour, Fault, Provider, Rule, When};
use serde_json::json;

use crate::stage::{Stage, account_named, ana, envelope, envelope_with};

fn status(status: u16) -> Rule {
    Rule::always(Fault::Status {
        status,
        retry_after_seconds: None,
        body: None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transient_failure_is_retried_until_it_succeeds() {
    let stage = Stage::with_lanes("email.normal").await;
    let failing = Behaviour::default().rule(status(503).when(When::First(3)));
    let sendgrid = stage.behaving(Provider::SendGrid, failing);
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(
        row.classes(),
        ["transient", "transient", "transient", "accepted"]
    );
    assert_eq!(row.attempt_count, 4);
    assert_eq!(stage.ledger.count_of(row.id), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_used_up_end_in_the_dead_letters() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.behaving(Provider::SendGrid, Behaviour::default().rule(status(500)));
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let message = envelope_with("email", json!({ "max_retries": 2 }));
    stage.publisher().await.publish(&message).await;
    let row = outcomes.only("failed", Some("retries_exhausted")).await;
    assert_eq!(row.attempt_count, 3);
    assert_eq!(row.dead, ["retries_exhausted"]);
    assert_eq!(sendgrid.stats().requests, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_provider_takes_over_at_once() {
    let stage = Stage::with_lanes("email.normal").await;
    let first = stage.behaving(Provider::SendGrid, Behaviour::default().rule(status(503)));
    let second = stage.simulator(Provider::Smtp);
    stage.apply_ana_and_choices(&first, &second);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.provider.as_deref(), Some("second"));
    assert_eq!(row.classes(), ["transient", "accepted"]);
    assert_eq!(
        row.attempt_count, 1,
        "one pass over the route is one attempt"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_refusal_asks_nobody_else_and_is_a_dead_letter() {
    let stage = Stage::with_lanes("sms.normal").await;
    let first = stage.simulator(Provider::Twilio);
    let second = stage.simulator(Provider::Twilio);
    stage.apply_ana_and_choices(&first, &second);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    // Twilio's test number for "invalid number".
    let message = envelope_with("sms", json!({ "to": "+15005550001" }));
    stage.publisher().await.publish(&message).await;
    let row = outcomes.only("failed", Some("invalid_recipient")).await;
    assert_eq!(row.dead, ["invalid_recipient"]);
    assert_eq!(row.classes(), ["permanent"]);
    assert_eq!(second.stats().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_take_the_provider_out_and_tell_the_operators() {
    let stage = Stage::with_lanes("email.normal").await;
    let first = stage.behaving(Provider::SendGrid, Behaviour::default().rule(status(401)));
    let second = stage.simulator(Provider::Smtp);
    stage.apply_ana_and_choices(&first, &second);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.classes(), ["account_refused", "accepted"]);
    let open = "SELECT count(*) FROM admin_system_events WHERE NOT is_resolved
        AND event_type = 'provider_credentials_refused' AND details ->> 'provider' = 'first'";
    outcomes.until_count(open, 1).await;
    publisher.publish(&envelope("email")).await;
    outcomes
        .until(|rows| rows.len() == 2 && rows.iter().all(|row| row.is("sent", None)))
        .await;
    assert_eq!(
        first.stats().requests,
        1,
        "an account that is out is not asked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_provider_it_waits_with_its_attempts_unused() {
    let stage = Stage::with_lanes("email.normal").await;
    stage.apply(&ana());
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    let row = outcomes.only("pending", Some("waiting_for_provider")).await;
    assert_eq!(row.attempt_count, 0);
    // An account that is applied while the engine runs is used without a restart.
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&sendgrid]);
    outcomes
        .execute("UPDATE notifications SET due_at = now()")
        .await;
    loop {
        let rows = outcomes
            .until(|rows| rows[0].status == "sent" || rows[0].attempts != row.attempts)
            .await;
        if rows[0].status == "sent" {
            break;
        }
        outcomes
            .execute("UPDATE notifications SET due_at = now(), attempts = '[]'")
            .await;
    }
    assert_eq!(stage.ledger.count_of(row.id), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_unknown_and_asked_of_the_same_provider_again() {
    let stage = Stage::with_lanes("email.normal").await;
    let losing = Rule::always(Fault::DropAnswer).when(When::First(1));
    let sendgrid = stage.behaving(Provider::SendGrid, Behaviour::default().rule(losing));
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.classes(), ["unknown", "accepted"]);
    assert!(
        stage
            .ledger
            .sent_twice()
            .iter()
            .all(|twice| twice.unexcused() == 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_after_a_good_status_is_an_acceptance() {
    let stage = Stage::with_lanes("email.normal").await;
    let garbage = Rule::always(Fault::Garbage { bytes: 300 });
    let sendgrid = stage.behaving(Provider::SendGrid, Behaviour::default().rule(garbage));
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(stage.ledger.count_of(row.id), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_was_switched_off_is_never_used() {
    let stage = Stage::with_lanes("email.urgent").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&sendgrid]);
    let user_id = crate::stage::ANA;
    stage.apply(&format!(
        "[[preferences]]\nuser_id = \"{user_id}\"\nchannel = \"email\"\nenabled = false\n"
    ));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let message = envelope_with("email", json!({ "priority": "urgent" }));
    stage.publisher().await.publish(&message).await;
    outcomes.only("cancelled", Some("channel_disabled")).await;
    assert_eq!(sendgrid.stats().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_and_a_missing_variable_are_dead_letters() {
    let stage = Stage::with_lanes("email.normal,push.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    let people = r#"
[[users]]
id = "0190c1a0-0000-7000-8000-000000000001"
username = "ana"
email = "ana@example.com"

[[templates]]
name = "greeting"
message_type = "email"
subject = "Hello {{ name }}"
body = "Hello {{ name }}"
variables = ["name"]
"#;
    stage.apply(&format!(
        "{people}{}",
        account_named(&sendgrid, "sendgrid", 0)
    ));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("push")).await;
    let row = outcomes.only("failed", Some("no_address")).await;
    assert_eq!(row.dead, ["no_address"]);
    let mut message = envelope("email");
    message.as_object_mut().unwrap().remove("content");
    message["template"] = json!({ "name": "greeting", "variables": {} });
    publisher.publish(&message).await;
    let failed = |row: &crate::outcomes::Row| row.is("failed", Some("template_error"));
    let rows = outcomes.until(|rows| rows.iter().any(failed)).await;
    let row = rows.iter().find(|row| failed(row)).unwrap();
    assert_eq!(row.dead, ["template_error"]);
    assert!(
        row.error_message.as_deref().unwrap().contains("name"),
        "{row:?}"
    );
    assert_eq!(sendgrid.stats().requests, 0);
}
