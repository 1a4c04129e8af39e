//! `herald export`, and what `apply` makes of it; `apply --dry-run`; `herald rejected`.

use std::process::Output;

use serde_json::Value;

use crate::database::lines;
use crate::stage::{Stage, ana, envelope_with};
use serde_json::json;

/// One of everything that may be declared, with what is odd about each.
const ALL: &str = r#"
[[tenants]]
id = "0190c1a0-0000-7000-8000-0000000000aa"
name = "acme \"& sons\""
locale = "de-AT"

[[categories]]
tenant_id = "0190c1a0-0000-7000-8000-0000000000aa"
name = "orders"
may_disable = false
over_cap = "defer"
on_unknown = "fail_over"

[[users]]
id = "0190c1a0-0000-7000-8000-000000000001"
tenant_id = "0190c1a0-0000-7000-8000-0000000000aa"
email = "ana@example.com"
username = "ana"
name = "Ana \\ \u00e9"
phone = "+4915112345678"
timezone = "Europe/Berlin"
locale = "de"
devices = [{ token = "one", platform = "android" }, { token = "two", platform = "web" }]

[[users]]
id = "0190c1a0-0000-7000-8000-000000000002"

[[preferences]]
tenant_id = "0190c1a0-0000-7000-8000-0000000000aa"
user_id = "0190c1a0-0000-7000-8000-000000000001"
channel = "email"
enabled = false
frequency_cap = "none"
quiet_hours_start = "22:00"
quiet_hours_end = "24:00"
quiet_hours_days = ["mon", "sat"]
timezone = "Europe/Vienna"

[[preferences]]
tenant_id = "0190c1a0-0000-7000-8000-0000000000aa"
channel = "all"
frequency_cap = 5
quiet_hours = "none"

[[preferences]]
user_id = "0190c1a0-0000-7000-8000-000000000002"
category = "orders"
enabled = true

[[templates]]
name = "footer"
message_type = "email"
subject = "-"
body = "Bye, {{ name }}"
variables = ["name"]

[[templates]]
name = "order"
message_type = "email"
subject = "Order {{ order }}"
body = """
Hello,
{% include "footer" %} '''
"""
variables = ["order", "name"]

[[templates]]
name = "note"
message_type = "in_app"
locale = "de"
title = "Hallo"
body = "[[no table]]"

[[providers]]
name = "mail"
kind = "sendgrid"
channel = "email"
priority = -3
weight = 7
rate_limit = 60
timeout_seconds = 5
is_active = false
api_key = "SG.hunter2"
[providers.config]
base_url = "http://127.0.0.1:1"
from = "hello@example.com"
batch_size = 3

[[providers]]
name = "2nd text"
kind = "twilio"
api_key = "AC1"
api_secret = "hunter2"
[providers.config]
from = "+15005550006"
base_url = "http://127.0.0.1:1"
auth_token = "hunter2"

[[webhooks]]
name = "desk"
url = "https://hooks.example.com/"
secret = "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg=="
events = ["notification.sent", "notification.failed"]
channels = ["email"]
categories = ["orders"]
retry_count = 3
timeout_seconds = 7

[[workflows]]
name = "told"
on = "order.*"
when = "data.total > 0.5"
recipients = ["data.user_id"]
key = "data.order"
[[workflows.steps]]
send = { channel = "in_app", template = "note" }
[[workflows.steps]]
wait = { for = "10m", unless = "read" }
[[workflows.steps]]
send = { channel = "email", template = "order", priority = "low", variables = { order = "data.order", name = "data.name" } }

[[token_keys]]
kid = "shared"
algorithm = "HS256"
secret = "hunter2hunter2hunter2hunter2hunter2"

[[suppressions]]
channel = "email"
address = "gone@example.com"
reason = "complaint"
category = "orders"

[[suppressions]]
channel = "sms"
address = "+4915112345679"

[[topics]]
name = "news"
description = "What is new"
"#;

/// The secrets of it, by the variables of the export.
const SECRETS: &[(&str, &str)] = &[
    ("MAIL_API_KEY", "SG.hunter2"),
    ("_2ND_TEXT_API_KEY", "AC1"),
    ("_2ND_TEXT_API_SECRET", "hunter2"),
    ("_2ND_TEXT_AUTH_TOKEN", "hunter2"),
    (
        "WEBHOOK_DESK_SECRET",
        "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==",
    ),
    (
        "TOKEN_KEY_SHARED_SECRET",
        "hunter2hunter2hunter2hunter2hunter2",
    ),
];

