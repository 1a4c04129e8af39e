//! What runs know of what was sent: effects of mails, and messages of versions before.

use serde_json::{Value, json};

use super::super::door::{ask, ask_as, json_of};
use super::{BEN, Desk, ends, event, have_ended, telling};
use crate::database::lines;
use crate::stage::ANA;

const SEND: &str = "[[workflows.steps]]\nsend = { channel = \"in_app\", template = \"told\" }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_a_person_has_opened_ends_a_wait_and_what_a_program_has_does_not() {
    let steps =
        format!("{SEND}[[workflows.steps]]\nwait = {{ for = \"8s\", unless = \"read\" }}\n{SEND}");
    let desk = Desk::with(&telling("mail", "mail", &steps)).await;
    let _engine = desk.stage.start().await;
    for (id, who) in [("1", ANA), ("2", BEN)] {
        desk.happens(id, "mail", json!({ "who": who, "key": id, "text": "a" }))
            .await;
    }
    desk.inbox(ANA, 1).await;
    desk.inbox(BEN, 1).await;
    // As the providers' hooks store it.
    let mut owner = desk.stage.database.owner().await;
    let told = format!(
        "INSERT INTO notification_schema.email_logs (tenant_id, notification_id, message_type, provider, event, event_id,
             matched_by, occurred_at)
         SELECT tenant_id, id, 'email', 'p', CASE user_id WHEN '{ANA}' THEN 'open' ELSE 'machine_open' END, id::text,
             'id', now()
         FROM notification_schema.notifications RETURNING event AS text"
    );
    assert_eq!(lines(&mut owner, &told).await.len(), 2);
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 2))
        .await;
    assert_eq!(ends(&runs), ["completed", "reached"]);
    let reached = runs.iter().find(|run| run["reason"] == "reached").unwrap();
    assert_eq!(reached["user_id"], ANA);
    assert_eq!(desk.inbox(BEN, 2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_goes_on_with_a_newer_version_is_no_repetition_of_an_older_message() {
    let gather = "[[workflows.steps]]\ndigest = { for = \"8s\" }\n\
                  [[workflows.steps]]\nsend = { channel = \"in_app\", template = \"gathered\" }\n";
    let desk = Desk::with(&telling("w", "said", &format!("{SEND}{SEND}{gather}"))).await;
    let _engine = desk.stage.start().await;
    desk.happens(
        "1",
        "said",
        json!({ "who": ANA, "key": 1, "text": "hello" }),
    )
    .await;
    let gathered = |runs: &[Value]| {
        runs.iter()
            .any(|run| run["timeline"].to_string().contains("is gathered"))
    };
    desk.until("/v1/workflow-runs", gathered).await;
    desk.stage.apply(&telling("w", "said", gather));
    let mut told = desk.inbox(ANA, 3).await;
    told.sort_unstable();
    assert_eq!(told, ["1: hello", "hello for ana", "hello for ana"]);
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 1))
        .await;
    assert_eq!(
        (ends(&runs), &runs[0]["version"]),
        (vec!["completed"], &json!(2))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_of_a_newer_version_knows_the_message_that_an_older_one_has_sent() {
    let named = "[[workflows.steps]]\nname = \"first\"\nsend = { channel = \"in_app\", template = \"told\" }\n";
    let gather = "[[workflows.steps]]\ndigest = { for = \"8s\" }\n";
    let desk = Desk::with(&telling("w", "said", &format!("{named}{gather}{SEND}"))).await;
    let _engine = desk.stage.start().await;
    let told = json!({ "who": ANA, "key": 1, "text": "hello" });
    desk.happens("1", "said", told).await;
    desk.inbox(ANA, 1).await;
    // In the next version the step of this name is another move, and a wait asks about it.
    let throttle = "[[workflows.steps]]\nthrottle = { at_most = 100, per = \"1d\" }\n";
    let wait = "[[workflows.steps]]\nwait = { for = \"1s\", unless = \"read\", of = \"first\" }\n";
    let next = format!("{throttle}{named}{gather}{wait}{SEND}");
    desk.stage.apply(&telling("w", "said", &next));
    let token = desk
        .good("POST", &format!("/v1/users/{ANA}/token"), &json!({}))
        .await;
    let path = "/v1/inbox/read-all?until=2100-01-01T00:00:00Z";
    let token = token["token"].as_str().unwrap();
    let read = ask_as(&desk.stage, token, "POST", path, "").await;
    assert!((200..300).contains(&read.status), "{}", read.text());
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 1))
        .await;
    assert_eq!(
        (ends(&runs), &runs[0]["version"]),
        (vec!["reached"], &json!(2)),
        "{runs:#?}"
    );
    assert_eq!(desk.inbox(ANA, 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_by_the_media_types_of_cloud_events() {
    let desk = Desk::with("").await;
    let _engine = desk.stage.start().await;
    let said = event("1", "said", json!({}));
    let key = format!("Authorization: Bearer {}", desk.key);
    for (kind, body, status) in [
        ("application/cloudevents+json", said.clone(), 202),
        (
            "application/cloudevents-batch+json; charset=utf-8",
            json!([said]),
            207,
        ),
        ("text/plain", said.clone(), 415),
    ] {
        let headers = [&*key, &format!("Content-Type: {kind}")];
        let answer = ask(
            &desk.stage,
            "POST",
            "/v1/events",
            &headers,
            &body.to_string(),
        )
        .await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.text());
    }
    // A repetition is traced anew, and what is too large has its own status.
    let mut again = said.clone();
    again["traceparent"] = json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    desk.good("POST", "/v1/events", &again).await;
    let large = event("2", "said", json!({ "text": "x".repeat(256 * 1_024) }));
    let headers = [&*key, "Content-Type: application/json"];
    let refused = ask(
        &desk.stage,
        "POST",
        "/v1/events",
        &headers,
        &large.to_string(),
    )
    .await;
    assert_eq!(
        (refused.status, &json_of(&refused)["code"]),
        (413, &json!("too_large"))
    );
}
