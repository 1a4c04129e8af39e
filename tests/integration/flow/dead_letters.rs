//! Dead letters at the operator's desk.

use loadtest::simulator::{Behaviour, Fault, Provider, Rule, When};
use serde_json::{Value, json};

use crate::stage::{ANA, Stage, account, ana, envelope_with};

const BEN: &str = "0190c1a0-0000-7000-8000-000000000002";

fn ben() -> String {
    format!("[[users]]\nid = \"{BEN}\"\nemail = \"ben@example.com\"\nusername = \"ben\"\n")
}

fn dlq(stage: &Stage, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = stage.herald(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn in_json(stage: &Stage, arguments: &[&str]) -> Value {
    let (code, out, err) = dlq(stage, &[&["--json", "dlq"], arguments].concat());
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str(&out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_and_replayed_but_for_recipients_who_opted_out() {
    let stage = Stage::with_lanes("email.normal").await;
    let refusing = Rule::always(Fault::Status {
        status: 500,
        retry_after_seconds: None,
        body: None,
    });
    let failing = Behaviour::default().rule(refusing.when(When::First(3)));
    let sendgrid = stage.behaving(Provider::SendGrid, failing);
    stage.apply(&format!("{}{}{}", ana(), ben(), account(&sendgrid)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for user in [ANA, BEN] {
        let message = json!({ "user_id": user, "max_retries": 0 });
        publisher.publish(&envelope_with("email", message)).await;
    }
    let failed = Some("retries_exhausted");
    outcomes
        .until(|rows| rows.len() == 2 && rows.iter().all(|row| row.is("failed", failed)))
        .await;

    let (code, list, _) = dlq(&stage, &["dlq", "list", "--reason", "retries_exhausted"]);
    assert_eq!(code, Some(0));
    assert!(list.contains("2 of 2 dead letters"), "{list}");
    assert!(!list.contains("@example.com"), "{list}");
    let (_, list, _) = dlq(&stage, &["dlq", "list", "--show-recipient"]);
    assert!(list.contains("ben@example.com"), "{list}");
    let none = in_json(&stage, &["list", "--channel", "sms"]);
    assert_eq!(none["total"], 0);
    let (code, _, error) = dlq(&stage, &["dlq", "list", "--reason", "expired"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("allowed: no_address"), "{error}");

    stage.apply(&format!(
        "[[preferences]]\nuser_id = \"{BEN}\"\nchannel = \"email\"\nenabled = false\n"
    ));
    let before = outcomes.rows().await;
    let counts = json!({ "replayed": 1, "channel_disabled": 1 });
    let plan = in_json(&stage, &["replay", "--all", "--dry-run"]);
    assert_eq!(plan["counts"], counts);
    let after = outcomes.rows().await;
    assert_eq!(format!("{before:?}"), format!("{after:?}"));

    let done = in_json(&stage, &["replay", "--provider", "sendgrid"]);
    assert_eq!(done["counts"], counts);
    // Ana's fails once more: its letter is open again.
    let failed_again = "SELECT count(*) FROM notifications n
        JOIN notification_dlq d ON d.notification_id = n.id
        WHERE n.status = 'failed' AND NOT d.resolved AND jsonb_array_length(n.attempts) = 3";
    outcomes.until_count(failed_again, 1).await;
    let done = in_json(&stage, &["replay", "--all", "--rate", "100"]);
    assert_eq!(done["counts"], counts);
    let rows = outcomes
        .until(|rows| rows.iter().any(|row| row.is("sent", None)))
        .await;
    let sent = rows.iter().find(|row| row.is("sent", None)).unwrap();
    assert_eq!(sent.recipient.as_deref(), Some("ana@example.com"));
    let attempts = sent.attempts.as_array().unwrap().iter();
    let steps: Vec<&str> = attempts.map(|a| a["step"].as_str().unwrap()).collect();
    assert_eq!(
        steps,
        ["attempt", "replayed", "attempt", "replayed", "attempt"]
    );
    assert_eq!(sent.attempt_count, 1);
    assert_eq!(stage.ledger.accepted(), 1);

    let (code, _, error) = dlq(&stage, &["dlq", "replay"]);
    assert!(code == Some(1) && error.contains("--all"), "{error}");
    let again = in_json(&stage, &["replay", "--all"]);
    assert_eq!(again["counts"], json!({ "channel_disabled": 1 }));
    let left = in_json(&stage, &["list"]);
    assert_eq!(left["total"], 1);
    let id = left["dead_letters"][0]["notification_id"].as_str().unwrap();
    let (_, one, _) = dlq(&stage, &["dlq", "list", "--id", id]);
    assert!(one.contains("sendgrid answered transient 500"), "{one}");
    assert_eq!(in_json(&stage, &["resolve", "--id", id])["resolved"], 1);
    let (code, _, error) = dlq(&stage, &["dlq", "resolve", "--id", id]);
    assert_eq!(code, Some(1), "{error}");
    assert_eq!(in_json(&stage, &["list"])["total"], 0);
}