fn said(output: &Output) -> (bool, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn run(stage: &Stage, arguments: &[&str]) -> (bool, String, String) {
    let mut command = stage.herald(arguments);
    command.envs(SECRETS.iter().copied());
    said(&command.output().unwrap())
}

fn apply(stage: &Stage, text: &str, more: &[&str]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let arguments = [&["apply", file.path().to_str().unwrap()], more].concat();
    let (good, answer, error) = run(stage, &arguments);
    assert!(good, "{error}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_changes_nothing_where_it_is_from_and_makes_all_of_it_anew_elsewhere() {
    let stage = Stage::with_lanes("email.normal").await;
    apply(&stage, ALL, &[]);
    // What a person or an account has taught, for a while, is nobody's declaration.
    let mut owner = stage.database.owner().await;
    let learnt = "INSERT INTO notification_schema.suppressions (tenant_id, channel, address, reason, ends_at)
                  SELECT id, 'email', 'full@example.com', 'hard_bounce', now() + interval '1 day'
                  FROM notification_schema.tenants RETURNING 'one' AS text";
    lines(&mut owner, learnt).await;
    let (good, exported, told) = run(&stage, &["export"]);
    assert!(good, "{told}");
    for secret in ["hunter2", "aHVudGVy", "full@example.com"] {
        assert!(!exported.contains(secret), "{secret}: {exported}");
    }
    for (variable, _) in SECRETS {
        assert!(told.contains(variable), "{variable}: {told}");
    }
    assert!(!told.contains("left out"), "{told}");
    let again = apply(&stage, &exported, &[]);
    assert!(again.contains("0 created, 0 updated"), "{again}");

    let elsewhere = Stage::with_lanes("email.normal").await;
    let made = apply(&elsewhere, &exported, &[]);
    assert!(made.contains("0 updated"), "{made}");
    let (good, same, _) = run(&elsewhere, &["export"]);
    assert!(good);
    let entries = |text: &str| {
        let mut entries: Vec<String> = text.split("\n\n").map(|it| it.trim().to_owned()).collect();
        entries.sort();
        entries
    };
    assert_eq!(entries(&same), entries(&exported));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_apply_says_what_it_would_do_and_does_nothing() {
    let stage = Stage::with_lanes("email.normal").await;
    let tried = apply(&stage, &ana(), &["--dry-run"]);
    assert!(
        tried.contains("created users") && tried.contains("a dry run"),
        "{tried}"
    );
    let there = "SELECT count(*)::text AS text FROM notification_schema.users";
    let mut owner = stage.database.owner().await;
    assert_eq!(lines(&mut owner, there).await, ["0"]);
    apply(&stage, &ana(), &[]);
    let changed = ana().replace("Europe/Berlin", "Europe/Vienna");
    let tried = apply(&stage, &changed, &["--dry-run"]);
    assert!(tried.contains("0 created, 1 updated"), "{tried}");
    let zone = "SELECT timezone AS text FROM notification_schema.users";
    assert_eq!(lines(&mut owner, zone).await, ["Europe/Berlin"]);
    // What is wrong is said as without it.
    let file = tempfile::NamedTempFile::new().unwrap();
    let wrong =
        "[[preferences]]\nuser_id = \"0190c1a0-0000-7000-8000-0000000000ff\"\nchannel = \"sms\"\n";
    std::fs::write(file.path(), wrong).unwrap();
    let arguments = ["apply", "--dry-run", file.path().to_str().unwrap()];
    let (good, _, error) = run(&stage, &arguments);
    assert!(!good && error.contains("preferences"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_messages_are_listed_and_published_again_on_the_command_line() {
    let stage = Stage::with_lanes("email.normal").await;
    let engine = stage.start().await;
    let publisher = stage.publisher().await;
    let unknown =
        json!({ "user_id": "0190c1a0-0000-7000-8000-000000000001", "idempotency_key": "mended" });
    publisher.publish(&envelope_with("email", unknown)).await;
    publisher.publish_raw(b"no json \xff", "email.normal").await;
    let list = || {
        let (good, list, error) = run(&stage, &["--json", "rejected", "list", "--show-body"]);
        assert!(good, "{error}");
        serde_json::from_str::<Value>(&list).unwrap()
    };
    let waited = tokio::time::timeout(crate::database::PATIENCE, async {
        while list()["waiting"] != 2 {}
    });
    waited.await.unwrap();
    engine.stop().await;
    let shown = list();
    let of = |reason: &str| {
        let all = shown["messages"].as_array().unwrap();
        all.iter()
            .find(|it| it["reason"] == reason)
            .unwrap()
            .clone()
    };
    let unknown = of("unknown_user");
    assert_eq!(unknown["lane"], "email.normal");
    assert!(unknown["body"].as_str().unwrap().contains("mended"));
    let (_, words, _) = run(&stage, &["rejected", "list"]);
    assert!(
        words.contains("2 shown of 2") && !words.contains("mended"),
        "what they say is asked for: {words}"
    );
    stage.apply(&ana());
    let id = unknown["id"].as_str().unwrap();
    let (good, done, error) = run(&stage, &["rejected", "replay", id]);
    assert!(
        good && done.contains("1 published, 0 left"),
        "{done} {error}"
    );
    let (good, done, _) = run(&stage, &["rejected", "replay", id]);
    assert!(!good && done.contains("0 published, 1 left"), "{done}");
    let (good, _, error) = run(&stage, &["rejected", "replay"]);
    assert!(!good && error.contains("<ID>"), "{error}");
    // Each once: what is rejected anew stays, and nobody waits for the end of that.
    let _engine = stage.start().await;
    let reason = ["rejected", "replay", "--all", "--reason", "malformed_json"];
    let (good, done, _) = run(&stage, &reason);
    assert!(good && done.contains("1 published, 0 left"), "{done}");
    let mut outcomes = stage.outcomes().await;
    outcomes
        .until_count("SELECT count(*) FROM notifications", 1)
        .await;
    let waited = tokio::time::timeout(crate::database::PATIENCE, async {
        while list()["waiting"] != 1 {}
    });
    waited.await.unwrap();
}
