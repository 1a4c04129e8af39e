//! Erasing a person: all of it, exactly, and for good.

use loadtest::provider::Provider;
use serde_json::{Value, json};

use super::door::{is, told};
use super::said;
use super::users::Caller;
use crate::database::lines;
use crate::stage::{Stage, account, ana, envelope, envelope_with};

const ANA: &str = "0190c1a0-0000-7000-8000-000000000001";
const BEN: &str = "0190c1a0-0000-7000-8000-0000000000c2";
const CONSUMED: &str = "SELECT coalesce(sum(consumed), 0)::bigint AS count FROM intake";

fn ben() -> String {
    format!("[[users]]\nid = \"{BEN}\"\nemail = \"ben@example.com\"\n")
}

/// The tables in which somebody is named, by a text of theirs.
async fn named_in(stage: &Stage, text: &str) -> Vec<String> {
    let mut owner = stage.database.owner().await;
    let tables = "SELECT c.oid::regclass::text AS text FROM pg_class c
                  WHERE c.relnamespace = 'notification_schema'::regnamespace AND c.relkind IN ('r', 'p')
                    AND NOT c.relispartition ORDER BY 1";
    let mut found = vec![];
    for table in lines(&mut owner, tables).await {
        let named = format!(
            "SELECT count(*)::text AS text FROM {table} t
             WHERE t::text LIKE '%{text}%' OR to_jsonb(t)::text LIKE '%{text}%'"
        );
        if lines(&mut owner, &named).await != ["0"] {
            found.push(table.replace("notification_schema.", ""));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_stored_about_a_person_is_told_and_then_gone_for_good() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply(&format!("{}{}{}", ana(), ben(), account(&sendgrid)));
    let operator = Caller::of(&stage, "admin", None);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    outcomes.only("sent", None).await;
    let later = json!({ "send_at": "2026-12-24T18:00:00Z", "to": "ana@work.example.com" });
    publisher.publish(&envelope_with("email", later)).await;
    outcomes.until(|rows| rows.len() == 2).await;
    let one = format!("/v1/users/{ANA}");
    let wishes = json!([{ "channel": "sms", "enabled": false }]);
    operator
        .good("PUT", &format!("{one}/preferences"), wishes, 200)
        .await;
    operator
        .good("PATCH", &one, json!({ "name": "Ana Example" }), 200)
        .await;
    for (channel, address) in [("email", "ana@example.com"), ("in_app", ANA)] {
        let entry = json!({ "channel": channel, "address": address });
        operator.good("POST", "/v1/suppressions", entry, 201).await;
    }
    let hook = json!({ "url": "https://example.com/", "events": ["*"], "is_active": false });
    operator.good("POST", "/v1/webhooks", hook, 201).await;
    outcomes
        .execute(&format!(
            "INSERT INTO email_logs (tenant_id, notification_id, message_type, provider, event, event_id,
                 recipient, occurred_at)
             SELECT tenant_id, id, 'email', 'sendgrid', 'open', id::text, recipient, now() FROM notifications;
             INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason, retry_history)
             SELECT tenant_id, id, 'no_address', '[\"ana@example.com\"]' FROM notifications;
             INSERT INTO webhook_deliveries (tenant_id, webhook_id, notification_id, event_type, payload)
             SELECT n.tenant_id, w.id, n.id, 'notification.sent', 'ana@example.com'
             FROM notifications n, notification_webhooks w;
             INSERT INTO notification_quarantine (notification_id, tenant_id, channel, idempotency_key, status,
                 settlement, sqlstate, message, run_id, user_id)
             SELECT gen_random_uuid(), tenant_id, 'email', '', 'sent', 'ana@example.com', '22000', '', 1, id
             FROM users WHERE id = '{ANA}';
             INSERT INTO frequency_counts (user_id, day, scope, tenant_id)
             SELECT id, now(), '*/*', tenant_id FROM users WHERE id = '{ANA}'"
        ))
        .await;

    let told_all = operator
        .good("GET", &format!("{one}/export"), Value::Null, 200)
        .await;
    assert_eq!(told_all["user"]["email"], "ana@example.com");
    for (section, rows) in [
        ("preferences", 1),
        ("devices", 1),
        ("suppressions", 2),
        ("notifications", 2),
        ("dead_letters", 2),
        ("provider_events", 2),
        ("webhook_deliveries", 2),
        ("quarantine", 1),
        ("daily_counts", 1),
    ] {
        assert_eq!(
            told_all[section].as_array().unwrap().len(),
            rows,
            "{section}: {told_all:#}"
        );
    }
    assert!(!told_all["audit"].as_array().unwrap().is_empty());
    assert_eq!(
        said(&stage, &["users", "export", ANA]),
        told_all,
        "the same by command"
    );

    operator.good("DELETE", &one, Value::Null, 204).await;
    for (method, path) in [
        ("DELETE", one.clone()),
        ("GET", one.clone()),
        ("GET", format!("{one}/export")),
        ("GET", format!("{one}/devices")),
    ] {
        let answer = operator.ask(method, &path, &Value::Null).await;
        assert_eq!(told(&answer), is(404, "not_found"), "{method} {path}");
    }
    // What keeps others from writing to the address stays, and so does what was done to the list.
    let kept = ["audit_logs", "suppressions"];
    assert_eq!(named_in(&stage, "ana@example.com").await, kept);
    for text in [
        "Ana Example",
        "ana@work.example.com",
        "+4915112345678",
        "token-1",
        "It is on its way",
    ] {
        assert_eq!(named_in(&stage, text).await, [""; 0], "{text}");
    }
    let kept = ["audit_logs", "deleted_users"];
    let mut named = named_in(&stage, ANA).await;
    named.retain(|table| table != "wish_changes");
    assert_eq!(named, kept, "by the id alone");

    let before = stage.ledger.accepted();
    let consumed = outcomes.count(CONSUMED).await;
    let late = json!({ "recipient": { "email": "ana@example.com", "username": "ana" } });
    publisher.publish(&envelope_with("email", late)).await;
    publisher
        .publish(&envelope_with("email", json!({ "user_id": BEN })))
        .await;
    outcomes.until_count(CONSUMED, consumed + 2).await;
    outcomes.only("sent", None).await;
    assert_eq!(stage.ledger.accepted(), before + 1, "Ben's alone");
    let people = "SELECT id::text AS text FROM notification_schema.users";
    assert_eq!(
        lines(&mut stage.database.owner().await, people).await,
        [BEN]
    );
    let erased = said(&stage, &["--json", "users", "erase", BEN]);
    assert_eq!(erased, json!({ "erased": BEN }));
    let again = stage.herald(&["users", "erase", BEN]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("there is no such user"));
    let by = "SELECT actor AS text FROM notification_schema.audit_logs WHERE action = 'erase'
              AND actor = 'command line' AND changes IS NULL";
    assert_eq!(
        lines(&mut stage.database.owner().await, by).await,
        ["command line"]
    );
}

