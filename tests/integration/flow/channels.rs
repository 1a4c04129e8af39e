//! Each channel, end to end through its simulated provider.

use loadtest::simulator::{Provider, Simulator};
use serde_json::json;

use crate::stage::{Stage, account, ana, envelope, envelope_with};

/// Sends one message through one provider and returns the stored row's provider.
async fn delivers(channel: &str, provider: Provider) {
    let stage = Stage::with_lanes(&format!("{channel}.normal")).await;
    let simulator = stage.simulator(provider);
    stage.apply_ana_and(&[&simulator]);
    let mut outcomes = stage.outcomes().await;
    let engine = stage.start().await;
    let to = if channel == "chat" {
        json!({ "to": "C024BE91L" })
    } else {
        json!({})
    };
    stage
        .publisher()
        .await
        .publish(&envelope_with(channel, to))
        .await;

    let row = outcomes.only("sent", None).await;
    assert_eq!(row.provider.as_deref(), Some(provider.name()));
    assert_eq!(row.attempt_count, 1);
    assert_eq!(row.classes(), ["accepted"]);
    assert_eq!(stage.ledger.count_of(row.id), 1, "{:?}", simulator.stats());
    assert_eq!(simulator.stats().malformed, 0, "{:?}", simulator.stats());
    let report = engine.stop().await;
    assert!(report.drained, "{report:?}");
    assert_eq!(
        stage
            .vhost
            .waiting(&format!("herald.{channel}.normal"))
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn email_through_sendgrid() {
    delivers("email", Provider::SendGrid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn email_through_smtp() {
    delivers("email", Provider::Smtp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sms_through_twilio() {
    delivers("sms", Provider::Twilio).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn push_through_fcm() {
    delivers("push", Provider::Fcm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_through_slack() {
    delivers("chat", Provider::Slack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_through_an_incoming_webhook_needs_no_address() {
    let stage = Stage::with_lanes("chat.normal").await;
    let slack = stage.simulator(Provider::Slack);
    let hook = format!(
        "[[providers]]\nname = \"hook\"\nkind = \"slack\"\nchannel = \"chat\"\n\
         api_secret = \"{}/services/T000/B000/XXXX\"\n",
        slack.base_url()
    );
    stage.apply(&format!("{}{hook}", ana()));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("chat")).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(stage.ledger.count_of(row.id), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_app_is_a_row_in_the_inbox() {
    let stage = Stage::with_lanes("in_app.normal").await;
    stage.apply(&ana());
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("in_app")).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.provider.as_deref(), Some("inbox"));
    let unread = "SELECT count(*) FROM notifications WHERE message_type = 'in_app'
        AND NOT is_read AND payload -> 'content' ->> 'title' = 'Hello'";
    assert_eq!(outcomes.count(unread).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn push_goes_to_every_device_and_a_retry_only_to_those_that_have_not_accepted() {
    use loadtest::simulator::{Behaviour, Fault, Rule, When};
    let stage = Stage::with_lanes("push.normal").await;
    let failing = Rule::always(Fault::Status {
        status: 503,
        retry_after_seconds: None,
        body: None,
    });
    let behaviour = Behaviour::default().rule(failing.when(When::First(1)).recipient("token-2"));
    let fcm: Simulator = stage.behaving(Provider::Fcm, behaviour);
    let people = ana().replace(
        "[{ token",
        "[{ token = \"token-2\", platform = \"ios\" }, { token",
    );
    stage.apply(&format!("{people}{}", account(&fcm)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    stage.publisher().await.publish(&envelope("push")).await;

    let retried = outcomes
        .until(|rows| {
            rows.first()
                .is_some_and(|row| row.is("pending", Some("retry")))
        })
        .await;
    // FCM asks for ten seconds before a retry; the database is told that they are over.
    outcomes
        .execute("UPDATE notifications SET due_at = now()")
        .await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.id, retried[0].id);
    assert_eq!(stage.ledger.count_for(row.id, "token-1"), 1);
    assert_eq!(stage.ledger.count_for(row.id, "token-2"), 1);
    assert_eq!(row.attempt_count, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_rendered_in_the_persons_language_with_html_escaped() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    let templates = r#"
[[templates]]
name = "greeting"
message_type = "email"
locale = "en"
subject = "Hello {{ name }}"
body = "Hello {{ name }}"
html = "<p>Hello {{ name }}</p>"
variables = ["name"]
"#;
    stage.apply(&format!("{}{}{templates}", ana(), account(&sendgrid)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let mut message = envelope("email");
    message.as_object_mut().unwrap().remove("content");
    message["template"] = json!({ "name": "greeting", "variables": { "name": "<Ana>" } });
    stage.publisher().await.publish(&message).await;
    outcomes.only("sent", None).await;
    let body = String::from_utf8(sendgrid.requests()[0].body.to_vec()).unwrap();
    assert!(body.contains("Hello <Ana>"), "{body}");
    assert!(body.contains("<p>Hello &lt;Ana&gt;</p>"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publishers_trace_goes_on_to_the_provider_with_a_span_of_its_own() {
    use lapin::types::{AMQPValue, FieldTable};
    let (stage, sendgrid, mut outcomes) = Stage::mailing().await;
    let _engine = stage.start().await;
    let mut headers = FieldTable::default();
    let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    headers.insert("traceparent".into(), AMQPValue::LongString(sent.into()));
    let properties = loadtest::publisher::Properties::default().with_headers(headers);
    let message = envelope("email").to_string();
    let publisher = stage.publisher().await;
    publisher
        .publish_with(message.as_bytes(), "email.normal", properties)
        .await;
    outcomes.only("sent", None).await;
    let request = &sendgrid.requests()[0];
    let passed_on = request.header("traceparent").unwrap().to_owned();
    assert_eq!(passed_on[..36], sent[..36], "the same trace");
    assert_ne!(passed_on, sent, "another span");
}
