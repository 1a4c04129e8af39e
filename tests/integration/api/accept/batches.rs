//! Batches: each item is accepted or refused on its own.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_in_its_order_and_a_bad_one_stops_no_other() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let _engine = stage.start().await;
    let first = envelope_with("email", json!({ "idempotency_key": "a" }));
    let other = envelope_with(
        "email",
        json!({ "idempotency_key": "a", "to": "b@example.com" }),
    );
    let items = [
        first.clone(),
        json!({ "version": 1, "user_id": "ana", "chanel": "email" }),
        unkeyed(),
        first.clone(),
        other,
        envelope_with(
            "email",
            json!({ "user_id": "0190c1a0-0000-7000-8000-00000000dead" }),
        ),
        json!("no object"),
        unkeyed(),
    ];
    let body = json!({ "notifications": items }).to_string();
    let answer = ask_as(&stage, &key, "POST", BATCH, &body).await;
    assert_eq!(answer.status, 207, "{}", answer.text());
    let results = json_of(&answer)["results"].as_array().unwrap().clone();
    let shown = results
        .iter()
        .map(|result| match result["problem"]["code"].as_str() {
            Some(code) => code,
            None => result["status"].as_str().unwrap(),
        });
    let expected = [
        "pending",
        "invalid_body",
        "pending",
        "pending",
        "idempotency_key_reused",
        "unknown_user",
        "malformed_json",
        "pending",
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert_eq!(results[3]["id"], results[0]["id"]);
    assert_eq!(
        (&results[3]["replayed"], &results[0]["replayed"]),
        (&json!(true), &json!(null))
    );
    assert_ne!(
        results[2]["id"], results[7]["id"],
        "each without a key is another one"
    );
    let errors = results[1]["problem"]["errors"].as_array().unwrap().iter();
    let mut pointers: Vec<&str> = errors.map(|it| it["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    let expected = ["channel", "chanel", "content", "user_id"];
    let mut expected = expected.map(|field| format!("#/notifications/1/{field}"));
    expected.sort_unstable();
    assert_eq!(pointers, expected);
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, 3).await;
    assert_eq!(
        (outcomes.count(ROWS).await, outcomes.count(BOOKED).await),
        (3, 3)
    );
    // The whole call again: those with a key are the same.
    let again = json_of(&ask_as(&stage, &key, "POST", BATCH, &body).await);
    assert_eq!(again["results"][0]["id"], results[0]["id"]);
    assert_eq!(again["results"][0]["replayed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_none_is_refused_whole() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let _engine = stage.start().await;
    let many = |count: usize| json!({ "notifications": vec![json!({}); count] }).to_string();
    let nested = format!("{{\"notifications\":[{}]}}", "[".repeat(5_000));
    for (body, wanted) in [
        (many(0), is(422, "invalid_body")),
        (many(1_001), is(422, "invalid_body")),
        (many(500_000), is(422, "invalid_body")),
        ("[]".to_owned(), is(422, "invalid_body")),
        ("{}".to_owned(), is(422, "invalid_body")),
        ("{\"notifications\":{}}".to_owned(), is(422, "invalid_body")),
        (
            "{\"notifications\":[{}],\"x\":1}".to_owned(),
            is(422, "invalid_body"),
        ),
        ("{\"notifications\":[".to_owned(), is(400, "malformed_json")),
        (nested, is(400, "malformed_json")),
        (" ".repeat(17 * 1_024 * 1_024), is(413, "too_large")),
    ] {
        let answer = ask_as(&stage, &key, "POST", BATCH, &body).await;
        assert_eq!(
            told(&answer),
            wanted,
            "{}",
            body.chars().take(40).collect::<String>()
        );
    }
    let headers = [
        &*format!("Authorization: Bearer {key}"),
        "Content-Type: application/json",
        "Idempotency-Key: x",
    ];
    let answer = ask(&stage, "POST", BATCH, &headers, &many(1)).await;
    assert_eq!(told(&answer), is(400, "invalid_header"));
    let answer = ask_as(&stage, &key, "POST", BATCH, &many(1_000)).await;
    assert_eq!(answer.status, 207);
    assert_eq!(json_of(&answer)["results"].as_array().unwrap().len(), 1_000);
    assert_eq!(outcomes.count(ROWS).await, 0);
}
