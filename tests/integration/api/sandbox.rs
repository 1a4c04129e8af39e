//! A sandbox account sends nothing, and what it "sent" can be read; a timeline names the request that brought it.

use serde_json::{Value, json};

use super::door::{ask_as, json_of, key, stage};
use crate::stage::{Stage, ana, envelope_with};

const PATH: &str = "/v1/notifications";

async fn get(stage: &Stage, key: &str, path: &str) -> Value {
    json_of(&ask_as(stage, key, "GET", path, "").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sandbox_sent_is_read_and_its_timeline_names_the_request() {
    let stage = stage().await;
    stage.apply(&format!(
        "{}\n[[providers]]\nname = \"rehearsal\"\nkind = \"sandbox\"\nchannel = \"email\"\n
         [[templates]]\nname = \"hello\"\nmessage_type = \"email\"\nsubject = \"Hello {{{{ name }}}}\"
         body = \"Welcome\"\nvariables = [\"name\"]\n",
        ana()
    ));
    let key = key(&stage, "publisher", None);
    let _engine = stage.start().await;
    let mut outcomes = stage.outcomes().await;
    let mut one = envelope_with(
        "email",
        json!({ "template": { "name": "hello", "variables": { "name": "Ana" } } }),
    );
    one.as_object_mut().unwrap().remove("content");
    let accepted = ask_as(&stage, &key, "POST", PATH, &one.to_string()).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let batch =
        json!({ "notifications": [envelope_with("email", json!({ "to": "b@example.com" }))] });
    let many = ask_as(
        &stage,
        &key,
        "POST",
        "/v1/notifications/batch",
        &batch.to_string(),
    )
    .await;
    stage
        .publisher()
        .await
        .publish(&envelope_with("email", json!({})))
        .await;
    outcomes
        .until(|rows| rows.len() == 3 && rows.iter().all(|row| row.is("sent", None)))
        .await;
    assert_eq!(stage.ledger.accepted(), 0, "nobody was asked");

    let request = |answer: &loadtest::harness::http::Answer| {
        json!(answer.headers["herald-request-id"].to_str().unwrap())
    };
    let id = json_of(&accepted)["id"].as_str().unwrap().to_owned();
    let batched = json_of(&many)["results"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (id, request) in [(&id, request(&accepted)), (&batched, request(&many))] {
        let shown = get(&stage, &key, &format!("{PATH}/{id}")).await;
        let first = &shown["timeline"][0];
        assert_eq!(
            (&first["event"], &first["request_id"]),
            (&json!("accepted"), &request)
        );
    }
    let rows = outcomes.rows().await;
    let by_amqp = rows.iter().map(|row| row.id.to_string());
    let by_amqp = by_amqp
        .filter(|it| *it != id && *it != batched)
        .collect::<String>();
    let shown = get(&stage, &key, &format!("{PATH}/{by_amqp}")).await;
    assert_eq!(shown["timeline"][0]["event"], "accepted");
    assert!(
        shown["timeline"][0]["request_id"].is_null(),
        "it came by AMQP: {shown:#}"
    );

    let shown = get(&stage, &key, &format!("{PATH}/{id}")).await;
    assert_eq!(shown["provider"], "rehearsal");
    let attempt = &shown["timeline"][1];
    assert_eq!(
        (&attempt["event"], &attempt["code"]),
        (&json!("attempt"), &json!("sandbox"))
    );
    assert_eq!(
        attempt["detail"],
        "the account is a sandbox: nothing was sent"
    );
    let content = get(&stage, &key, &format!("{PATH}/{id}/content")).await;
    assert_eq!(content["content"]["subject"], "Hello Ana", "{content:#}");
}
