//! `herald explain`: what it says is what happens, and nothing comes of asking.

use loadtest::simulator::Provider;
use serde_json::{Value, json};

use crate::stage::{ANA, Stage, account, ana, envelope, envelope_with};

fn explain(stage: &Stage, message: &Value) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), message.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let output = stage.herald(&["explain", path, "--json"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn explanation_matches_the_delivery() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    let wish = format!("[[preferences]]\nuser_id = \"{ANA}\"\nchannel = \"email\"\n");
    let wish = |fields: &str| stage.apply(&format!("{wish}timezone = \"UTC\"\n{fields}\n"));
    stage.apply(&format!("{}\n{}", ana(), account(&sendgrid)));
    wish("frequency_cap = 1");
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;

    let (first, second) = (envelope("email"), envelope("email"));
    let said = explain(&stage, &first);
    assert_eq!(said["outcome"], "deliver", "{said}");
    assert_eq!(said["through"], json!(["sendgrid"]));
    assert_eq!(said["content"]["subject"], "Hello");
    publisher.publish(&first).await;
    outcomes.only("sent", None).await;

    assert_eq!(explain(&stage, &first)["outcome"], "duplicate");
    let said = explain(&stage, &second);
    assert_eq!(
        (&said["outcome"], &said["reason"]),
        (&json!("cancel"), &json!("frequency_cap"))
    );
    let cap = &said["rules"][7];
    assert_eq!(
        (&cap["rule"], &cap["verdict"]),
        (&json!("frequency_cap"), &json!("decides"))
    );
    assert!(cap["would_change"].is_string(), "{cap}");

    // Every rule is asked, also after the first that objects.
    wish("enabled = false\nfrequency_cap = 1");
    let said = explain(&stage, &second);
    let verdicts = |said: &Value, verdict: &str| {
        let rules = said["rules"].as_array().unwrap().iter();
        let of = rules.filter(|rule| rule["verdict"] == verdict);
        of.map(|rule| rule["rule"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(said["rules"].as_array().unwrap().len(), 9);
    assert_eq!(verdicts(&said, "decides"), ["preference"]);
    assert_eq!(verdicts(&said, "would_also"), ["frequency_cap"]);
    publisher.publish(&second).await;
    outcomes
        .until(|rows| {
            rows.iter()
                .any(|row| row.is("cancelled", Some("channel_disabled")))
        })
        .await;

    let stranger = json!({ "user_id": uuid::Uuid::now_v7().to_string() });
    let said = explain(&stage, &envelope_with("email", stranger));
    assert_eq!(
        (&said["outcome"], &said["reason"]),
        (&json!("rejected"), &json!("unknown_user"))
    );
    assert_eq!(outcomes.rows().await.len(), 2, "asking stores nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_message_is_explained_with_its_segments_and_what_it_cannot_carry() {
    let stage = Stage::with_lanes("sms.normal").await;
    let twilio = stage.simulator(Provider::Twilio);
    stage.apply(&format!("{}\n{}", ana(), account(&twilio)));
    let body = |text: String| envelope_with("sms", json!({ "content": { "body": text } }));
    for (text, segments) in [
        (
            "ä".repeat(161),
            json!({ "coding": "GSM-7", "places": 161, "count": 2 }),
        ),
        (
            "😀".to_owned(),
            json!({ "coding": "UCS-2", "places": 2, "count": 1 }),
        ),
    ] {
        let said = explain(&stage, &body(text));
        assert_eq!(said["segments"], segments, "{said}");
    }
    let said = explain(&stage, &body("x".repeat(1_601)));
    assert_eq!(said["reason"], "too_large", "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_cannot_be_read_is_named_with_the_column_and_the_mend() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}\n{}", ana(), account(&sendgrid)));
    let mut outcomes = stage.outcomes().await;
    let spoil = "ALTER TABLE users DROP CONSTRAINT users_readable_as_of_check;
                 UPDATE users SET recipient_as_of = 'infinity'";
    outcomes.execute(spoil).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), envelope("email").to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let output = stage.herald(&["explain", path]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    for said in [ANA, "users: ", "recipient_as_of", "or NULL"] {
        assert!(errors.contains(said), "{said}: {errors}");
    }
}