/// A limited account keeps a queue on both nodes: whatever stands in it when the answer comes is not sent.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_on_any_node_after_the_answer_however_much_is_in_flight() {
    let mut stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    let limited = account(&sendgrid).replace("kind =", "rate_limit = 600\nkind =");
    stage.apply(&format!("{}{}{limited}", ana(), ben()));
    let operator_key = super::door::key(&stage, "admin", None);
    let mut outcomes = stage.outcomes().await;
    let here = stage.url("").replace("http://", "");
    stage.set("HERALD__HTTP__BIND", "127.0.0.1:0");
    let _other = stage.start().await;
    stage.set("HERALD__HTTP__BIND", here);
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for at in 0..60 {
        publisher.publish(&envelope("email")).await;
        if at % 10 == 0 {
            let later = json!({ "send_at": "2026-12-24T18:00:00Z" });
            publisher.publish(&envelope_with("email", later)).await;
        }
    }
    assert!(
        stage
            .ledger
            .wait_for_accepted(15, crate::database::PATIENCE)
            .await
    );
    let path = format!("/v1/users/{ANA}");
    let answer = super::door::ask_as(&stage, &operator_key, "DELETE", &path, "").await;
    let sent = stage.ledger.accepted();
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert!(sent < 60, "there was something in flight");
    let late = json!({ "recipient": { "email": "ana@example.com" } });
    for _ in 0..5 {
        publisher
            .publish(&envelope_with("email", late.clone()))
            .await;
    }
    publisher
        .publish(&envelope_with("email", json!({ "user_id": BEN })))
        .await;
    outcomes.until_count(CONSUMED, 72).await;
    // Each is settled or let go of; Ben's comes last through the same account.
    outcomes
        .until(|rows| {
            rows.iter()
                .any(|row| row.recipient.as_deref() == Some("ben@example.com"))
        })
        .await;
    assert_eq!(stage.ledger.accepted(), sent + 1);
    assert_eq!(named_in(&stage, "ana@example.com").await, [""; 0]);
    let left = "SELECT count(*)::text AS text FROM notification_schema.notifications
                WHERE payload::text LIKE '%on its way%' AND recipient IS DISTINCT FROM 'ben@example.com'";
    assert_eq!(lines(&mut stage.database.owner().await, left).await, ["0"]);
    let waiting = "SELECT count(*) FROM notifications WHERE status = 'pending'";
    assert_eq!(outcomes.count(waiting).await, 0);
}

/// What a file changes stands in the same trail, as it was and as it is, without a secret; what it does not
/// change does not.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_applied_stands_in_the_same_trail() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    let files = |name: &str, cap: u32| {
        format!(
            "{}{}[[preferences]]\nuser_id = \"{ANA}\"\nchannel = \"email\"\nfrequency_cap = {cap}\n",
            ana().replace("username = \"ana\"", &format!("username = \"{name}\"")),
            account(&sendgrid)
        )
    };
    stage.apply(&files("ana", 5));
    stage.apply(&files("ana", 5));
    stage.apply(&files("anna", 6));
    let trail = "SELECT action || ' ' || resource_type || ' ' || coalesce(changes ->> 'old', '') AS text
                 FROM notification_schema.audit_logs WHERE actor = 'command line' ORDER BY created_at, 1";
    let expected = [
        "add_device user ",
        "create provider ",
        "create user ",
        "prefer user ",
        "prefer user {\"frequency_cap\": 5}",
        "update user {\"username\": \"ana\"}",
    ];
    assert_eq!(
        lines(&mut stage.database.owner().await, trail).await,
        expected
    );
    assert_eq!(named_in(&stage, "SG.key").await, [""; 0]);
    assert_eq!(named_in(&stage, "token-1").await, ["user_devices"]);
}
