//! `Idempotency-Key`: the same call again does nothing, however often and at once it comes.

use futures_util::future::join_all;
use loadtest::harness::http::Answer;
use serde_json::{Value, json};

use super::files::swept;
use super::{AGENT, ANN, BOB, PATH, SCOPES, asked, id_of, issued, person};
use crate::api::door::{SHOP, ask, is, json_of, key, stage, told};
use crate::api::users::Caller;
use crate::database::lines;
use crate::stage::Stage;

/// A call under a key.
async fn keyed(stage: &Stage, bearer: &str, path: &str, name: &str, body: &Value) -> Answer {
    let (bearer, name) = (
        format!("Authorization: Bearer {bearer}"),
        format!("Idempotency-Key: {name}"),
    );
    let headers = [bearer.as_str(), "Content-Type: application/json", &name];
    ask(stage, "POST", path, &headers, &body.to_string()).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer
        .headers
        .get("idempotent-replayed")
        .is_some_and(|it| it == "true")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_under_a_key_is_done_once() {
    let stage = stage().await;
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    let calls =
        (0..8).map(|_| async { keyed(&stage, shop.key(), PATH, "make", &asked(ANN)).await });
    let made: Vec<Answer> = join_all(calls).await;
    let ids: Vec<Value> = made
        .iter()
        .map(|answer| json_of(answer)["id"].clone())
        .collect();
    assert!(made.iter().all(|answer| answer.status == 201));
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(made.iter().filter(|answer| !is_replayed(answer)).count(), 1);
    assert!(
        made.iter()
            .all(|answer| answer.headers["idempotency-key"] == "make")
    );
    // The same in another spelling is the same; another content is not.
    let place = format!("{PATH}/{}", ids[0].as_str().unwrap());
    let other = keyed(&stage, shop.key(), PATH, "\"make\"", &asked(BOB)).await;
    assert_eq!(told(&other), is(422, "idempotency_key_reused"));
    let elsewhere = keyed(
        &stage,
        shop.key(),
        &format!("{place}/comments"),
        "make",
        &json!({}),
    )
    .await;
    assert!(elsewhere.status == 422, "{}", elsewhere.text());
    for (path, body) in [
        (
            "comments",
            json!({ "author_id": AGENT, "comment": "We come." }),
        ),
        ("assign", json!({ "assignee_id": AGENT })),
        ("status", json!({ "status": "in_progress" })),
        ("escalate", json!({ "reason": "it burns" })),
    ] {
        let path = format!("{place}/{path}");
        let first = keyed(&stage, shop.key(), &path, &path, &body).await;
        let again = keyed(&stage, shop.key(), &path, &path, &body).await;
        assert!(
            first.status < 300 && !is_replayed(&first),
            "{path}: {}",
            first.text()
        );
        assert!(is_replayed(&again), "{path}");
        assert_eq!(
            (again.status, json_of(&again)),
            (first.status, json_of(&first)),
            "{path}"
        );
    }
    // Whatever was done since, it is the comment of then.
    let path = format!("{place}/comments");
    let body = json!({ "author_id": AGENT, "comment": "We come." });
    let replies = format!("{place}/comments");
    let later = keyed(&stage, shop.key(), &path, &replies, &body).await;
    let listed = shop.good("GET", &path, Value::Null, 200).await;
    assert_eq!(
        (is_replayed(&later), &json_of(&later)),
        (true, &listed["data"][0])
    );
    let counts = "SELECT (SELECT count(*) FROM ticket_schema.support_tickets) || ' ' ||
        (SELECT count(*) FROM ticket_schema.ticket_comments) || ' ' ||
        (SELECT count(*) FROM ticket_schema.ticket_history WHERE deed = 'escalated') AS text";
    assert_eq!(
        lines(&mut stage.database.owner().await, counts).await,
        ["1 1 1"]
    );
    // What was refused may be mended, and sent under the same key.
    let path = format!("{place}/status");
    let refused = keyed(
        &stage,
        shop.key(),
        &path,
        "mended",
        &json!({ "status": "odd" }),
    )
    .await;
    assert_eq!(refused.status, 422);
    let mended = keyed(
        &stage,
        shop.key(),
        &path,
        "mended",
        &json!({ "status": "resolved" }),
    )
    .await;
    assert!(
        mended.status == 200 && !is_replayed(&mended),
        "{}",
        mended.text()
    );
    let twice = keyed(
        &stage,
        shop.key(),
        &path,
        "",
        &json!({ "status": "closed" }),
    )
    .await;
    assert_eq!(told(&twice), is(400, "invalid_header"));
}

/// A person's keys are theirs: nobody gets another's ticket by guessing one.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_people_are_their_own() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    let grants = json!({ "grants": ["tickets:read", "tickets:write"] });
    let body = json!({ "subject": "Mine", "description": "x" });
    let mut ids = vec![];
    for who in [ANN, BOB] {
        person(&stage, &admin, who).await;
        let token = issued(&stage, &admin, who, &grants).await;
        let made = keyed(&stage, &token, PATH, "one", &body).await;
        assert!(made.status == 201 && !is_replayed(&made), "{}", made.text());
        assert_eq!(json_of(&made)["requester_id"], who);
        ids.push(json_of(&made)["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

/// The first call dies between the object and its row: the key is free, and what was written is loose, and goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_under_a_key_is_added_once_though_the_first_call_dies_behind_its_object() {
    let stage = stage().await;
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let mut serve = stage.herald(&["serve", "--only", "tickets"]);
    serve.env("HERALD_FAILPOINTS", "ticket.object_written:0:1");
    let desk = crate::faults::process::starting(serve);
    desk.says(loadtest::harness::engine::RUNNING).await.unwrap();
    let ticket = shop.good("POST", PATH, asked(ANN), 201).await;
    let place = format!("{PATH}/{}/attachments", id_of(&ticket));
    let path = format!("{place}?author_id={AGENT}&filename=fire.pdf");
    let bearer = format!("Authorization: Bearer {}", shop.key());
    let send = async |bytes: &str| {
        let headers = [
            bearer.as_str(),
            "Content-Type: application/pdf",
            "Idempotency-Key: file",
        ];
        ask(&stage, "POST", &path, &headers, bytes).await
    };
    assert_eq!(send("%PDF-1.7 fire").await.status, 500);
    let mut owner = stage.database.owner().await;
    let counts = "SELECT (SELECT count(*) FROM ticket_schema.loose_objects) || ' ' ||
        (SELECT count(*) FROM ticket_schema.ticket_attachments) || ' ' ||
        (SELECT count(*) FROM ticket_schema.ticket_calls) AS text";
    assert_eq!(lines(&mut owner, counts).await, ["1 0 0"]);
    let first = send("%PDF-1.7 fire").await;
    let again = send("%PDF-1.7 fire").await;
    assert_eq!(
        (first.status, is_replayed(&first)),
        (201, false),
        "{}",
        first.text()
    );
    assert!(is_replayed(&again), "{}", again.text());
    assert_eq!(
        (again.status, json_of(&again)),
        (201, json_of(&first)),
        "one file"
    );
    let other = send("%PDF-1.7 smoke").await;
    assert_eq!(told(&other), is(422, "idempotency_key_reused"));
    assert_eq!(lines(&mut owner, counts).await, ["1 1 1"]);
    // The hour of what was left strikes.
    let due = "UPDATE ticket_schema.loose_objects SET due_at = now() RETURNING object AS text";
    assert_eq!(lines(&mut owner, due).await.len(), 1);
    assert_eq!(swept(&stage).await, 1);
    let list = shop.good("GET", &place, Value::Null, 200).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    crate::faults::process::end(&desk).await;
}
