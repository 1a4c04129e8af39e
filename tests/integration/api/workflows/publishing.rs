//! Workflows as data: drafts, versions, mistakes.

use serde_json::{Value, json};

use super::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_checked_published_and_retired_and_versions_stay() {
    let desk = Desk::with("").await;
    let _engine = desk.stage.start().await;
    let path = "/v1/workflows/greet";
    let (status, refused) = desk
        .ask(
            "PUT",
            path,
            &json!({ "on": "a b", "recipients": ["data.who"], "colour": 1, "steps": [
            { "send": { "channel": "in_app", "template": "nosuch" } }] }),
        )
        .await;
    assert_eq!(status, 422, "{refused:#}");
    let pointers = |problem: &Value| -> Vec<String> {
        let errors = problem["errors"].as_array().unwrap().iter();
        errors
            .map(|it| it["pointer"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        pointers(&refused),
        ["#/on", "#/colour", "#/steps/0/send/template"]
    );
    let mut good = json!({ "on": "hello", "recipients": ["data.who"], "category": "nosuch", "steps": [
        { "send": { "channel": "in_app", "template": "nosuch" } },
        { "send": { "channel": "in_app", "template": "gathered", "category": "nosuch" } }] });
    let (status, refused) = desk.ask("PUT", path, &good).await;
    assert_eq!(status, 422, "{refused:#}");
    assert_eq!(
        pointers(&refused),
        [
            "#/steps/0/send/template",
            "#/category",
            "#/steps/1/send/category"
        ]
    );
    good = json!({ "on": "hello", "recipients": ["data.who"], "steps": [
        { "send": { "channel": "in_app", "template": "told" } }] });
    let draft = desk.good("PUT", path, &good).await;
    assert_eq!(
        (draft["version"].as_i64(), draft["state"].as_str()),
        (Some(1), Some("draft"))
    );
    // Nothing is told by a draft.
    let id = desk.happens("1", "hello", super::who()).await;
    let event = desk
        .good("GET", &format!("/v1/events/{id}"), &Value::Null)
        .await;
    assert_eq!(event["outcome"], json!([]));
    let published = desk
        .good("POST", &format!("{path}/publish"), &Value::Null)
        .await;
    assert_eq!(
        (published["version"].as_i64(), published["state"].as_str()),
        (Some(1), Some("published"))
    );
    let (status, none) = desk
        .ask("POST", &format!("{path}/publish"), &Value::Null)
        .await;
    assert_eq!((status, none["code"].as_str()), (409, Some("no_draft")));
    desk.happens("2", "hello", super::who()).await;
    assert_eq!(desk.inbox(crate::stage::ANA, 1).await, ["hello for ana"]);
    // The next version; the file that says the same changes nothing.
    good["on"] = json!("hello.#");
    desk.good("PUT", path, &good).await;
    desk.good("POST", &format!("{path}/publish"), &Value::Null)
        .await;
    desk.stage.apply(
        "[[workflows]]\nname = \"greet\"\non = \"hello.#\"\nrecipients = [\"data.who\"]\n\
         steps = [{ send = { channel = \"in_app\", template = \"told\" } }]\n",
    );
    let versions = desk
        .good("GET", &format!("{path}/versions"), &Value::Null)
        .await;
    let states: Vec<_> = versions["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].clone())
        .collect();
    assert_eq!(states, ["published", "retired"]);
    let (status, _) = desk.ask("DELETE", path, &Value::Null).await;
    assert_eq!(status, 204);
    let shown = desk.good("GET", path, &Value::Null).await;
    assert_eq!(
        (shown["published"].clone(), shown["versions"].as_i64()),
        (Value::Null, Some(2))
    );
    assert_eq!(
        desk.ask("GET", "/v1/workflows/nosuch", &Value::Null)
            .await
            .0,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_a_wrong_workflow_changes_nothing_and_says_all() {
    let desk = Desk::with("").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "[[workflows]]\nname = \"w\"\non = \"a b\"\nrecipients = [\"((\"]\n\
                steps = [{ send = { channel = \"fax\" } }, {}]\n";
    std::fs::write(file.path(), text).unwrap();
    let output = desk
        .stage
        .herald(&["apply", file.path().to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for key in [
        "\"w\".on`",
        "\"w\".recipients[0]`",
        "\"w\".steps[0].send.channel`",
        "\"w\".steps[1]`",
    ] {
        assert!(said.contains(key), "{key}: {said}");
    }
}
