//! What is cancelled is told to nobody later: what a run has sent and what waits still ends with it.

use serde_json::{Value, json};

use super::{BEN, Desk, telling};
use crate::database::lines;
use crate::stage::ANA;

/// A mail of which no lane is served here: it waits.
const MAIL: &str =
    "[[templates]]\nname = \"mail\"\nmessage_type = \"email\"\nsubject = \"s\"\nbody = \"b\"\n";
const SEND: &str = "[[workflows.steps]]\nsend = { channel = \"email\", template = \"mail\" }\n";
const STANDINGS: &str = "SELECT concat_ws(' ', status, reason, count(*)) AS text
    FROM notification_schema.notifications GROUP BY status, reason ORDER BY 1";

async fn told(desk: &Desk, many: usize) -> Vec<Value> {
    let sent = |runs: &[Value]| {
        let sent = runs
            .iter()
            .filter(|run| !run["notifications"].as_array().unwrap().is_empty());
        sent.count() == many
    };
    desk.until("/v1/workflow-runs", sent).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_of_runs_ends_with_them_by_run_event_key_and_person() {
    let delay = "[[workflows.steps]]\ndelay = { for = \"1h\" }\n";
    let workflows = [
        MAIL.to_owned(),
        telling("over", "over", SEND),
        telling("waits", "waits", &format!("{SEND}{delay}{SEND}")),
    ];
    let desk = Desk::with(&workflows.concat()).await;
    let _engine = desk.stage.start().await;
    let said = |who: Value, key: &str| json!({ "who": who, "key": key, "text": "x" });
    let event = desk
        .happens("1", "over", said(json!([ANA, BEN]), "a"))
        .await;
    desk.happens("2", "over", said(json!(ANA), "b")).await;
    desk.happens("3", "waits", said(json!(ANA), "c")).await;
    desk.happens("4", "over", said(json!(BEN), "d")).await;
    desk.happens("5", "waits", said(json!(BEN), "e")).await;
    let runs = told(&desk, 6).await;
    let mut owner = desk.stage.database.owner().await;
    assert_eq!(lines(&mut owner, STANDINGS).await, ["pending 6"]);
    // Of a run that is over, what waits of its message still ends; then there is nothing left.
    let over = runs.iter().find(|run| run["key"] == "b").unwrap();
    let path = format!("/v1/workflow-runs/{}/cancel", over["id"].as_str().unwrap());
    let ended = desk.good("POST", &path, &Value::Null).await;
    assert_eq!(
        ended,
        json!({ "cancelled": 0, "ended": 1, "items": 0, "fan_outs": 0, "notifications": 1, "under_way": 0 })
    );
    let (status, late) = desk.ask("POST", &path, &Value::Null).await;
    assert_eq!((status, late["state"].as_str()), (409, Some("sent")));
    let ended = desk
        .good("POST", &format!("/v1/events/{event}/cancel"), &Value::Null)
        .await;
    assert_eq!(
        (&ended["ended"], &ended["notifications"]),
        (&json!(2), &json!(2))
    );
    let ended = desk
        .good("POST", "/v1/workflow-runs/cancel", &json!({ "key": "c" }))
        .await;
    assert_eq!(
        (&ended["cancelled"], &ended["notifications"]),
        (&json!(1), &json!(1))
    );
    // One of Ben's two is in hand of a node: that is said.
    let take = "UPDATE notification_schema.notifications n SET owner = (
                    SELECT max(run_id) FROM notification_schema.engine_nodes WHERE ended_at IS NULL)
                FROM notification_schema.workflow_runs r
                WHERE r.key = 'd' AND r.sent @> jsonb_build_array(jsonb_build_object('id', n.id))
                RETURNING n.status AS text";
    assert_eq!(lines(&mut owner, take).await, ["pending"]);
    let ended = desk
        .good(
            "POST",
            "/v1/workflow-runs/cancel",
            &json!({ "user_id": BEN }),
        )
        .await;
    assert_eq!(
        (
            &ended["cancelled"],
            &ended["notifications"],
            &ended["under_way"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        lines(&mut owner, STANDINGS).await,
        ["cancelled cancelled_by_user 5", "pending 1"]
    );
    let audited = "SELECT count(*)::text AS text FROM notification_schema.audit_logs
                   WHERE action = 'cancel' AND resource_type = 'notification'";
    assert_eq!(lines(&mut owner, audited).await, ["5"]);
}
