//! What the answers of a whole pass lead to: who is refused, who cannot carry it, what may have been
//! sent, and which address is dead.

use loadtest::simulator::{Behaviour, Fault, Provider, Rule, Simulator, When};
use serde_json::json;

use crate::outcomes::{Outcomes, Row};
use crate::stage::{ANA, Stage, TestEngine, account_named, envelope, envelope_with};

/// Misbehaves at its first request.
fn at_first(rule: Rule) -> Behaviour {
    Behaviour::default().rule(rule.when(When::First(1)))
}

fn events(event_type: &str) -> String {
    format!("SELECT count(*) FROM admin_system_events WHERE event_type = '{event_type}'")
}

/// A stage with one account, which is left alone for a second when it is refused.
async fn stage_with(channel: &str, provider: Provider, behaviour: Behaviour) -> (Stage, Simulator) {
    let mut stage = Stage::with_lanes(&format!("{channel}.normal")).await;
    stage.set("HERALD__PROVIDERS__REFUSED_CREDENTIALS_PAUSE", "1s");
    let simulator = stage.behaving(provider, behaviour);
    stage.apply_ana_and(&[&simulator]);
    (stage, simulator)
}

/// One message through an account that is refused at first: it waits with its attempts unused,
/// operators are told, and it goes when the account is back.
async fn waits_for_its_account(channel: &str, provider: Provider, rule: Rule, event_type: &str) {
    let (stage, _simulator) = stage_with(channel, provider, at_first(rule)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let to = match channel {
        "chat" => json!({ "to": "C024BE91L" }),
        _ => json!({}),
    };
    let message = envelope_with(channel, to);
    stage.publisher().await.publish(&message).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.classes(), ["account_refused", "accepted"]);
    assert_eq!((row.attempt_count, row.dead.len()), (1, 0));
    assert_eq!(stage.ledger.count_of(row.id), 1);
    outcomes.until_count(&events(event_type), 1).await;
    let open = format!("{} AND NOT is_resolved", events(event_type));
    outcomes.until_count(&open, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_takes_the_account_out_and_costs_no_message() {
    let redirect = Rule::always(Fault::status(302));
    let event = "provider_account_refused";
    waits_for_its_account("email", Provider::SendGrid, redirect, event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_not_there_takes_the_account_out_and_costs_no_message() {
    let missing = Rule::always(Fault::says(404, "<html>not here</html>"));
    let event = "provider_account_refused";
    waits_for_its_account("sms", Provider::Twilio, missing, event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_of_refusal_takes_the_account_out_and_costs_no_message() {
    let refusal = Fault::says(554, "554 5.7.1 Client host blocked using a list");
    let refusal = Rule::always(refusal).endpoint("connect");
    let event = "provider_account_refused";
    waits_for_its_account("email", Provider::Smtp, refusal, event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_day_uses_up_no_attempt() {
    let limit = Rule::always(Fault::twilio(429, 63_038));
    let event = "provider_limit_reached";
    waits_for_its_account("sms", Provider::Twilio, limit, event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_servers_limit_of_the_day_uses_up_no_attempt() {
    let limit = Fault::says(550, "550 5.4.5 Daily user sending limit exceeded");
    let event = "provider_limit_reached";
    waits_for_its_account("email", Provider::Smtp, Rule::always(limit), event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_nobody_knows_beside_a_refusal_of_the_account_costs_no_message() {
    let refusal = Rule::always(Fault::twilio(401, 99_999));
    let event = "provider_credentials_refused";
    waits_for_its_account("sms", Provider::Twilio, refusal, event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_lets_nobody_in_is_no_end_of_a_message() {
    let limited = Rule::always(Fault::slack("accesslimited"));
    let event = "provider_account_refused";
    waits_for_its_account("chat", Provider::Slack, limited, event).await;
}

/// Two accounts, the first one asked first.
async fn pair(
    channel: &str,
    provider: Provider,
    behaviours: [Behaviour; 2],
) -> (Stage, Simulator, Simulator) {
    let stage = Stage::with_lanes(&format!("{channel}.normal")).await;
    let [first, second] = behaviours.map(|behaviour| stage.behaving(provider, behaviour));
    stage.apply_ana_and_choices(&first, &second);
    (stage, first, second)
}

fn switched_off(first: &Simulator) -> String {
    account_named(first, "first", 10).replace("api_key", "is_active = false\napi_key")
}

async fn publish(stage: &Stage, channel: &str) -> (TestEngine, Outcomes) {
    let outcomes = stage.outcomes().await;
    let engine = stage.start().await;
    stage.publisher().await.publish(&envelope(channel)).await;
    (engine, outcomes)
}

#[tokio::test(flavor = "multi_thread")]
async fn message_that_one_account_cannot_send_waits_for_the_unavailable_other() {
    let refused = Behaviour::failing(Fault::status(401));
    let region = Behaviour::failing(Fault::twilio(400, 21_408));
    let (stage, _first, _second) = pair("sms", Provider::Twilio, [refused, region]).await;
    let (_engine, mut outcomes) = publish(&stage, "sms").await;
    let waiting = Some("waiting_for_provider");
    let row = outcomes.only("pending", waiting).await;
    assert_eq!(row.classes(), ["account_refused", "not_by_account"]);
    assert_eq!((row.attempt_count, row.dead.len()), (0, 0));
    // The first is known to be out by now; the second alone is asked.
    stage.publisher().await.publish(&envelope("sms")).await;
    let waits = |rows: &[Row]| rows.len() == 2 && rows.iter().all(|row| row.is("pending", waiting));
    let rows = outcomes.until(waits).await;
    let [_, second] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(second.classes(), ["not_by_account"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn message_that_no_account_can_send_fails_when_each_has_refused_it() {
    let region = || Behaviour::failing(Fault::twilio(400, 21_408));
    let (stage, _first, _second) = pair("sms", Provider::Twilio, [region(), region()]).await;
    let (_engine, mut outcomes) = publish(&stage, "sms").await;
    let row = outcomes
        .only("failed", Some("provider_misconfigured"))
        .await;
    assert_eq!(row.classes(), ["not_by_account", "not_by_account"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_timeout_is_not_failed_over() {
    let timeout = Rule::always(Fault::status(504)).accepted(true);
    let works = Behaviour::default();
    let pair = pair("email", Provider::SendGrid, [at_first(timeout), works]).await;
    let (stage, _first, second) = pair;
    let (_engine, mut outcomes) = publish(&stage, "email").await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.classes(), ["unknown", "accepted"]);
    assert_eq!(row.provider.as_deref(), Some("first"));
    assert_eq!(second.stats().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_stays_with_its_account_through_failures_of_another_kind() {
    let fails = Behaviour::default()
        .rule(Rule::always(Fault::status(504)).when(When::First(1)))
        .rule(Rule::always(Fault::status(503)).when(When::First(2)));
    let works = Behaviour::default();
    let (stage, _first, second) = pair("email", Provider::SendGrid, [fails, works]).await;
    let (_engine, mut outcomes) = publish(&stage, "email").await;
    let row = outcomes.only("sent", None).await;
    let classes = ["unknown", "transient", "transient", "accepted"];
    assert_eq!(row.classes(), classes);
    assert_eq!(row.provider.as_deref(), Some("first"));
    assert_eq!(second.stats().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_waits_for_its_account_while_that_is_switched_off() {
    let timeout = Behaviour::failing(Fault::status(504));
    let works = Behaviour::default();
    let (stage, first, second) = pair("email", Provider::SendGrid, [timeout, works]).await;
    let (_engine, mut outcomes) = publish(&stage, "email").await;
    outcomes.only("pending", Some("retry")).await;
    stage.apply(&switched_off(&first));
    outcomes.only("pending", Some("waiting_for_provider")).await;
    first.set_behaviour(Behaviour::default());
    stage.apply(&account_named(&first, "first", 10));
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.provider.as_deref(), Some("first"));
    assert_eq!(second.stats().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_account_of_an_unknown_outcome_is_gone_another_is_asked_and_it_is_told() {
    let timeout = Behaviour::failing(Fault::status(504));
    let works = Behaviour::default();
    let (stage, first, second) = pair("email", Provider::SendGrid, [timeout, works]).await;
    let (_engine, mut outcomes) = publish(&stage, "email").await;
    outcomes.only("pending", Some("retry")).await;
    stage.apply(&switched_off(&first));
    outcomes.only("pending", Some("waiting_for_provider")).await;
    assert_eq!(second.stats().requests, 0, "it may be back");
    let gone = "UPDATE provider_configs SET deleted_at = now() WHERE provider_name = 'first'";
    outcomes.execute(gone).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.provider.as_deref(), Some("second"));
    let steps = row.attempts.as_array().unwrap();
    let told = steps.iter().filter(|step| step["step"] == "account_gone");
    assert_eq!(told.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_nobody_knows_is_tried_again_and_takes_nobody_out() {
    let new = Behaviour::failing(Fault::slack("some_new_word"));
    let (stage, slack) = stage_with("chat", Provider::Slack, new).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let message = json!({ "to": "C024BE91L", "max_retries": 3 });
    let message = envelope_with("chat", message);
    stage.publisher().await.publish(&message).await;
    outcomes.only("failed", Some("retries_exhausted")).await;
    assert_eq!(slack.stats().requests, 4);
    let all = "SELECT count(*) FROM admin_system_events";
    assert_eq!(outcomes.count(all).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_without_a_word_about_the_token_leaves_the_device() {
    let body = r#"{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}"#;
    let refusal = Behaviour::failing(Fault::says(400, body));
    let (stage, _fcm) = stage_with("push", Provider::Fcm, refusal).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("push")).await;
    outcomes.only("failed", Some("content_refused")).await;
    let live = "SELECT count(*) FROM user_devices WHERE invalidated_at IS NULL";
    assert_eq!(outcomes.count(live).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_of_one_device_pauses_no_other() {
    let quota = Rule::always(Fault::fcm_quota("device:a")).recipient("device-a");
    let (stage, fcm) = stage_with("push", Provider::Fcm, Behaviour::default().rule(quota)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let to = |device: &str| envelope_with("push", json!({ "to": device }));
    publisher.publish(&to("device-a")).await;
    let row = outcomes.only("pending", Some("retry")).await;
    assert_eq!((row.classes(), row.attempt_count), (vec!["throttled"], 0));
    publisher.publish(&to("device-b")).await;
    outcomes
        .until(|rows| rows.iter().any(|row| row.is("sent", None)))
        .await;
    // And for that device the provider is not asked meanwhile.
    publisher.publish(&to("device-a")).await;
    let waits = |rows: &[Row]| rows.iter().filter(|row| row.status == "pending").count() == 2;
    outcomes.until(waits).await;
    assert_eq!(fcm.stats().requests, 3, "a token and two messages");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_dead_addresses_at_once_are_believed_no_more() {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__PROVIDERS__DEAD_ADDRESSES_A_MINUTE", "2");
    let smtp = stage.simulator(Provider::Smtp);
    stage.apply_ana_and(&[&smtp]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for number in 1..=5 {
        let to = format!("bounce@{number}.example");
        let message = envelope_with("email", json!({ "to": to }));
        publisher.publish(&message).await;
        let failed = |row: &Row| row.is("failed", Some("invalid_recipient"));
        let all = |rows: &[Row]| rows.len() == number && rows.iter().all(failed);
        outcomes.until(all).await;
    }
    let suppressed = "SELECT count(*) FROM suppressions";
    assert_eq!(outcomes.count(suppressed).await, 2);
    let event = events("provider_too_many_dead_addresses");
    outcomes.until_count(&event, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_pass_accepted_is_told_when_nobody_is_left_to_ask() {
    let fails = Rule::always(Fault::status(503)).recipient("device-b");
    let behaviour = Behaviour::default().rule(fails);
    let (stage, _fcm) = stage_with("push", Provider::Fcm, behaviour).await;
    stage.apply(&format!(
        "[[users]]\nid = \"{ANA}\"\ndevices = [\n\
         {{ token = \"device-a\", platform = \"android\" }},\n\
         {{ token = \"device-b\", platform = \"android\" }}]\n"
    ));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let message = envelope_with("push", json!({ "max_retries": 10 }));
    stage.publisher().await.publish(&message).await;
    outcomes.only("pending", Some("retry")).await;
    let retired = "UPDATE user_devices SET invalidated_at = now() WHERE token = 'device-b'";
    outcomes.execute(retired).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.provider.as_deref(), Some("fcm"));
    let told = "SELECT count(*) FROM notifications WHERE provider_response = '200'
        AND provider_message_id LIKE 'projects/%' AND last_attempted IS NOT NULL";
    assert_eq!(outcomes.count(told).await, 1);
    let counted = "SELECT count(*) AS count FROM notification_metrics
        WHERE provider = 'fcm' AND total_sent = 1";
    outcomes.until_count(counted, 1).await;
}
