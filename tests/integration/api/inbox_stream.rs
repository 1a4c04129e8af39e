//! The stream of an inbox: it goes on without a gap, says that it lives, and ends when it should.

mod client;
mod proof;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use loadtest::harness::http;
use serde_json::json;

use self::client::StreamClient;
use super::door::{SHOP, ask, ask_as, is, key, told};
use super::user_tokens::{ANN, issued, person};
use crate::database::PATIENCE;
use crate::stage::Stage;

const PATH: &str = "/v1/inbox/stream";

/// A stage with a tenant and people of it, who get what is sent in-app.
async fn stage() -> (Stage, String) {
    let mut stage = Stage::with_lanes("in_app.normal").await;
    stage.apply(&format!("[[tenants]]\nid = \"{SHOP}\"\nname = \"shop\"\n"));
    stage.set("HERALD__INBOX__STREAM_POLL", "500ms");
    let shop = key(&stage, "admin", Some(SHOP));
    (stage, shop)
}

async fn open(stage: &Stage, token: &str, last: Option<i64>) -> StreamClient {
    let bearer = format!("Authorization: Bearer {token}");
    let last = last.map(|last| format!("Last-Event-ID: {last}"));
    let headers: Vec<&str> = [Some(bearer.as_str()), last.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    StreamClient::open(&stage.url(""), PATH, &headers, None)
        .await
        .unwrap()
}

/// Sends something to somebody's inbox.
async fn send(url: &str, key: &str, to: &str, title: &str, body: &str) -> std::io::Result<String> {
    let envelope = json!({
        "version": 1, "user_id": to, "channel": "in_app", "content": { "title": title, "body": body },
    });
    let bearer = format!("Authorization: Bearer {key}");
    let repeated = format!("Idempotency-Key: {title}");
    let headers = [&*bearer, &repeated, "Content-Type: application/json"];
    let url = format!("{url}/v1/notifications");
    let answer = http::request("POST", &url, &headers, envelope.to_string().as_bytes()).await;
    let answer = answer.map_err(std::io::Error::other)?;
    if answer.status != 202 {
        return Err(std::io::Error::other(answer.text()));
    }
    let answer: serde_json::Value = serde_json::from_slice(&answer.body)?;
    Ok(answer["id"].as_str().unwrap().to_owned())
}

/// Changes somebody's item as whoever changes one does, and gives the hint.
async fn change(owner: &mut AsyncPgConnection, of: &str, id: &str, change: &str) {
    let hint = of.replace('-', "");
    let change = format!(
        "BEGIN;
         UPDATE notification_schema.inbox_readers SET last_sequence = last_sequence + 1 WHERE user_id = '{of}';
         UPDATE notification_schema.inbox_items i SET sequence = r.last_sequence, {change}
         FROM notification_schema.inbox_readers r WHERE r.user_id = i.user_id AND i.user_id = '{of}' AND i.id = '{id}';
         COMMIT;
         SELECT pg_notify('herald_inbox', 'p{hint}')"
    );
    owner.batch_execute(&change).await.unwrap();
}

/// A metric of the node.
async fn metric(stage: &Stage, name: &str) -> u64 {
    let text = http::get(&stage.url("/metrics")).await.unwrap().text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

async fn streams_become(stage: &Stage, wanted: u64) {
    let reached = tokio::time::timeout(PATIENCE, async {
        while metric(stage, "herald_inbox_streams").await != wanted {}
    });
    assert!(reached.await.is_ok(), "not {wanted} streams");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_what_happens_and_goes_on_where_it_was() {
    let (stage, shop) = stage().await;
    let _engine = stage.start().await;
    person(&stage, &shop, ANN).await;
    let token = issued(&stage, &shop, ANN, &json!({})).await;
    let bearer = format!("Authorization: Bearer {token}");
    let headers = [&*bearer, "Accept-Encoding: gzip"];
    let mut stream = StreamClient::open(&stage.url(""), PATH, &headers, None)
        .await
        .unwrap();
    assert!(stream.head.starts_with("http/1.1 200 "), "{}", stream.head);
    for header in [
        "content-type: text/event-stream\r\n",
        "cache-control: no-cache, no-transform\r\n",
        "x-accel-buffering: no\r\n",
    ] {
        assert!(stream.head.contains(header), "{}", stream.head);
    }
    assert!(!stream.head.contains("content-encoding"));
    assert!(stream.frame().await.unwrap().retry.unwrap() >= 500);
    let first = stream.frame().await.unwrap();
    assert_eq!((first.event.as_str(), first.id), ("counts", Some(0)));
    assert_eq!(first.data, json!({ "unseen": 0, "unread": 0 }));

    let url = stage.url("");
    let ids = [
        send(&url, &shop, ANN, "first", "one").await.unwrap(),
        send(&url, &shop, ANN, "second", "two").await.unwrap(),
    ];
    let mut shown = vec![];
    for sequence in [1, 2] {
        let item = stream.event("item").await;
        assert_eq!(item.id, Some(sequence));
        shown.push(item.data["id"].as_str().unwrap().to_owned());
    }
    shown.sort_unstable();
    assert_eq!(shown, ids, "both, in whichever order they were stored");
    let counts = stream
        .until(|it| it.event == "counts" && it.data["unread"] == 2)
        .await;
    assert_eq!(counts.id, Some(2));
    let mut owner = stage.database.owner().await;
    change(&mut owner, ANN, &ids[0], "seen_at = now(), read_at = now()").await;
    let state = stream.event("state").await;
    assert_eq!(
        (state.id, state.data["id"].as_str()),
        (Some(3), Some(ids[0].as_str()))
    );
    assert!(state.data["read_at"].is_string());
    let counts = stream.event("counts").await;
    assert_eq!(counts.data, json!({ "unseen": 1, "unread": 1 }));
    drop(stream);

    // Meanwhile one is new, one comes and goes, and one expires.
    let third = send(&url, &shop, ANN, "third", "three").await.unwrap();
    let gone = send(&url, &shop, ANN, "fourth", "four").await.unwrap();
    let mut other = open(&stage, &token, Some(3)).await;
    other
        .until(|it| it.event == "counts" && it.id == Some(5))
        .await;
    change(&mut owner, ANN, &gone, "deleted_at = now()").await;
    change(
        &mut owner,
        ANN,
        &ids[1],
        "expires_at = now() - interval '1 second'",
    )
    .await;
    let state = other.event("state").await;
    assert!(
        state.data["deleted_at"].is_string(),
        "whoever shows it takes it away"
    );
    let query = format!("{PATH}?access_token={token}&last_event_id=2");
    let mut resumed = StreamClient::open(&url, &query, &[], None).await.unwrap();
    assert_eq!(resumed.frame().await.unwrap().retry.map(|_| ()), Some(()));
    let counts = resumed.frame().await.unwrap();
    assert_eq!(
        (counts.event.as_str(), counts.id),
        ("counts", Some(2)),
        "not beyond what was told"
    );
    let next = resumed.frame().await.unwrap();
    assert_eq!((next.event.as_str(), next.id), ("state", Some(3)));
    let next = resumed.frame().await.unwrap();
    assert_eq!(
        (next.event.as_str(), next.data["id"].as_str()),
        ("item", Some(third.as_str()))
    );
    let last = resumed.frame().await.unwrap();
    assert_eq!(
        (last.event.as_str(), last.id),
        ("counts", Some(7)),
        "what is gone is passed over"
    );

    // What is for everybody has a number of the person's own.
    let everybody = json!({ "version": 1, "user_id": null, "channel": "in_app", "content": { "title": "all", "body": "b" } });
    let answer = ask_as(
        &stage,
        &shop,
        "POST",
        "/v1/notifications",
        &everybody.to_string(),
    )
    .await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let item = resumed.event("item").await;
    assert_eq!(
        (item.id, item.data["title"].as_str()),
        (Some(8), Some("all"))
    );

    // A number that was never given is of another inbox.
    let mut lost = open(&stage, &token, Some(99)).await;
    lost.frame().await.unwrap();
    let reset = lost.frame().await.unwrap();
    assert_eq!((reset.event.as_str(), reset.id), ("reset", Some(8)));
    assert_eq!(lost.frame().await.unwrap().event, "counts");
    assert_eq!(metric(&stage, "herald_inbox_stream_resets_total").await, 1);
    for (headers, query, expected) in [
        (vec![], "", is(401, "missing_token")),
        (
            vec![&*bearer, "Last-Event-ID: x"],
            "",
            is(400, "invalid_header"),
        ),
        (
            vec![&*bearer],
            "?last_event_id=-1",
            is(422, "invalid_query"),
        ),
        (vec![&*bearer], "?last=1", is(422, "invalid_query")),
        (vec![], "?access_token=x", is(401, "invalid_token")),
    ] {
        let answer = ask(&stage, "GET", &format!("{PATH}{query}"), &headers, "").await;
        assert_eq!(told(&answer), expected, "{query}");
        assert!(!answer.text().contains(&token));
    }
    let answer = ask_as(&stage, &shop, "GET", PATH, "").await;
    assert_eq!(told(&answer), is(403, "user_token_required"));
    let little = issued(&stage, &shop, ANN, &json!({ "grants": ["inbox:write"] })).await;
    assert_eq!(
        told(&ask_as(&stage, &little, "GET", PATH, "").await),
        is(403, "missing_grant")
    );
    // The token is in a query on this route alone.
    let query = format!("/v1/users/{ANN}/devices?access_token={token}");
    assert_eq!(
        told(&ask(&stage, "GET", &query, &[], "").await),
        is(401, "missing_key")
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "clients beside the engine, in no task of its own"
)]
#[tokio::test(flavor = "multi_thread")]
async fn streams_are_bounded_say_that_they_live_and_end_with_their_right() {
    let (mut stage, shop) = stage().await;
    stage.set("HERALD__INBOX__STREAMS_PER_PERSON", "2");
    stage.set("HERALD__INBOX__HEARTBEAT", "1s");
    let engine = stage.start().await;
    for id in [ANN, super::user_tokens::BOB] {
        person(&stage, &shop, id).await;
    }
    let token = issued(&stage, &shop, ANN, &json!({})).await;
    let mut first = open(&stage, &token, None).await;
    first.until(|it| it.comment == "still here").await;
    let short = issued(&stage, &shop, ANN, &json!({ "ttl_seconds": 2 })).await;
    let mut second = open(&stage, &short, None).await;
    let third = ask_as(&stage, &token, "GET", PATH, "").await;
    assert_eq!(told(&third), is(429, "too_many_streams"));
    assert!(third.headers.contains_key("retry-after"));
    let end = second.rest().await;
    assert_eq!(end.last().unwrap().comment, "the user token has expired");
    streams_become(&stage, 1).await;

    // Whoever is cut off is noticed by the next sign of life.
    let mut others = vec![];
    for _ in 0..2 {
        let bob = issued(&stage, &shop, super::user_tokens::BOB, &json!({})).await;
        others.push(open(&stage, &bob, None).await);
    }
    streams_become(&stage, 3).await;
    drop(others);
    streams_become(&stage, 1).await;

    // The key that signed the token is revoked; its person is erased.
    let bob = issued(&stage, &shop, super::user_tokens::BOB, &json!({})).await;
    let mut erased = open(&stage, &bob, None).await;
    erased.event("counts").await;
    let path = format!("/v1/users/{}", super::user_tokens::BOB);
    assert!(ask_as(&stage, &shop, "DELETE", &path, "").await.status < 300);
    assert_eq!(
        erased.rest().await.last().unwrap().comment,
        "there is no such person any more"
    );
    let keys = super::door::json_of(&ask_as(&stage, &shop, "GET", "/v1/token-keys", "").await);
    let path = format!("/v1/token-keys/{}", keys["data"][0]["id"].as_str().unwrap());
    assert_eq!(ask_as(&stage, &shop, "DELETE", &path, "").await.status, 204);
    let end = first.rest().await;
    assert_eq!(
        end.last().unwrap().comment,
        "the key of the user token was revoked"
    );

    // A node that stops tells each when to come back.
    let token = issued(&stage, &shop, ANN, &json!({})).await;
    let mut last = open(&stage, &token, None).await;
    last.event("counts").await;
    let stopped = tokio::spawn(async move { last.rest().await });
    engine.stop().await;
    let end = stopped.await.unwrap();
    assert!(
        end.last().unwrap().comment.starts_with("the node stops"),
        "{end:?}"
    );
    assert!(end.last().unwrap().retry.unwrap() <= 15_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_clients_that_vanish_leave_no_stream_and_nothing_is_compressed() {
    let (mut stage, shop) = stage().await;
    stage.set("HERALD__INBOX__STREAMS_PER_PERSON", "500");
    stage.set("HERALD__INBOX__HEARTBEAT", "1s");
    stage.set("HERALD__HTTP__PERSON_RATE", "0");
    let _engine = stage.start().await;
    person(&stage, &shop, ANN).await;
    let token = issued(&stage, &shop, ANN, &json!({})).await;
    let bearer = format!("Authorization: Bearer {token}");
    let headers = [&*bearer, "Accept-Encoding: gzip, br"];
    let url = stage.url("");
    let mut clients = vec![];
    // In parts: where very many come at once, some are asked to come again.
    for _ in 0..20 {
        let opening = (0..25).map(|_| StreamClient::open(&url, PATH, &headers, None));
        clients.extend(futures_util::future::try_join_all(opening).await.unwrap());
    }
    for client in &mut clients {
        let head = &client.head;
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        assert!(!head.contains("content-encoding"), "{head}");
        client.event("counts").await;
    }
    streams_become(&stage, 500).await;
    drop(clients);
    streams_become(&stage, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_reset_and_delays_nobody() {
    let (mut stage, shop) = stage().await;
    stage.set("HERALD__INBOX__REPLAY", "10");
    let _engine = stage.start().await;
    person(&stage, &shop, ANN).await;
    let token = issued(&stage, &shop, ANN, &json!({})).await;
    let bearer = format!("Authorization: Bearer {token}");
    let (url, headers) = (stage.url(""), [&*bearer]);
    let slow = StreamClient::open(&url, PATH, &headers, Some(4_096));
    let mut slow = slow.await.unwrap();
    let mut quick = open(&stage, &token, None).await;
    let body = "x".repeat(200_000);
    let mut sent = 0;
    let reset = tokio::time::timeout(PATIENCE, async {
        while metric(&stage, "herald_inbox_stream_resets_total").await == 0 {
            sent += 1;
            send(&stage.url(""), &shop, ANN, &format!("item {sent}"), &body)
                .await
                .unwrap();
            assert_eq!(
                quick.event("item").await.id,
                Some(sent),
                "another one waits for nobody"
            );
        }
    });
    assert!(reset.await.is_ok(), "{sent} were sent");
    let end = slow.rest().await;
    let last = end.last().unwrap();
    assert_eq!(last.event, "reset");
    let told = end
        .iter()
        .filter(|it| it.event == "item")
        .map(|it| it.id.unwrap());
    let told: Vec<i64> = told.collect();
    assert_eq!(
        told,
        (1..=told.len() as i64).collect::<Vec<_>>(),
        "in order, until it was too slow"
    );
    assert!(last.id.unwrap() - told.last().unwrap() > 10);
    let mut again = open(&stage, &token, last.id).await;
    let next = again.until(|it| !it.event.is_empty()).await;
    assert_eq!(next.event, "counts", "it goes on from there");
}
