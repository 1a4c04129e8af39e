//! Runs whose message cannot be rendered: they fail, and say so.

use serde_json::{Value, json};

use super::super::door::ask;
use super::{BEN, Desk, ends, have_ended, telling};
use crate::stage::ANA;

const BROKEN: &str =
    "[[templates]]\nname = \"broken\"\nmessage_type = \"in_app\"\nbody = \"{{ data.deep.er }}\"\n";

fn send(template: &str) -> String {
    format!("[[workflows.steps]]\nsend = {{ channel = \"in_app\", template = \"{template}\" }}\n")
}

/// How many runs have ended so, as the node counts.
async fn counted(desk: &Desk, reason: &str) -> String {
    let metrics = ask(&desk.stage, "GET", "/metrics", &[], "").await.text();
    let of = format!("herald_workflow_runs_ended_total{{reason=\"{reason}\"}} ");
    value(&metrics, &of)
}

fn value(metrics: &str, of: &str) -> String {
    let line = metrics.lines().find_map(|line| line.strip_prefix(of));
    line.unwrap_or("0").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_rendered_fails_its_run_visibly_and_nobody_elses() {
    let delay = "[[workflows.steps]]\ndelay = { for = \"1h\" }\n";
    let digest = "[[workflows.steps]]\ndigest = { for = \"2s\" }\n";
    let workflows = [
        BROKEN.to_owned(),
        telling("at-its-end", "said", &send("broken")),
        telling(
            "while-it-waits",
            "said",
            &format!("{}{delay}{}", send("broken"), send("told")),
        ),
        telling(
            "in-a-digest",
            "said",
            &format!("{}{digest}{}", send("broken"), send("gathered")),
        ),
    ];
    let desk = Desk::with(&workflows.concat()).await;
    let _engine = desk.stage.start().await;
    desk.happens("1", "said", json!({ "who": ANA, "key": 1, "text": "a" }))
        .await;
    // Ben's can be rendered: his runs go on.
    let fine = json!({ "who": BEN, "key": 1, "text": "b", "deep": { "er": "fine" } });
    desk.happens("2", "said", fine).await;
    let path = format!("/v1/workflow-runs?user_id={ANA}&reason=template_error");
    let failed = desk.until(&path, |runs| runs.len() == 3).await;
    for run in &failed {
        assert_eq!(run["status"], "failed", "{run:#}");
        assert!(
            !run["finished_at"].is_null() && run["due_at"].is_null(),
            "{run:#}"
        );
        let story = run["timeline"].to_string();
        assert!(story.contains("for in_app cannot be rendered"), "{story}");
    }
    // What she had in the digest was told all the same.
    assert_eq!(desk.inbox(ANA, 1).await, ["1: a"]);
    // One had ended well by then, and has not ended twice.
    assert_eq!(counted(&desk, "template_error").await, "2");
    let metrics = ask(&desk.stage, "GET", "/metrics", &[], "").await.text();
    let late = value(&metrics, "herald_workflow_runs_failed_late_total ");
    assert_eq!(late, "1");
    let bens = desk
        .until(
            &format!("/v1/workflow-runs?user_id={BEN}&status=finished"),
            |runs| runs.len() == 2,
        )
        .await;
    assert_eq!(ends(&bens), ["completed", "completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_not_failed_by_who_only_says_that_a_message_is_its() {
    let delay = "[[workflows.steps]]\ndelay = { for = \"1h\" }\n";
    let workflows = format!(
        "{BROKEN}{}",
        telling("later", "said", &format!("{delay}{}", send("told")))
    );
    let desk = Desk::with(&workflows).await;
    let _engine = desk.stage.start().await;
    desk.happens("1", "said", json!({ "who": ANA, "key": 1, "text": "a" }))
        .await;
    let runs = desk
        .until("/v1/workflow-runs", |runs| runs.len() == 1)
        .await;
    let order = json!({
        "version": 1, "user_id": ANA, "channel": "in_app", "metadata": { "run": runs[0]["id"] },
        "template": { "name": "broken", "variables": { "data": {} } },
    });
    let accepted = desk.good("POST", "/v1/notifications", &order).await;
    let path = format!("/v1/notifications?user_id={ANA}&status=failed");
    let failed = desk.until(&path, |rows| rows.len() == 1).await;
    assert_eq!(failed[0]["id"], accepted["id"]);
    let runs = desk.good("GET", "/v1/workflow-runs", &Value::Null).await;
    assert_eq!(runs["data"][0]["status"], "waiting");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_a_run_is_counted() {
    let delay = "[[workflows.steps]]\ndelay = { for = \"1h\" }\n";
    let digest = "[[workflows.steps]]\ndigest = { for = \"1h\", close_at = 2 }\n";
    let throttle =
        "[[workflows.steps]]\nthrottle = { at_most = 1, per = \"1h\", key = \"data.key\" }\n";
    let workflows = [
        telling("later", "later", &format!("{delay}{}", send("told"))),
        telling("gather", "gather", &format!("{digest}{}", send("gathered"))),
        telling("few", "few", &format!("{throttle}{}", send("told"))),
    ];
    let desk = Desk::with(&workflows.concat()).await;
    let _engine = desk.stage.start().await;
    let who = |key: Value| json!({ "who": ANA, "key": key, "text": "x" });
    desk.happens("1", "later", who(json!("a"))).await;
    desk.happens("2", "later", who(json!("b"))).await;
    desk.happens("3", "closed", json!({ "key": "a" })).await;
    desk.good("POST", "/v1/workflow-runs/cancel", &json!({ "key": "b" }))
        .await;
    desk.happens("4", "later", json!({ "who": "nobody", "key": "c" }))
        .await;
    for id in ["5", "6"] {
        desk.happens(id, "gather", who(json!(1))).await;
    }
    for (id, key) in [("7", json!(1)), ("8", json!(1)), ("9", Value::Null)] {
        desk.happens(id, "few", who(key)).await;
    }
    let runs = desk
        .until("/v1/workflow-runs", |runs| have_ended(runs, 8))
        .await;
    let ends = ends(&runs);
    assert_eq!(
        ends,
        [
            "bad_recipient",
            "cancelled_by_event",
            "cancelled_by_request",
            "completed",
            "completed",
            "joined_digest",
            "null_key",
            "throttled"
        ]
    );
    for reason in &ends {
        let many = ends.iter().filter(|end| *end == reason).count();
        assert_eq!(counted(&desk, reason).await, many.to_string(), "{reason}");
    }
}
