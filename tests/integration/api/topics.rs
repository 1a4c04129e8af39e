//! `/v1/topics`: what people subscribe to, by their tenant alone.

use serde_json::{Value, json};

use super::door::{OTHER, SHOP, is, json_of, stage, told};
use super::users::Caller;
use crate::database::lines;
use crate::stage::Stage;

const PATH: &str = "/v1/topics";
const NEWS: &str = "/v1/topics/news/subscribers";

pub(crate) fn person(number: u32) -> String {
    format!("0190c1a0-0000-7000-8000-{number:012x}")
}

/// So many people of a tenant.
pub(crate) async fn people(stage: &Stage, tenant: &str, numbers: std::ops::Range<u32>) {
    let (from, to) = (numbers.start, numbers.end - 1);
    let made = format!(
        "INSERT INTO notification_schema.users (id, tenant_id, email)
         SELECT ('0190c1a0-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, '{tenant}', 'p' || n || '@example.com'
         FROM generate_series({from}, {to}) n RETURNING 'x' AS text"
    );
    lines(&mut stage.database.owner().await, &made).await;
}

pub(crate) fn pointers(answer: &loadtest::harness::http::Answer) -> Vec<String> {
    assert_eq!(told(answer), is(422, "invalid_body"), "{}", answer.text());
    let errors = json_of(answer)["errors"].as_array().unwrap().clone();
    let mut pointers: Vec<String> = errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect();
    pointers.sort_unstable();
    pointers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_made_described_and_deleted_by_its_tenant_alone() {
    let stage = stage().await;
    stage.apply(&format!(
        "[[topics]]\ntenant_id = \"{SHOP}\"\nname = \"applied\"\ndescription = \"by a file\"\n"
    ));
    let shop = Caller::of(&stage, "topics:read,topics:write", Some(SHOP));
    let other = Caller::of(&stage, "topics:read,topics:write", Some(OTHER));
    let reader = Caller::of(&stage, "topics:read", Some(SHOP));
    let _engine = stage.start().await;
    let news = json!({ "name": "news", "description": "What is new" });
    let made = shop.good("POST", PATH, news.clone(), 201).await;
    assert_eq!(
        (&made["name"], &made["tenant_id"]),
        (&json!("news"), &json!(SHOP))
    );
    let again = shop.ask("POST", PATH, &news).await;
    assert_eq!(told(&again), is(409, "name_taken"));
    let anew = json!({ "description": "What is newer" });
    let anew = shop.good("PUT", "/v1/topics/news", anew, 200).await;
    assert_eq!(anew["description"], "What is newer");
    shop.good("PUT", "/v1/topics/a%2Fb%20c", json!({}), 201)
        .await;
    let page = shop.good("GET", PATH, Value::Null, 200).await;
    let names: Vec<&str> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a/b c", "applied", "news"]);
    let first = shop
        .good("GET", &format!("{PATH}?limit=1"), Value::Null, 200)
        .await;
    let next = format!("{PATH}?limit=1&after={}", first["next"].as_str().unwrap());
    assert_eq!(
        shop.good("GET", &next, Value::Null, 200).await["data"][0]["name"],
        "applied"
    );
    assert_eq!(
        told(&other.ask("GET", &next, &Value::Null).await),
        is(422, "invalid_query")
    );
    for bad in [
        json!({ "name": "news\u{200b}" }),
        json!({ "name": "" }),
        json!({ "name": "x".repeat(101) }),
    ] {
        assert_eq!(pointers(&shop.ask("POST", PATH, &bad).await), ["#/name"]);
    }
    let bad = json!({ "description": "two\nlines", "nmae": 1 });
    assert_eq!(
        pointers(&shop.ask("POST", PATH, &bad).await),
        ["#/description", "#/name", "#/nmae"]
    );
    for (method, path) in [
        ("GET", "/v1/topics/news"),
        ("DELETE", "/v1/topics/news"),
        ("GET", NEWS),
    ] {
        assert_eq!(
            told(&other.ask(method, path, &Value::Null).await),
            is(404, "not_found"),
            "{method}"
        );
    }
    let leave = json!({ "user_ids": [person(1)] });
    assert_eq!(
        told(&other.ask("DELETE", NEWS, &leave).await),
        is(404, "not_found")
    );
    assert_eq!(
        told(&reader.ask("DELETE", "/v1/topics/news", &Value::Null).await),
        is(403, "missing_scope")
    );
    shop.good("DELETE", "/v1/topics/news", Value::Null, 204)
        .await;
    assert_eq!(
        told(&shop.ask("GET", "/v1/topics/news", &Value::Null).await),
        is(404, "not_found")
    );
    assert_eq!(
        told(&shop.ask("DELETE", "/v1/topics/news", &Value::Null).await),
        is(404, "not_found")
    );
    let trail = "SELECT concat_ws(' ', action, resource_id, changes #>> '{new,description}') AS text
                 FROM notification_schema.audit_logs WHERE resource_type = 'topic' ORDER BY created_at, id";
    let trail = lines(&mut stage.database.owner().await, trail).await;
    let expected = [
        "create applied by a file",
        "create news What is new",
        "update news What is newer",
        "create a/b c",
        "delete news",
    ];
    assert_eq!(trail, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_subscribe_once_leave_and_are_forgotten_with_their_topic_or_themselves() {
    let stage = stage().await;
    people(&stage, SHOP, 1..4).await;
    people(&stage, OTHER, 4..5).await;
    let shop = Caller::of(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    let one = |number| json!({ "user_id": person(number), "attributes": { "plan": format!("p{number}") } });
    // Of another tenant, and of none: they stop nobody else. The topic is made.
    let asked = json!({ "subscribers": [one(1), { "user_id": person(2) }, one(4), one(9)] });
    let changes = shop.good("PUT", NEWS, asked.clone(), 200).await;
    let expected =
        json!({ "joined": 2, "changed": 0, "unchanged": 0, "unknown": [person(4), person(9)] });
    assert_eq!(changes, expected);
    let again = shop.good("PUT", NEWS, asked, 200).await;
    assert_eq!(
        (&again["joined"], &again["unchanged"]),
        (&json!(0), &json!(2))
    );
    // What is not said stays as it is; what is said counts.
    let other_words = json!({ "subscribers": [{ "user_id": person(1) }, one(2), one(3)] });
    let changes = shop.good("PUT", NEWS, other_words, 200).await;
    let expected = json!({ "joined": 1, "changed": 1, "unchanged": 1, "unknown": [] });
    assert_eq!(changes, expected);
    let page = shop
        .good("GET", &format!("{NEWS}?limit=2"), Value::Null, 200)
        .await;
    let shown: Vec<(&Value, &Value)> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["user_id"], &it["attributes"]["plan"]))
        .collect();
    assert_eq!(
        shown,
        [
            (&json!(person(1)), &json!("p1")),
            (&json!(person(2)), &json!("p2"))
        ]
    );
    let next = format!("{NEWS}?limit=2&after={}", page["next"].as_str().unwrap());
    let page = shop.good("GET", &next, Value::Null, 200).await;
    assert_eq!(
        (&page["data"][0]["user_id"], &page["next"]),
        (&json!(person(3)), &Value::Null)
    );
    assert_eq!(
        shop.good("GET", "/v1/topics/news", Value::Null, 200).await["subscribers"],
        3
    );
    // Each has a number, and who returns has a new one.
    let numbers = "SELECT string_agg(joined::text, ' ' ORDER BY user_id) AS text FROM notification_schema.topic_subscribers";
    let mut owner = stage.database.owner().await;
    assert_eq!(lines(&mut owner, numbers).await, ["2 2 7"]);
    let place = format!("{NEWS}/{}", person(1));
    shop.good("DELETE", &place, Value::Null, 204).await;
    assert_eq!(
        told(&shop.ask("DELETE", &place, &Value::Null).await),
        is(404, "not_found")
    );
    shop.good("PUT", NEWS, json!({ "subscribers": [one(1)] }), 200)
        .await;
    assert_eq!(lines(&mut owner, numbers).await, ["8 2 7"]);
    let wrong = json!({ "subscribers": [
        one(1), one(1), 7, { "user_id": "x", "attributes": [] }, { "attributes": { "a": "\u{0}" } }, { "user_id": person(2), "plan": 1 },
    ], "more": true });
    let expected = [
        "#/more",
        "#/subscribers/1/user_id",
        "#/subscribers/2",
        "#/subscribers/3/attributes",
        "#/subscribers/3/user_id",
        "#/subscribers/4/attributes",
        "#/subscribers/4/user_id",
        "#/subscribers/5/plan",
    ];
    assert_eq!(pointers(&shop.ask("PUT", NEWS, &wrong).await), expected);
    for many in [json!([]), json!(vec![one(1); 1_001])] {
        assert_eq!(
            pointers(&shop.ask("PUT", NEWS, &json!({ "subscribers": many })).await),
            ["#/subscribers"]
        );
    }
    let left = shop
        .good(
            "DELETE",
            NEWS,
            json!({ "user_ids": [person(2), person(9)] }),
            200,
        )
        .await;
    assert_eq!(left["left"], 1);
    // A person's export names their topics, and nothing of them is left once they are erased.
    let export = shop
        .good(
            "GET",
            &format!("/v1/users/{}/export", person(1)),
            Value::Null,
            200,
        )
        .await;
    assert_eq!(export["topics"][0]["topic"], "news");
    assert_eq!(export["topics"][0]["attributes"]["plan"], "p1");
    shop.good(
        "DELETE",
        &format!("/v1/users/{}", person(1)),
        Value::Null,
        204,
    )
    .await;
    assert_eq!(lines(&mut owner, numbers).await, ["7"]);
    // A topic that is made again has no subscribers; those of the old one are removed.
    shop.good("DELETE", "/v1/topics/news", Value::Null, 204)
        .await;
    shop.good("PUT", "/v1/topics/news", json!({}), 201).await;
    assert_eq!(
        shop.good("GET", NEWS, Value::Null, 200).await["data"],
        json!([])
    );
    let database = stage.database.pool().await;
    herald::store::topics::forget(&database).await.unwrap();
    let left = "SELECT (SELECT count(*) FROM notification_schema.topics) || ' '
                    || (SELECT count(*) FROM notification_schema.topic_subscribers) AS text";
    assert_eq!(lines(&mut owner, left).await, ["1 0"]);
}
