//! Accounts that operators stop for a while.

use loadtest::simulator::Provider;
use serde_json::{Value, json};

use super::door::{is, stage, told};
use super::providers::{Operator, PATH, sendgrid};
use crate::database::lines;
use crate::stage::{ana, envelope};

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_account_waits_without_an_attempt_on_every_node_and_goes_on_by_itself() {
    let stage = stage().await;
    stage.apply(&ana());
    let simulator = stage.simulator(Provider::SendGrid);
    let operator = Operator::of(&stage);
    let _engine = stage.start().await;
    let mut outcomes = stage.outcomes().await;
    let made = operator
        .ask("POST", PATH, &sendgrid("main", &simulator))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    operator
        .until("/v1/providers/main/health", |it| !it["nodes"][0].is_null())
        .await;
    let pause = json!({ "reason": "they move house", "for": "1h" });
    let paused = operator
        .ask("POST", "/v1/providers/main/pause", &pause)
        .await;
    assert_eq!(paused.status, 200, "{}", paused.text());
    operator
        .until("/v1/providers/main/health", |it| it["nodes"] == json!([]))
        .await;
    let shown = operator.get("/v1/providers/main").await;
    assert_eq!(shown["paused"]["kind"], "pause");
    assert_eq!(shown["paused"]["reason"], "they move house");
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    let rows = outcomes
        .until(|rows| {
            rows.iter()
                .any(|row| row.is("pending", Some("waiting_for_provider")))
        })
        .await;
    assert_eq!((rows[0].attempt_count, simulator.stats().requests), (0, 0));

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), envelope("email").to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let said = super::said(&stage, &["explain", path, "--json"]).to_string();
    let until = shown["paused"]["until"].as_str().unwrap();
    for word in [
        "they move house",
        until,
        shown["paused"]["by"].as_str().unwrap(),
    ] {
        assert!(said.contains(word), "{said}");
    }

    // The end comes by itself: the row says when.
    let soon = json!({ "reason": "nearly done", "for": "1s" });
    operator
        .ask("POST", "/v1/providers/main/pause", &soon)
        .await;
    outcomes
        .until(|rows| rows.iter().all(|row| row.is("sent", None)))
        .await;
    assert_eq!(
        operator.get("/v1/providers/main").await["paused"],
        Value::Null
    );
    let circuit = operator
        .until("/v1/providers/main/health", |it| {
            it["nodes"][0]["circuit"] == "closed"
        })
        .await;
    assert_eq!(circuit["troubles"], json!([]), "a pause is no trouble");

    operator
        .ask("POST", "/v1/providers/main/pause", &pause)
        .await;
    for _ in 0..2 {
        let resumed = operator
            .ask("POST", "/v1/providers/main/resume", &Value::Null)
            .await;
        assert_eq!(resumed.status, 200);
    }
    publisher.publish(&envelope("email")).await;
    outcomes
        .until(|rows| rows.len() == 2 && rows.iter().all(|row| row.is("sent", None)))
        .await;
    let audited = "SELECT action AS text FROM notification_schema.audit_logs
                   WHERE resource_type = 'provider' ORDER BY created_at, id";
    let audited = lines(&mut stage.database.owner().await, audited).await;
    assert_eq!(audited, ["create", "pause", "pause", "pause", "resume"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_hands_the_queue_to_the_next_account_and_a_drain_sends_what_it_has() {
    let stage = stage().await;
    stage.apply(&ana());
    let simulators = [0; 2].map(|_| stage.simulator(Provider::SendGrid));
    let operator = Operator::of(&stage);
    let _engine = stage.start().await;
    let mut outcomes = stage.outcomes().await;
    for (name, priority) in [("first", 10), ("second", 1)] {
        let mut account = sendgrid(name, &simulators[usize::from(priority == 1)]);
        account["priority"] = json!(priority);
        if name == "first" {
            account["rate_limit"] = json!(60);
        }
        assert_eq!(operator.ask("POST", PATH, &account).await.status, 201);
    }
    operator
        .until("/v1/providers/second/health", |it| {
            !it["nodes"][0].is_null()
        })
        .await;
    let publisher = stage.publisher().await;
    for _ in 0..6 {
        publisher.publish(&envelope("email")).await;
    }
    outcomes
        .until(|rows| {
            rows.iter()
                .any(|row| row.provider.as_deref() == Some("first"))
        })
        .await;
    let pause = json!({ "kind": "pause", "reason": "a trial", "for": "10m" });
    operator
        .ask("POST", "/v1/providers/first/pause", &pause)
        .await;
    let rows = outcomes
        .until(|rows| rows.len() == 6 && rows.iter().all(|row| row.is("sent", None)))
        .await;
    let by_second = rows
        .iter()
        .filter(|row| row.provider.as_deref() == Some("second"));
    assert!(
        by_second.count() >= 2,
        "its queue went to the next account at once"
    );

    operator
        .ask("POST", "/v1/providers/first/resume", &Value::Null)
        .await;
    operator
        .until("/v1/providers/first/health", |it| !it["nodes"][0].is_null())
        .await;
    let before = simulators[0].stats().requests;
    for _ in 0..4 {
        publisher.publish(&envelope("email")).await;
    }
    outcomes
        .until(|rows| rows.len() >= 7 && simulators[0].stats().requests > before)
        .await;
    let drain = json!({ "kind": "drain", "reason": "a trial", "for": "10m" });
    operator
        .ask("POST", "/v1/providers/first/pause", &drain)
        .await;
    operator
        .until("/v1/providers/first/health", |it| it["nodes"] == json!([]))
        .await;
    let at_drain = simulators[0].stats().requests;
    for _ in 0..3 {
        publisher.publish(&envelope("email")).await;
    }
    let rows = outcomes
        .until(|rows| rows.len() == 13 && rows.iter().all(|row| row.is("sent", None)))
        .await;
    let late = rows
        .iter()
        .filter(|row| row.provider.as_deref() == Some("second"));
    assert!(late.count() >= 5, "what came later went to the other");
    assert!(
        simulators[0].stats().requests > at_drain,
        "it sent what it had"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_outlives_its_engine_and_wants_a_reason_and_an_end() {
    let stage = stage().await;
    stage.apply(&ana());
    let simulator = stage.simulator(Provider::SendGrid);
    let operator = Operator::of(&stage);
    let engine = stage.start().await;
    let made = operator
        .ask("POST", PATH, &sendgrid("main", &simulator))
        .await;
    assert_eq!(made.status, 201);
    let path = "/v1/providers/main/pause";
    for odd in [
        json!({}),
        json!({ "reason": "x" }),
        json!({ "reason": "", "for": "1h" }),
        json!({ "reason": "x", "for": "1h", "until": "2999-01-01T00:00:00Z" }),
        json!({ "reason": "x", "until": "2020-01-01T00:00:00Z" }),
        json!({ "reason": "x", "for": "-1h" }),
        json!({ "reason": "x", "for": "800h" }),
        json!({ "reason": "x", "for": "1h", "kind": "stop" }),
        json!({ "reason": "a\nb", "for": "1h" }),
    ] {
        let refused = operator.ask("POST", path, &odd).await;
        assert_eq!(told(&refused), is(422, "invalid_body"), "{odd}");
    }
    let none = operator
        .ask(
            "POST",
            "/v1/providers/none/pause",
            &json!({ "reason": "x", "for": "1h" }),
        )
        .await;
    assert_eq!(told(&none), is(404, "not_found"));
    let paused = operator
        .ask("POST", path, &json!({ "reason": "x", "for": "1h" }))
        .await;
    assert_eq!(paused.status, 200, "{}", paused.text());
    engine.stop().await;
    let _engine = stage.start().await;
    let mut outcomes = stage.outcomes().await;
    stage.publisher().await.publish(&envelope("email")).await;
    outcomes
        .until(|rows| {
            rows.iter()
                .any(|row| row.is("pending", Some("waiting_for_provider")))
        })
        .await;
    assert_eq!(simulator.stats().requests, 0);
}
