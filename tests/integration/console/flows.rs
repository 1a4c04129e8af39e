//! Workflows, their runs and open digests on pages.

use serde_json::json;

use super::browser::Browser;
use crate::api::door::{ask_as, json_of, key};
use crate::database::PATIENCE;
use crate::stage::{ANA, Stage, ana};

const WORKFLOWS: &str = r#"
[[templates]]
name = "told"
message_type = "in_app"
body = "Secret {{ data.text }}"
[[workflows]]
name = "later"
on = "later"
recipients = ["data.who"]
key = "data.key"
[[workflows.steps]]
delay = { for = "1h" }
[[workflows.steps]]
send = { channel = "in_app", template = "told" }
[[workflows]]
name = "gather"
on = "gather"
recipients = ["data.who"]
[[workflows.steps]]
digest = { for = "1h", key = "data.key" }
[[workflows.steps]]
send = { channel = "in_app", template = "told" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn workflows_have_pictures_and_runs_their_stories_and_a_dry_run_hides_what_it_would_say() {
    let stage = Stage::with_lanes("in_app.normal").await;
    stage.apply(&format!("{}{WORKFLOWS}", ana()));
    let admin = key(&stage, "admin", None);
    let author = key(&stage, "workflows:read,workflows:write", None);
    let _engine = stage.start().await;
    let mut events = vec![];
    for kind in ["later", "gather"] {
        let event = json!({ "specversion": "1.0", "id": kind, "source": "/test", "type": kind,
            "data": { "who": ANA, "key": "<img src=x>", "text": "words" } });
        let answer = ask_as(&stage, &admin, "POST", "/v1/events", &event.to_string()).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        events.push(json_of(&answer)["id"].as_str().unwrap().to_owned());
    }
    let browser = Browser::signed_in(&stage, &admin).await;
    let list = browser.page("/console/workflows").await;
    assert!(list.contains("href=\"/console/workflows/later\""), "{list}");
    let page = browser.page("/console/workflows/later").await;
    assert!(
        page.contains("<svg") && page.contains("1. delay") && page.contains("template told"),
        "{page}"
    );
    let waited = tokio::time::timeout(PATIENCE, async {
        while !browser
            .page("/console/digests")
            .await
            .contains("/console/runs?workflow=gather")
        {}
    });
    waited.await.unwrap();
    let digests = browser.page("/console/digests").await;
    assert!(
        digests.contains("&#60;img src=x") && !digests.contains("<img src=x"),
        "{digests}"
    );
    // Its words are not for everybody.
    let form = [("event_id", events[0].as_str()), ("version", "1")];
    let tried = browser.post("/console/workflows/later/try", &form).await;
    assert!(
        tried.status == 200 && tried.text().contains("Secret words"),
        "{}",
        tried.text()
    );
    let other = Browser::signed_in(&stage, &author).await;
    let tried = other.post("/console/workflows/later/try", &form).await;
    let text = tried.text();
    assert!(
        text.contains("Contents are masked") && text.contains("It ends: completed"),
        "{text}"
    );
    assert!(!text.contains("Secret words"), "{text}");
    let wrong = other
        .post("/console/workflows/later/try", &[("event_id", "x")])
        .await;
    assert_eq!(wrong.status, 400);
    // A run is found by its workflow, and ended on its page.
    let runs = browser.page("/console/runs?workflow=later").await;
    let link = runs
        .split("href=\"/console/runs/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let path = format!("/console/runs/{link}");
    let page = browser.page(&path).await;
    assert!(
        page.contains("started by `later`") && page.contains("Cancel it"),
        "{page}"
    );
    assert_eq!(
        browser.post(&format!("{path}/cancel"), &[]).await.status,
        303
    );
    let page = browser.page(&path).await;
    assert!(
        page.contains("cancelled_by_request") && !page.contains("Cancel it"),
        "{page}"
    );
    assert_eq!(
        browser.post(&format!("{path}/cancel"), &[]).await.status,
        409
    );
    let ended = browser.page("/console/runs?status=cancelled").await;
    assert!(ended.contains(link), "{ended}");
}
