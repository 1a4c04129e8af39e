//! What cannot be accepted says all that is wrong with it, and nothing of it is stored.

use super::super::door::{OTHER, SHOP};
use super::*;

/// The pointers of a problem's mistakes.
fn pointers(answer: &Answer) -> Vec<String> {
    let problem = json_of(answer);
    let errors = problem["errors"].as_array().unwrap().iter();
    let mut pointers: Vec<String> = errors
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect();
    pointers.sort_unstable();
    pointers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_accepted_says_all_that_is_wrong_and_stores_nothing() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let _engine = stage.start().await;
    let mut wrong = unkeyed();
    wrong["channel"] = Value::Null;
    wrong["priority"] = json!("soon");
    wrong["to"] = json!("nobody");
    wrong["max_retries"] = json!(1e300);
    wrong["secret"] = json!("personal@example.com");
    let answer = post(&stage, &key, &wrong).await;
    assert_eq!(told(&answer), is(422, "invalid_body"));
    let expected = ["#/channel", "#/max_retries", "#/priority", "#/secret"];
    assert_eq!(pointers(&answer), expected);
    assert!(!answer.text().contains("personal"), "{}", answer.text());
    let template = json!({ "template": { "name": "none" }, "content": null });
    for (fields, wanted, pointer) in [
        (json!({ "to": "nobody" }), is(422, "bad_address"), "#/to"),
        (template, is(422, "unknown_template"), "#/template/name"),
        (
            json!({ "provider": "none" }),
            is(422, "unknown_provider"),
            "#/provider",
        ),
        (
            json!({ "user_id": "0190c1a0-0000-7000-8000-00000000dead" }),
            is(422, "unknown_user"),
            "#/user_id",
        ),
        (
            json!({ "channel": "sms", "content": { "body": "x".repeat(1_601) } }),
            is(413, "too_large"),
            "#/content",
        ),
    ] {
        let answer = post(&stage, &key, &envelope_with("email", fields)).await;
        assert_eq!(told(&answer), wanted);
        assert_eq!(pointers(&answer), [pointer]);
    }
    let twice = "{\"version\":1,\"version\":1}";
    let deep = format!("{{\"metadata\":{}", "[".repeat(10_000));
    for bad in ["", "[]", "7", twice, &*deep] {
        let answer = ask_as(&stage, &key, "POST", SINGLE, bad).await;
        assert_eq!(told(&answer), is(400, "malformed_json"), "{bad:.40}");
    }
    let large = envelope_with("email", json!({ "metadata": { "x": "x".repeat(300_000) } }));
    assert_eq!(
        told(&post(&stage, &key, &large).await),
        is(413, "too_large")
    );
    let viewer = super::key(&stage, "viewer", None);
    let answer = post(&stage, &viewer, &unkeyed()).await;
    assert_eq!(told(&answer), is(403, "missing_scope"));
    assert_eq!(
        (outcomes.count(ROWS).await, outcomes.count(BOOKED).await),
        (0, 0)
    );
    let keys = "SELECT count(*) FROM notification_deduplication";
    assert_eq!(
        outcomes.count(keys).await,
        0,
        "each may be repeated, mended"
    );
    assert!(stage.take_rejected().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_accepts_for_another_tenant() {
    let (stage, _sendgrid, mut outcomes, operator) = mailing().await;
    let carla = "0190c1a0-0000-7000-8000-0000000000c1";
    stage.apply(&format!(
        "[[tenants]]\nid = \"{SHOP}\"\nname = \"shop\"\n[[tenants]]\nid = \"{OTHER}\"\nname = \"other\"\n\
         [[users]]\nid = \"{carla}\"\ntenant_id = \"{SHOP}\"\nemail = \"carla@example.com\"\n"
    ));
    let (shop, other) = (
        super::key(&stage, "publisher", Some(SHOP)),
        super::key(&stage, "publisher", Some(OTHER)),
    );
    let _engine = stage.start().await;
    let to_carla = || envelope_with("email", json!({ "user_id": carla }));
    let naming = |tenant: &str| {
        let mut envelope = to_carla();
        envelope["tenant_id"] = json!(tenant);
        envelope
    };
    let nowhere = "0190c1a0-0000-7000-8000-0000000000ff";
    assert_eq!(
        told(&post(&stage, &other, &naming(SHOP)).await),
        is(404, "not_found")
    );
    assert_eq!(
        told(&post(&stage, &operator, &naming(nowhere)).await),
        is(404, "not_found")
    );
    let mut described = naming(nowhere);
    described["recipient"] = json!({ "email": "new@example.com" });
    described["user_id"] = json!("0190c1a0-0000-7000-8000-0000000000c2");
    assert_eq!(
        told(&post(&stage, &operator, &described).await),
        is(404, "not_found")
    );
    // A person of another tenant is nobody, whatever is said of them.
    assert_eq!(
        told(&post(&stage, &other, &to_carla()).await),
        is(422, "unknown_user")
    );
    let mut described = to_carla();
    described["recipient"] = json!({ "email": "mine@example.com" });
    assert_eq!(
        told(&post(&stage, &other, &described).await),
        is(422, "recipient_conflict")
    );
    let batch = json!({ "notifications": [naming(SHOP), to_carla()] }).to_string();
    let answer = json_of(&ask_as(&stage, &other, "POST", BATCH, &batch).await);
    let codes = [0, 1].map(|at| answer["results"][at]["problem"]["code"].clone());
    assert_eq!(codes, ["not_found", "unknown_user"]);
    assert_eq!(outcomes.count(ROWS).await, 0);
    let changed =
        "SELECT count(*) FROM users WHERE email IN ('mine@example.com', 'new@example.com')";
    assert_eq!(outcomes.count(changed).await, 0);
    // Its own, and the operator who names it, in the body or in the header.
    accepted(&post(&stage, &shop, &to_carla()).await);
    accepted(&post(&stage, &shop, &naming(SHOP)).await);
    accepted(&post(&stage, &operator, &naming(SHOP)).await);
    let headers = [
        &*format!("Authorization: Bearer {operator}"),
        "Content-Type: application/json",
        &format!("Herald-Tenant: {SHOP}"),
    ];
    let answer = ask(&stage, "POST", SINGLE, &headers, &to_carla().to_string()).await;
    accepted(&answer);
    let shops = format!("SELECT count(*) FROM notifications WHERE tenant_id = '{SHOP}'");
    assert_eq!(outcomes.count(&shops).await, 4);
}
