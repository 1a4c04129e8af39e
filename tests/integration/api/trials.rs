//! Test messages through accounts: to the operator's own addresses, and the provider's answer is told.

use loadtest::simulator::{Behaviour, Fault, Provider};
use serde_json::json;

use super::door::{SHOP, ask_as, is, json_of, key, stage, told};
use super::providers::Operator;
use crate::database::lines;
use crate::stage::{account, account_named};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_tested_and_the_providers_answer_is_told() {
    let mut stage = stage().await;
    let (mail, text) = (
        stage.simulator(Provider::SendGrid),
        stage.simulator(Provider::Twilio),
    );
    let refusing = stage.behaving(Provider::SendGrid, Behaviour::failing(Fault::status(401)));
    let idle = account_named(&mail, "idle", 0).replace("timeout", "is_active = false\ntimeout");
    let limited = account_named(&mail, "limited", 0).replace("timeout", "rate_limit = 1\ntimeout");
    let sandbox = "[[providers]]\nname = \"rehearsal\"\nkind = \"sandbox\"\nchannel = \"email\"\n";
    stage.apply(&format!(
        "{}{}{}{idle}{limited}{sandbox}",
        account(&mail),
        account(&text),
        account_named(&refusing, "refused", 0)
    ));
    let (operator_key, shop) = (key(&stage, "admin", None), key(&stage, "admin", Some(SHOP)));
    let path = |name: &str| format!("/v1/providers/{name}/test");
    let to = |address: &str| json!({ "to": address }).to_string();

    let engine = stage.start().await;
    let answer = ask_as(
        &stage,
        &operator_key,
        "POST",
        &path("sendgrid"),
        &to("ops@example.com"),
    )
    .await;
    assert_eq!(told(&answer), is(409, "test_address_not_allowed"));
    let how = json_of(&answer)["detail"].as_str().unwrap().to_owned();
    assert!(how.contains("HERALD__HTTP__TEST_ADDRESSES"), "{how}");
    engine.stop().await;

    stage.set(
        "HERALD__HTTP__TEST_ADDRESSES",
        "ops@example.com,+4915112345678",
    );
    let _engine = stage.start().await;
    let operator = Operator {
        stage: &stage,
        key: operator_key.clone(),
    };
    let test = async |name: &str, address: &str| {
        ask_as(&stage, &operator_key, "POST", &path(name), &to(address)).await
    };
    for (name, address, code) in [
        // In any spelling; also one that is not in use yet.
        ("sendgrid", "OPS@example.com", "202"),
        ("idle", "ops@example.com", "202"),
        ("twilio", "+49 151 12345678", "201"),
        ("rehearsal", "ops@example.com", "sandbox"),
    ] {
        let answer = test(name, address).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let said = json_of(&answer);
        assert_eq!(
            (&said["accepted"], &said["class"]),
            (&json!(true), &json!("accepted"))
        );
        assert_eq!(
            (&said["provider"], &said["code"]),
            (&json!(name), &json!(code)),
            "{said:#}"
        );
    }
    assert_eq!((mail.stats().requests, text.stats().requests), (2, 1));

    // A refusal is told, and changes nothing for others.
    for _ in 0..3 {
        let answer = test("refused", "ops@example.com").await;
        let said = json_of(&answer);
        assert_eq!(answer.status, 200, "{said:#}");
        assert_eq!(
            (&said["accepted"], &said["class"], &said["code"]),
            (&json!(false), &json!("account_refused"), &json!("401"))
        );
        assert!(!said.to_string().contains("SG.key"), "{said:#}");
    }
    let health = operator.get("/v1/providers/refused/health").await;
    assert_eq!(health["troubles"], json!([]));
    assert!(
        health["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["circuit"] == "closed")
    );

    // What may not be.
    let strangers = test("sendgrid", "ana@example.com").await;
    assert_eq!(told(&strangers), is(409, "test_address_not_allowed"));
    let nowhere = ask_as(&stage, &operator_key, "POST", &path("sendgrid"), "{}").await;
    assert_eq!(told(&nowhere), is(409, "test_address_not_allowed"));
    assert_eq!(
        told(&test("of-nobody", "ops@example.com").await),
        is(404, "not_found")
    );
    let wrong = json!({ "to": 7, "text": "x" }).to_string();
    let wrong = ask_as(&stage, &operator_key, "POST", &path("sendgrid"), &wrong).await;
    assert_eq!(told(&wrong), is(422, "invalid_body"));
    assert_eq!(json_of(&wrong)["errors"].as_array().unwrap().len(), 2);
    let others = ask_as(
        &stage,
        &shop,
        "POST",
        &path("sendgrid"),
        &to("ops@example.com"),
    )
    .await;
    assert_eq!(told(&others), is(403, "operator_required"));
    // The limit of the account is that of all requests.
    assert_eq!(test("limited", "ops@example.com").await.status, 200);
    assert_eq!(
        told(&test("limited", "ops@example.com").await),
        is(409, "limit_used_up")
    );
    let pause = json!({ "reason": "they move house", "for": "1h" });
    operator
        .ask("POST", "/v1/providers/sendgrid/pause", &pause)
        .await;
    assert_eq!(
        told(&test("sendgrid", "ops@example.com").await),
        is(409, "paused")
    );
    assert_eq!(mail.stats().requests, 3);

    let mut owner = stage.database.owner().await;
    let audited = "SELECT resource_id || ' ' || (changes->'new'->>'to') AS text
                   FROM notification_schema.audit_logs WHERE action = 'test' ORDER BY created_at, id";
    let audited = lines(&mut owner, audited).await;
    assert_eq!(
        audited[..2],
        ["sendgrid ops@example.com", "idle ops@example.com"]
    );
    assert_eq!(audited.len(), 4 + 3 + 2);
}
