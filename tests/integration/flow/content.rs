//! Content arrives as it is written, or is refused with words.

use loadtest::simulator::{Behaviour, Fault, Provider, Rule, When};
use serde_json::{Value, json};

use crate::stage::{ANA, Stage, account, ana, envelope_with};

/// A template for a channel, of one body.
fn template(channel: &str, body: &str, variables: &[&str]) -> String {
    format!(
        "[[templates]]\nname = \"t\"\nmessage_type = \"{channel}\"\nbody = '''{body}'''\n\
         variables = {variables:?}\n"
    )
}

/// A call of it, with variables as JSON text: what a number looks like is the point.
fn calling(channel: &str, variables: &str) -> Vec<u8> {
    let call = format!("{{\"name\":\"t\",\"variables\":{variables}}}");
    format!(
        "{{\"version\":1,\"user_id\":\"{ANA}\",\"channel\":\"{channel}\",\"to\":\"+4915112345678\",\
         \"template\":{call}}}"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_text_and_numbers_as_written_also_after_a_night_in_the_database() {
    let stage = Stage::with_lanes("chat.normal").await;
    let busy = Rule::always(Fault::status(503)).when(When::First(1));
    let slack = stage.behaving(Provider::Slack, Behaviour::default().rule(busy));
    let body = "*Hi* {{ name }}: {{ card }}, {{ price }} EUR, {{ far }}, {{ zero }}";
    let people = format!("{}{}", ana(), account(&slack));
    stage.apply(&format!(
        "{people}{}",
        template("chat", body, &["name", "card", "price", "far", "zero"])
    ));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let variables = r#"{"name":"<!channel> & co","card":89490200001234567890,"price":1.10,
                        "far":1e400,"zero":-0}"#;
    let message = calling("chat", variables);
    let publisher = stage.publisher().await;
    publisher.publish_raw(&message, "chat.normal").await;
    outcomes.only("sent", None).await;
    let text = |body: Vec<u8>| {
        let body: Value = serde_json::from_slice(&body).unwrap();
        body["text"].as_str().unwrap().to_owned()
    };
    let texts: Vec<String> = slack
        .requests()
        .into_iter()
        .map(|one| text(one.body))
        .collect();
    let expected = "*Hi* &lt;!channel&gt; &amp; co: 89490200001234567890, 1.10 EUR, 1e400, -0";
    assert_eq!(texts, [expected, expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_makes_more_than_its_channel_carries_fails_with_words() {
    let stage = Stage::with_lanes("sms.normal").await;
    let twilio = stage.simulator(Provider::Twilio);
    let body = "{% for line in range(lines) %}0123456789{% endfor %}";
    let people = format!("{}{}", ana(), account(&twilio));
    stage.apply(&format!("{people}{}", template("sms", body, &["lines"])));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let long = calling("sms", "{\"lines\":161}");
    publisher.publish_raw(&long, "sms.normal").await;
    let row = outcomes.only("failed", Some("template_error")).await;
    let words = row.error_message.unwrap();
    assert!(
        words.contains("has 1610 characters; at most 1600"),
        "{words}"
    );
    let fits = calling("sms", "{\"lines\":160}");
    publisher.publish_raw(&fits, "sms.normal").await;
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, 1).await;
    assert_eq!(twilio.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_its_channel_cannot_carry_is_rejected_with_words() {
    let stage = Stage::with_lanes("sms.normal").await;
    let twilio = stage.simulator(Provider::Twilio);
    stage.apply_ana_and(&[&twilio]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let content = json!({ "body": "x".repeat(1_601) });
    let message = envelope_with("sms", json!({ "content": content }));
    stage.publisher().await.publish(&message).await;
    let rejected = "SELECT coalesce(sum(rejected), 0)::bigint AS count FROM intake";
    outcomes.until_count(rejected, 1).await;
    let (reason, detail, _) = stage.take_rejected().await.unwrap();
    assert_eq!(reason, "too_large");
    assert!(detail.contains("at most 1600"), "{detail}");
    assert_eq!(twilio.requests().len(), 0);
}
