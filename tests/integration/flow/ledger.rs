//! The books of a running engine: whatever becomes of what comes in, they balance.

use diesel_async::SimpleAsyncConnection;
use herald::runtime::clock;
use jiff::SignedDuration;
use loadtest::simulator::{Behaviour, Fault, Provider, Rule, When};
use serde_json::{Value, json};

use crate::stage::{ANA, Stage, account, ana, envelope_with};

const BEN: &str = "0190c1a0-0000-7000-8000-000000000002";
const COUNTED: &str = "SELECT coalesce(sum(consumed), 0)::bigint AS count FROM intake";

fn ledger(stage: &Stage, arguments: &[&str]) -> (Option<i32>, Value) {
    let arguments = [&["--json", "ledger"], arguments].concat();
    let output = stage.herald(&arguments).output().unwrap();
    let said = serde_json::from_slice(&output.stdout);
    (output.status.code(), said.unwrap_or(Value::Null))
}

fn sum(books: &Value, name: &str) -> i64 {
    let rows = books["data"].as_array().unwrap().iter();
    rows.map(|row| row[name].as_i64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn books_balance_whatever_becomes_of_what_comes_in() {
    let stage = Stage::with_lanes("email.normal").await;
    let refusing = Rule::always(Fault::Status {
        status: 500,
        retry_after_seconds: None,
        body: None,
    });
    let failing = Behaviour::default().rule(refusing.when(When::First(1)));
    let sendgrid = stage.behaving(Provider::SendGrid, failing);
    let ben = format!("[[users]]\nid = \"{BEN}\"\nemail = \"ben@example.com\"\n");
    stage.apply(&format!("{}{ben}{}", ana(), account(&sendgrid)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let tomorrow = (clock::now() + SignedDuration::from_hours(24)).to_string();
    let said = [
        json!({ "idempotency_key": "fails", "max_retries": 0 }),
        json!({ "idempotency_key": "is sent" }),
        json!({ "idempotency_key": "is sent" }),
        json!({ "idempotency_key": "is late", "expires_at": "2020-01-01T00:00:00Z" }),
        json!({ "idempotency_key": "waits", "send_at": tomorrow }),
        json!({ "idempotency_key": "unknown", "user_id": "0190c1a0-0000-7000-8000-0000000000ff" }),
        json!({ "idempotency_key": "conflict", "user_id": "0190c1a0-0000-7000-8000-0000000000fe",
                "recipient": { "email": "ben@example.com" } }),
        json!({ "idempotency_key": "Ben's", "user_id": BEN }),
    ];
    for (n, one) in said.iter().enumerate() {
        publisher
            .publish(&envelope_with("email", one.clone()))
            .await;
        let counted = i64::try_from(n).unwrap() + 1;
        outcomes.until_count(COUNTED, counted).await;
    }
    outcomes
        .until(|rows| {
            rows.len() == 5
                && rows
                    .iter()
                    .all(|row| row.status != "pending" || row.is("pending", Some("scheduled")))
        })
        .await;
    let erased = stage.herald(&["users", "erase", BEN]).output().unwrap();
    assert!(erased.status.success());
    let (code, books) = ledger(&stage, &[]);
    let figures = [
        ("consumed", 8),
        ("accepted_api", 0),
        ("rejected", 2),
        ("duplicates", 1),
        ("sent", 1),
        ("failed", 1),
        ("cancelled", 1),
        ("pending", 1),
        ("in_flight", 0),
        ("erased", 1),
        ("difference", 0),
    ];
    for (name, figure) in figures {
        assert_eq!(sum(&books, name), figure, "{name}: {books:#}");
    }
    assert_eq!(code, Some(0));
    let (_, none) = ledger(&stage, &["--tenant", ANA]);
    assert_eq!(none["data"], json!([]));

    let mut owner = stage.database.owner().await;
    let lose = "DELETE FROM notification_schema.notifications WHERE status = 'sent';
                DELETE FROM notification_schema.notification_deduplication";
    owner.batch_execute(lose).await.unwrap();
    let (code, books) = ledger(&stage, &[]);
    assert_eq!(
        (code, sum(&books, "difference")),
        (Some(1), 1),
        "one is lost"
    );
    let turned = ledger(
        &stage,
        &[
            "--since",
            "2026-02-01T00:00:00Z",
            "--until",
            "2026-01-01T00:00:00Z",
        ],
    );
    assert_eq!(turned.0, Some(1));
}
