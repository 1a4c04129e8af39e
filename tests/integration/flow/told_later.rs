//! What an account tells later changes what becomes of a notification.

use loadtest::events::{SendgridKey, form_body, sendgrid_body, twilio_headers};
use loadtest::harness::http;
use loadtest::simulator::{Behaviour, Fault, Provider, Rule, Simulator, When};
use serde_json::{Value, json};

use crate::stage::{Stage, account_named, ana, envelope};
use herald::runtime::clock;

const PUBLIC_URL: &str = "https://herald.example.com";

/// Tells, as Twilio would, that a message did not arrive.
async fn undelivered(stage: &Stage, account: &str, id: &str) -> u16 {
    let path = format!("/hooks/twilio/{account}?notification_id={id}");
    let sid = format!("SM{account}");
    let form = [
        ("MessageSid", sid.as_str()),
        ("MessageStatus", "undelivered"),
        ("ErrorCode", "30003"),
        ("To", "+4915112345678"),
    ];
    let headers = twilio_headers("token", &format!("{PUBLIC_URL}{path}"), &form);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let url = stage.url(&path);
    let answer = http::request("POST", &url, &headers, &form_body(&form)).await;
    answer.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_did_not_arrive_goes_once_through_each_other_account() {
    let mut stage = Stage::with_lanes("sms.normal").await;
    stage.set("HERALD__HTTP__PUBLIC_URL", PUBLIC_URL);
    let (first, second) = (
        stage.simulator(Provider::Twilio),
        stage.simulator(Provider::Twilio),
    );
    stage.apply_ana_and_choices(&first, &second);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("sms")).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.provider.as_deref(), Some("first"));
    let asked = &first.requests()[0];
    let asked = String::from_utf8_lossy(&asked.body).into_owned();
    let callback = "StatusCallback=https%3A%2F%2Fherald.example.com%2Fhooks%2Ftwilio%2Ffirst%3Fnotification_id%3D";
    assert!(asked.contains(callback), "{asked}");

    let id = row.id.to_string();
    assert_eq!(undelivered(&stage, "first", &id).await, 204);
    let by_second = |rows: &[crate::outcomes::Row]| matches!(rows, [row] if row.is("sent", None) && row.provider.as_deref() == Some("second"));
    let row = outcomes.until(by_second).await.remove(0);
    let steps: Vec<&str> = row
        .attempts
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["attempt", "replayed", "attempt"]);
    assert_eq!(row.attempts[1]["not_by"], json!(["first"]));
    // The same again, and the same of the other: nobody is left.
    assert_eq!(undelivered(&stage, "first", &id).await, 204);
    assert_eq!(undelivered(&stage, "second", &id).await, 204);
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.provider.as_deref(), Some("second"));
    assert_eq!((first.stats().accepted, second.stats().accepted), (1, 1));
}

/// SendGrid's account `mail`, whose events are signed with this key.
fn telling(sendgrid: &Simulator, key: &SendgridKey) -> String {
    let account = account_named(sendgrid, "mail", 1);
    let key = key.public().unwrap();
    format!("{}\nevent_public_key = \"{key}\"\n", account.trim_end())
}

/// Tells an event of it, as SendGrid would.
async fn tell(stage: &Stage, key: &SendgridKey, event: Value) -> u16 {
    let body = sendgrid_body(&[event]);
    let headers = key.headers(clock::now().as_second(), &body).unwrap();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let url = stage.url("/hooks/sendgrid/mail");
    let answer = http::request("POST", &url, &headers, &body).await;
    answer.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_settled_by_what_the_account_tells_later() {
    let stage = Stage::with_lanes("email.normal").await;
    let lost = Rule::always(Fault::status(504)).when(When::First(1_000));
    let sendgrid = stage.behaving(Provider::SendGrid, Behaviour::default().rule(lost));
    let key = SendgridKey::generate().unwrap();
    let account = telling(&sendgrid, &key);
    stage.apply(&format!("{}{account}", ana()));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let mut message = envelope("email");
    message["max_retries"] = json!(50);
    stage.publisher().await.publish(&message).await;
    let row = outcomes.only("pending", Some("retry")).await;
    let event = |kind: &str, id: &str| json!({ "event": kind, "sg_event_id": id, "herald_notification_id": row.id, "email": "ana@example.com" });
    // That it was not sent after all says nothing of whether it was.
    assert_eq!(tell(&stage, &key, event("dropped", "1")).await, 204);
    assert_eq!(tell(&stage, &key, event("delivered", "2")).await, 204);
    let sent = |rows: &[crate::outcomes::Row]| matches!(rows, [row] if row.is("sent", None));
    let row = outcomes.until(sent).await.remove(0);
    assert_eq!(row.provider.as_deref(), Some("mail"));
    assert_eq!(row.classes().last(), Some(&"accepted"));
    let requests = sendgrid.stats().requests;
    let due = "SELECT count(*) FROM notifications WHERE due_at IS NOT NULL";
    assert_eq!(outcomes.count(due).await, 0);
    assert_eq!(sendgrid.stats().requests, requests);
}

/// The account's limit holds the second try back in the node's hand, and meanwhile the account says that it has the
/// message.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_hand_for_another_try_is_called_off_once_it_is_known_to_be_sent() {
    let stage = Stage::with_lanes("email.normal").await;
    let lost = Rule::always(Fault::status(504)).when(When::First(1_000));
    let sendgrid = stage.behaving(Provider::SendGrid, Behaviour::default().rule(lost));
    let key = SendgridKey::generate().unwrap();
    let account = telling(&sendgrid, &key);
    let account = account.replace("[providers.config]", "rate_limit = 6\n[providers.config]");
    stage.apply(&format!("{}{account}", ana()));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("email")).await;
    let in_hand =
        "SELECT count(*) FROM notifications WHERE owner IS NOT NULL AND attempt_count > 0";
    outcomes.until_count(in_hand, 1).await;
    let id = outcomes.rows().await.remove(0).id;
    let event = json!({ "event": "delivered", "sg_event_id": "1", "herald_notification_id": id, "email": "ana@example.com" });
    assert_eq!(tell(&stage, &key, event).await, 204);
    stage.nothing_in_hand().await;
    assert_eq!(sendgrid.stats().requests, 1);
    outcomes.only("sent", None).await;
}
