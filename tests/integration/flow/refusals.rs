//! Whom a refusal is about: the account, the address, or the mail.

use loadtest::simulator::{Behaviour, Fault, Provider, Rule, Simulator, When};
use serde_json::json;

use crate::handshakes::SlowHandshakes;
use crate::outcomes::Row;
use crate::stage::{Stage, ana, envelope, envelope_with};

const ALL_EVENTS: &str = "SELECT count(*) FROM admin_system_events";
const ACCOUNT_REFUSED: &str =
    "SELECT count(*) FROM admin_system_events WHERE event_type = 'provider_account_refused'";

/// A mail server that refuses by this rule, on a stage that leaves a refused account alone for a second.
async fn mailing(rule: Rule) -> (Stage, Simulator) {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__PROVIDERS__REFUSED_CREDENTIALS_PAUSE", "1s");
    let smtp = stage.behaving(Provider::Smtp, Behaviour::default().rule(rule));
    stage.apply_ana_and(&[&smtp]);
    (stage, smtp)
}

async fn publish(stage: &Stage, count: usize) {
    let publisher = stage.publisher().await;
    for number in 1..=count {
        let to = json!({ "to": format!("person@{number}.example") });
        publisher.publish(&envelope_with("email", to)).await;
    }
}

fn all_sent(count: usize) -> impl Fn(&[Row]) -> bool {
    move |rows| rows.len() == count && rows.iter().all(|row| row.is("sent", None))
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_of_several_addresses_is_the_accounts_and_loses_no_mail() {
    let refusal = Fault::says(550, "550 relay not permitted");
    let rule = Rule::always(refusal).endpoint("rcpt").when(When::First(4));
    let (stage, _smtp) = mailing(rule).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    publish(&stage, 3).await;
    outcomes.until_count(ACCOUNT_REFUSED, 1).await;
    publish(&stage, 17).await;
    let rows = outcomes.until(all_sent(20)).await;
    assert!(rows.iter().all(|row| row.dead.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_of_one_address_is_not_the_accounts() {
    let refusal = Fault::says(550, "550 5.7.1 relaying to you denied");
    let rule = Rule::always(refusal)
        .endpoint("rcpt")
        .recipient("person@1.example");
    let (stage, _smtp) = mailing(rule).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    publish(&stage, 5).await;
    let sent = |rows: &[Row]| rows.iter().filter(|row| row.is("sent", None)).count() == 4;
    outcomes.until(sent).await;
    assert_eq!(outcomes.count(ALL_EVENTS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_as_one_takes_no_account_out() {
    let refusal = Fault::says(554, "554 5.7.9 Message not accepted for policy reasons");
    let (stage, _smtp) = mailing(Rule::always(refusal).when(When::First(1))).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    publish(&stage, 1).await;
    outcomes.only("failed", Some("content_refused")).await;
    publish(&stage, 1).await;
    let sent = |rows: &[Row]| rows.iter().any(|row| row.is("sent", None));
    outcomes.until(sent).await;
    assert_eq!(outcomes.count(ALL_EVENTS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn greylisted_recipient_is_put_off_for_minutes_without_an_attempt() {
    let greylisted = Fault::says(450, "450 4.2.0 Greylisted, try again in 300 seconds");
    let rule = Rule::always(greylisted)
        .endpoint("rcpt")
        .recipient("person@1.example");
    let (stage, _smtp) = mailing(rule).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    publish(&stage, 15).await;
    let others_sent = |rows: &[Row]| rows.iter().filter(|row| row.is("sent", None)).count() == 14;
    let rows = outcomes.until(others_sent).await;
    let waits = |rows: &[Row]| rows.iter().any(|row| row.is("pending", Some("retry")));
    let rows = if waits(&rows) {
        rows
    } else {
        outcomes.until(waits).await
    };
    let waiting = rows.iter().find(|row| row.status == "pending").unwrap();
    assert_eq!(
        (waiting.classes(), waiting.attempt_count),
        (vec!["throttled"], 0)
    );
    let later = "SELECT count(*) FROM notifications
        WHERE status = 'pending' AND due_at > now() + interval '4 minutes'";
    assert_eq!(outcomes.count(later).await, 1);
    assert_eq!(outcomes.count(ALL_EVENTS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_few_places_is_used_over_those_that_it_has() {
    let full = Fault::says(421, "421 Too many concurrent SMTP connections");
    let rule = Rule::always(full).endpoint("connect").when(When::After(1));
    let (stage, _smtp) = mailing(rule).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    // The first one opens the connection that stays.
    publish(&stage, 1).await;
    outcomes.only("sent", None).await;
    publish(&stage, 29).await;
    let rows = outcomes.until(all_sent(30)).await;
    assert!(rows.iter().all(|row| row.classes() == ["accepted"]));
    assert_eq!(outcomes.count(ALL_EVENTS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_refuses_the_key_for_it_ends_no_message_and_operators_are_told() {
    let body = r#"{"error":{"code":401,"message":"no","status":"UNAUTHENTICATED","details":[
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"THIRD_PARTY_AUTH_ERROR"}]}}"#;
    let stage = Stage::with_lanes("push.normal").await;
    let refusal = Rule::always(Fault::says(401, body)).recipient("an-iphone");
    let fcm = stage.behaving(Provider::Fcm, Behaviour::default().rule(refusal));
    stage.apply_ana_and(&[&fcm]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let to = |device: &str| envelope_with("push", json!({ "to": device, "max_retries": 0 }));
    publisher.publish(&to("an-iphone")).await;
    let row = outcomes.only("pending", Some("retry")).await;
    assert_eq!((row.classes(), row.attempt_count), (vec!["throttled"], 0));
    let event =
        "SELECT count(*) FROM admin_system_events WHERE event_type = 'provider_platform_refused'";
    outcomes.until_count(event, 1).await;
    publisher.publish(&to("another")).await;
    let sent = |rows: &[Row]| rows.iter().any(|row| row.is("sent", None));
    outcomes.until(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_somebody_else_is_no_acceptance() {
    let stage = Stage::with_lanes("sms.normal").await;
    let page = Rule::always(Fault::says(200, "<html>please log in</html>")).when(When::First(1));
    let twilio = stage.behaving(Provider::Twilio, Behaviour::default().rule(page));
    stage.apply_ana_and(&[&twilio]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let message = envelope_with("sms", json!({}));
    stage.publisher().await.publish(&message).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.classes(), ["unknown", "accepted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_certificate_stands_in_the_event() {
    let stage = Stage::with_lanes("email.normal").await;
    let folder = tempfile::tempdir().unwrap();
    // Nobody is told of its authority.
    let (provider, _ca) = SlowHandshakes::start(folder.path()).await;
    provider.let_through(usize::MAX);
    stage.apply(&format!("{}{}", ana(), provider.account()));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    let told = format!(
        "{ACCOUNT_REFUSED} AND details ->> 'said' LIKE '%certificate%'
         AND details ->> 'said' LIKE '%providers.ca_file%' AND description LIKE '%certificate%'"
    );
    outcomes.until_count(&told, 1).await;
}
