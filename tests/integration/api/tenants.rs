//! `/v1/tenants` and `/v1/categories`.

use serde_json::{Value, json};

use super::door::{OTHER, SHOP, is, json_of, stage, told};
use super::users::Caller;
use crate::database::lines;

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_operators_and_one_that_is_used_stays() {
    let stage = stage().await;
    let operator = Caller::of(&stage, "admin", None);
    let shop = Caller::of(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    let new = json!({ "name": "new", "locale": "DE" });
    let made = operator.good("POST", "/v1/tenants", new.clone(), 201).await;
    assert_eq!(
        (&made["name"], &made["locale"]),
        (&json!("new"), &json!("de"))
    );
    assert_eq!(
        told(&operator.ask("POST", "/v1/tenants", &new).await),
        is(409, "name_taken")
    );
    let again = json!({ "id": SHOP, "name": "again" });
    assert_eq!(
        told(&operator.ask("POST", "/v1/tenants", &again).await),
        is(409, "tenant_exists")
    );
    let place = format!("/v1/tenants/{}", made["id"].as_str().unwrap());
    let renamed = operator
        .good("PUT", &place, json!({ "name": "newer" }), 200)
        .await;
    assert_eq!(
        (&renamed["name"], &renamed["locale"]),
        (&json!("newer"), &Value::Null)
    );
    let listed = operator.good("GET", "/v1/tenants", Value::Null, 200).await;
    assert_eq!(
        listed["data"].as_array().unwrap().len(),
        4,
        "with the default one"
    );
    // A tenant's key knows its own alone, and changes none.
    let own = shop.good("GET", "/v1/tenants", Value::Null, 200).await;
    assert_eq!(own["data"].as_array().unwrap().len(), 1);
    let own = format!("/v1/tenants/{SHOP}");
    assert_eq!(
        shop.good("GET", &own, Value::Null, 200).await["name"],
        "shop"
    );
    let foreign = format!("/v1/tenants/{OTHER}");
    assert_eq!(
        told(&shop.ask("GET", &foreign, &Value::Null).await),
        is(404, "not_found")
    );
    for (method, path, body) in [
        ("POST", "/v1/tenants", json!({ "name": "mine" })),
        ("PUT", &own, json!({ "name": "mine" })),
        ("DELETE", &own, Value::Null),
    ] {
        let answer = shop.ask(method, path, &body).await;
        assert_eq!(told(&answer), is(403, "operator_required"), "{method}");
    }
    let used = operator.ask("DELETE", &own, &Value::Null).await;
    assert_eq!(told(&used), is(409, "in_use"));
    assert!(used.text().contains("1 API keys"), "{}", used.text());
    operator.good("DELETE", &place, Value::Null, 204).await;
    assert_eq!(
        told(&operator.ask("GET", &place, &Value::Null).await),
        is(404, "not_found")
    );
    let default = "/v1/tenants/00000000-0000-7000-8000-000000000001";
    assert_eq!(
        told(&operator.ask("DELETE", default, &Value::Null).await),
        is(409, "in_use")
    );
    let audited = "SELECT action AS text FROM notification_schema.audit_logs
                   WHERE resource_type = 'tenant' AND ip_address IS NOT NULL ORDER BY 1";
    let audited = lines(&mut stage.database.owner().await, audited).await;
    assert_eq!(audited, ["create", "delete", "update"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_category_is_made_said_anew_and_stays_while_it_is_named() {
    let stage = stage().await;
    let scopes = "categories:read,categories:write,suppressions:write";
    let shop = Caller::of(&stage, scopes, Some(SHOP));
    let other = Caller::of(&stage, scopes, Some(OTHER));
    let _engine = stage.start().await;
    let path = "/v1/categories";
    let orders =
        json!({ "name": "A\u{308}nderungen 1/2", "over_cap": "defer", "may_disable": false });
    let answer = shop.ask("POST", path, &orders).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let place = answer.headers["location"].to_str().unwrap().to_owned();
    let made = json_of(&answer);
    assert_eq!(
        (&made["name"], &made["over_cap"]),
        (&json!("Änderungen 1/2"), &json!("defer"))
    );
    assert_eq!(shop.good("GET", &place, Value::Null, 200).await, made);
    assert_eq!(
        told(&shop.ask("POST", path, &orders).await),
        is(409, "name_taken")
    );
    let anew = shop
        .good("PUT", &place, json!({ "on_unknown": "retry" }), 200)
        .await;
    assert_eq!(
        (&anew["may_disable"], &anew["on_unknown"]),
        (&json!(true), &json!("retry"))
    );
    for name in ["a", "b"] {
        shop.good("PUT", &format!("{path}/{name}"), json!({}), 201)
            .await;
    }
    let page = shop
        .good("GET", &format!("{path}?limit=2"), Value::Null, 200)
        .await;
    let next = page["next"].as_str().unwrap();
    let rest = shop
        .good("GET", &format!("{path}?after={next}"), Value::Null, 200)
        .await;
    assert_eq!(rest["data"], json!([anew]));
    for (method, body) in [("GET", Value::Null), ("DELETE", Value::Null)] {
        assert_eq!(
            told(&other.ask(method, &place, &body).await),
            is(404, "not_found")
        );
    }
    let entry = json!({ "channel": "email", "address": "ana@example.com", "category": "a" });
    shop.good("POST", "/v1/suppressions", entry, 201).await;
    let used = shop.ask("DELETE", &format!("{path}/a"), &Value::Null).await;
    assert_eq!(told(&used), is(409, "in_use"));
    assert!(used.text().contains("1 suppressions"), "{}", used.text());
    shop.good("DELETE", &format!("{path}/b"), Value::Null, 204)
        .await;
    let odd =
        json!({ "name": "*", "may_disable": "no", "over_cap": "drop", "on_unknown": 1, "x": 1 });
    let answer = shop.ask("POST", path, &odd).await;
    assert_eq!(told(&answer), is(422, "invalid_body"));
    assert_eq!(
        json_of(&answer)["errors"].as_array().unwrap().len(),
        5,
        "{}",
        answer.text()
    );
}
