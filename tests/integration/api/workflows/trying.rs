//! Versions of workflows are tried on recorded events.

use serde_json::{Value, json};

use super::{BEN, Desk, NOBODY, telling};
use crate::database::lines;
use crate::stage::ANA;

const SEND: &str = "[[workflows.steps]]\nsend = { channel = \"in_app\", template = \"told\" }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_tried_on_recorded_events_and_compared_and_nothing_comes_of_it() {
    let later = format!("[[workflows.steps]]\ndelay = {{ for = \"1h\" }}\n{SEND}");
    let desk = Desk::with(&telling("w", "said", &later)).await;
    let _engine = desk.stage.start().await;
    let id = desk
        .happens(
            "1",
            "said",
            json!({ "who": [ANA, BEN, NOBODY], "key": 1, "text": "hello" }),
        )
        .await;
    desk.happens("2", "said", json!({ "who": [], "key": 2 }))
        .await;
    desk.happens("3", "other", json!({ "who": ANA, "key": 3 }))
        .await;
    // Ben wants nothing.
    desk.good(
        "PUT",
        &format!("/v1/users/{BEN}/preferences"),
        &json!([{ "channel": "in_app", "enabled": false }]),
    )
    .await;
    let path = "/v1/workflows/w";
    let published = desk.good("GET", path, &Value::Null).await;
    let mut draft = published["published"]["definition"].clone();
    draft["when"] = json!("data.who");
    draft["steps"] = json!([
        { "send": { "channel": "in_app", "template": "told" } },
        { "wait": { "for": "10m", "unless": "read" } },
        { "send": { "channel": "in_app", "template": "gathered" } }]);
    draft["steps"][2]["send"]["template"] = json!("told");
    desk.good("PUT", path, &draft).await;
    let mut owner = desk.stage.database.owner().await;
    let all = "SELECT concat_ws(' ', (SELECT count(*) FROM notification_schema.workflow_runs),
                   (SELECT count(*) FROM notification_schema.notifications)) AS text";
    let before = lines(&mut owner, all).await;
    let tried = desk
        .good(
            "POST",
            &format!("{path}/dry-run"),
            &json!({ "event_id": id }),
        )
        .await;
    assert_eq!(
        (&tried["version"], &tried["outcome"]),
        (&json!(2), &json!("started"))
    );
    let people = tried["people"].as_array().unwrap();
    let ends: Vec<(&Value, &Value)> = people
        .iter()
        .map(|it| (&it["user_id"], &it["reason"]))
        .collect();
    assert_eq!(
        ends,
        [
            (&json!(ANA), &json!("completed")),
            (&json!(BEN), &json!("completed")),
            (&json!(NOBODY), &json!("unknown_user"))
        ]
    );
    let messages = |person: &Value| -> Vec<Value> {
        let steps = person["steps"].as_array().unwrap().iter();
        steps
            .map(|step| step["message"].clone())
            .filter(|it| !it.is_null())
            .collect()
    };
    let of_ana = messages(&people[0]);
    assert_eq!(of_ana.len(), 2, "{tried:#}");
    assert_eq!(
        (
            &of_ana[0]["decision"],
            &of_ana[0]["title"],
            &of_ana[0]["body"]
        ),
        (&json!("sent"), &json!("said"), &json!("hello for ana"))
    );
    let of_ben = messages(&people[1]);
    assert_eq!(of_ben[0]["decision"], "cancelled:channel_disabled");
    // What is published would tell the same people once, an hour later.
    let tried = desk
        .good(
            "POST",
            &format!("{path}/dry-run"),
            &json!({ "event_id": id, "version": 1 }),
        )
        .await;
    assert_eq!(messages(&tried["people"][0]).len(), 1);
    let diff = desk
        .good("GET", &format!("{path}/diff"), &Value::Null)
        .await;
    assert_eq!(
        (&diff["from"], &diff["to"], &diff["looked_at"]),
        (&json!(1), &json!(2), &json!(2))
    );
    assert_eq!(
        diff["before"],
        json!({ "in_app after 1h sent": 1, "in_app after 1h cancelled:channel_disabled": 1, "unknown_user": 1,
            "empty_audience": 1 })
    );
    assert_eq!(
        diff["after"],
        json!({ "in_app sent; in_app after 10m sent": 1, "unknown_user": 1, "not_meant": 1,
            "in_app cancelled:channel_disabled; in_app after 10m cancelled:channel_disabled": 1 })
    );
    let changes = diff["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 3, "{diff:#}");
    assert!(
        changes
            .iter()
            .any(|it| it["after"] == "not_meant" && it["before"] == "empty_audience")
    );
    // What is not there is said, and none of this has done anything.
    for (method, place, body, status) in [
        ("POST", "/dry-run", json!({ "event_id": NOBODY }), 404),
        (
            "POST",
            "/dry-run",
            json!({ "event_id": id, "version": 9 }),
            404,
        ),
        ("POST", "/dry-run", json!({}), 422),
        ("GET", "/diff?from=9", Value::Null, 404),
        ("GET", "/diff?from=x", Value::Null, 422),
    ] {
        let (said, problem) = desk.ask(method, &format!("{path}{place}"), &body).await;
        assert_eq!(said, status, "{method} {place}: {problem:#}");
    }
    assert_eq!(lines(&mut owner, all).await, before);
}
