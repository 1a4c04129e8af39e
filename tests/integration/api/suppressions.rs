//! `/v1/suppressions`: for everything or one category, until they end, lifted with a reason.

use serde_json::{Value, json};

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, stage, told};
use super::users::Caller;
use crate::database::lines;
use crate::stage::{Stage, envelope_with};

const PATH: &str = "/v1/suppressions";

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_put_on_the_list_found_said_anew_and_lifted() {
    let stage = stage().await;
    let scopes = "suppressions:read,suppressions:write";
    let shop = Caller::of(&stage, scopes, Some(SHOP));
    let other = Caller::of(&stage, scopes, Some(OTHER));
    let _engine = stage.start().await;
    let entry = json!({ "channel": "email", "address": "Ana@EXAMPLE.com", "reason": "complaint" });
    let made = shop.good("POST", PATH, entry.clone(), 201).await;
    assert_eq!(
        (
            &made["address"],
            &made["reason"],
            &made["category"],
            &made["expires_at"]
        ),
        (
            &json!("ana@example.com"),
            &json!("complaint"),
            &Value::Null,
            &Value::Null
        )
    );
    let until = json!({ "channel": "email", "address": "ana@example.com",
        "expires_at": "2099-01-01T00:00:00Z" });
    let beside = shop.good("POST", PATH, until.clone(), 201).await;
    assert_eq!(beside["reason"], "manual");
    assert_ne!(beside["id"], made["id"], "each reason is an entry");
    assert_eq!(
        (&beside["expires_at"], &beside["told_by"]),
        (&json!("2099-01-01T00:00:00Z"), &Value::Null)
    );
    let mut later = until;
    later["expires_at"] = json!("2099-02-01T00:00:00Z");
    let anew = shop.good("POST", PATH, later, 200).await;
    assert_eq!(
        (&anew["id"], &anew["expires_at"]),
        (&beside["id"], &json!("2099-02-01T00:00:00Z"))
    );
    let news = json!({ "channel": "email", "address": "ana@example.com", "category": "news" });
    let news = shop.good("POST", PATH, news, 201).await;
    assert_ne!(news["id"], made["id"]);
    let list = async |caller: &Caller<'_>, query: &str| {
        let page = caller
            .good("GET", &format!("{PATH}{query}"), Value::Null, 200)
            .await;
        page["data"].as_array().unwrap().len()
    };
    assert_eq!(
        list(&shop, "?channel=email&address=%20ANA@example.com").await,
        3
    );
    assert_eq!(list(&shop, "?channel=sms").await, 0);
    assert_eq!(list(&other, "").await, 0);
    let bad = shop
        .ask(
            "GET",
            &format!("{PATH}?address=ana@example.com"),
            &Value::Null,
        )
        .await;
    assert_eq!(told(&bad), is(422, "invalid_query"));
    let place = format!("{PATH}/{}", made["id"].as_str().unwrap());
    for method in ["GET", "DELETE"] {
        let answer = other.ask(method, &place, &Value::Null).await;
        assert_eq!(told(&answer), is(404, "not_found"), "{method}");
    }
    let why = format!("{place}?reason=they%20asked%20us%20to");
    shop.good("DELETE", &why, Value::Null, 204).await;
    assert_eq!(
        told(&shop.ask("DELETE", &why, &Value::Null).await),
        is(404, "not_found")
    );
    let odd = json!({ "channel": "fax", "address": 7, "category": "*", "reason": "mood",
        "expires_at": "2020-01-01T00:00:00Z", "adress": 1 });
    let answer = shop.ask("POST", PATH, &odd).await;
    assert_eq!(told(&answer), is(422, "invalid_body"));
    assert_eq!(
        json_of(&answer)["errors"].as_array().unwrap().len(),
        6,
        "{}",
        answer.text()
    );
    let audited = "SELECT action || ' ' || coalesce(changes #>> '{new,lifted_because}', changes #>> '{new,reason}',
                                                  changes #>> '{new,expires_at}') AS text
                   FROM notification_schema.audit_logs
                   WHERE resource_type = 'suppression' ORDER BY 1";
    let audited = lines(&mut stage.database.owner().await, audited).await;
    let expected = [
        "create complaint",
        "create manual",
        "create manual",
        "delete they asked us to",
        "update 2099-02-01T00:00:00Z",
    ];
    assert_eq!(audited, expected);
}

/// What is said on one node holds on the other for the next message: preferences, and an entry of the list.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_by_http_holds_on_every_node_at_once() {
    let (mut stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let operator = key(&stage, "admin", None);
    let here = stage.url("").replace("http://", "");
    stage.set("HERALD__HTTP__BIND", "127.0.0.1:0");
    let _other = stage.start().await;
    stage.set("HERALD__HTTP__BIND", here);
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let publish = async |category: &str| {
        for _ in 0..5 {
            let envelope = envelope_with("email", json!({ "category": category }));
            publisher.publish(&envelope).await;
        }
    };
    publish("orders").await;
    publish("news").await;
    outcomes
        .until(|rows| rows.iter().filter(|row| row.is("sent", None)).count() == 10)
        .await;
    let entry = json!({ "channel": "email", "address": "ana@example.com", "category": "news" });
    let said = ask_as(&stage, &operator, "POST", PATH, &entry.to_string()).await;
    assert_eq!(said.status, 201);
    let wishes = json!([{ "category": "orders", "enabled": false }]);
    let path = "/v1/users/0190c1a0-0000-7000-8000-000000000001/preferences";
    let said = ask_as(&stage, &operator, "PUT", path, &wishes.to_string()).await;
    assert_eq!(said.status, 200);
    publish("orders").await;
    publish("news").await;
    publish("bills").await;
    let rows = outcomes
        .until(|rows| rows.len() == 25 && rows.iter().all(|row| row.status != "pending"))
        .await;
    let count = |status: &str, reason: Option<&str>| {
        rows.iter().filter(|row| row.is(status, reason)).count()
    };
    assert_eq!(count("cancelled", Some("category_disabled")), 5);
    assert_eq!(count("cancelled", Some("suppressed")), 5);
    assert_eq!(count("sent", None), 15);
    assert_eq!(stage.ledger.accepted(), 15);
}
