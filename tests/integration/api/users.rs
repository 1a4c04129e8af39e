//! `/v1/users`: people, what they want, and their devices; by their tenant alone.

use loadtest::harness::http::Answer;
use serde_json::{Value, json};

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, stage, told};
use crate::database::lines;
use crate::stage::Stage;

const ANA: &str = "0190c1a0-0000-7000-8000-0000000000c1";
const BEN: &str = "0190c1a0-0000-7000-8000-0000000000c2";

pub(super) struct Caller<'a> {
    stage: &'a Stage,
    key: String,
}

impl<'a> Caller<'a> {
    pub(super) fn of(stage: &'a Stage, scopes: &str, tenant: Option<&str>) -> Self {
        let key = key(stage, scopes, tenant);
        Self { stage, key }
    }

    /// The key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        ask_as(self.stage, &self.key, method, path, &body).await
    }

    /// What is answered, which must be this status.
    pub(super) async fn good(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let answer = self.ask(method, path, &body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        match answer.body.is_empty() {
            true => Value::Null,
            false => json_of(&answer),
        }
    }
}

fn one(id: &str) -> String {
    format!("/v1/users/{id}")
}

fn pointers(answer: &Answer) -> Vec<String> {
    assert_eq!(told(answer), is(422, "invalid_body"), "{}", answer.text());
    let problem = json_of(answer);
    let errors = problem["errors"].as_array().unwrap().iter();
    let mut pointers: Vec<String> = errors
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect();
    pointers.sort_unstable();
    pointers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_made_found_changed_and_replaced_in_one_spelling() {
    let stage = stage().await;
    let shop = Caller::of(&stage, "users:read,users:write", Some(SHOP));
    let _engine = stage.start().await;
    let ana = json!({ "id": ANA, "email": " Ana@EXAMPLE.com", "phone": "+49 151 1234-5678",
        "username": "ana", "external_id": "crm-7", "timezone": "Europe/Berlin", "locale": "de_at",
        "devices": [{ "token": "t1", "platform": "ios" }] });
    let made = shop.good("POST", "/v1/users", ana.clone(), 201).await;
    assert_eq!(
        (
            &made["email"],
            &made["phone"],
            &made["locale"],
            &made["tenant_id"]
        ),
        (
            &json!("ana@example.com"),
            &json!("+4915112345678"),
            &json!("de-AT"),
            &json!(SHOP)
        )
    );
    assert_eq!(
        told(&shop.ask("POST", "/v1/users", &ana).await),
        is(409, "user_exists")
    );
    let ben = json!({ "email": "ANA@example.com" });
    assert_eq!(
        told(&shop.ask("PUT", &one(BEN), &ben).await),
        is(409, "recipient_conflict")
    );
    let ben = json!({ "email": "ben@example.com", "username": "ben" });
    shop.good("PUT", &one(BEN), ben.clone(), 201).await;
    let taken = json!({ "username": "ana" });
    assert_eq!(
        told(&shop.ask("PATCH", &one(BEN), &taken).await),
        is(409, "recipient_conflict")
    );
    for (query, found) in [
        ("email=ANA%40example.com", vec![ANA]),
        ("username=ben", vec![BEN]),
        ("external_id=crm-7", vec![ANA]),
        ("external_id=crm-7&username=ben", vec![]),
    ] {
        let listed = shop
            .good("GET", &format!("/v1/users?{query}"), Value::Null, 200)
            .await;
        let ids = listed["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_str().unwrap());
        assert_eq!(ids.collect::<Vec<_>>(), found, "{query}");
    }
    let first = shop
        .good("GET", "/v1/users?limit=1", Value::Null, 200)
        .await;
    let next = first["next"].as_str().unwrap();
    let second = shop
        .good(
            "GET",
            &format!("/v1/users?limit=1&after={next}"),
            Value::Null,
            200,
        )
        .await;
    assert_eq!(
        (&first["data"][0]["id"], &second["data"][0]["id"]),
        (&json!(BEN), &json!(ANA))
    );
    assert_eq!(second["next"], Value::Null);
    let path = format!("/v1/users?username=ben&after={next}");
    assert_eq!(
        told(&shop.ask("GET", &path, &Value::Null).await),
        is(422, "invalid_query"),
        "a cursor of other filters"
    );
    let changed = shop
        .good(
            "PATCH",
            &one(ANA),
            json!({ "name": "Ana", "phone": null }),
            200,
        )
        .await;
    assert_eq!(
        (&changed["name"], &changed["phone"], &changed["email"]),
        (&json!("Ana"), &Value::Null, &json!("ana@example.com"))
    );
    let replaced = shop
        .good("PUT", &one(ANA), json!({ "email": "ana@example.org" }), 200)
        .await;
    assert_eq!(
        (&replaced["name"], &replaced["username"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        shop.good("GET", &one(ANA), Value::Null, 200).await,
        replaced
    );
    let audited = "SELECT action || ' ' || coalesce(changes #>> '{new,email}', changes #>> '{old,phone}', '') AS text
                   FROM notification_schema.audit_logs
                   WHERE resource_type = 'user' ORDER BY created_at, id";
    let mut audited = lines(&mut stage.database.owner().await, audited).await;
    audited.sort_unstable();
    let expected = [
        "add_device ",
        "create ana@example.com",
        "create ben@example.com",
        "update +4915112345678",
        "update ana@example.org",
    ];
    assert_eq!(audited, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_a_person_is_told_at_once_and_nothing_is_written() {
    let stage = stage().await;
    let shop = Caller::of(&stage, "users:read,users:write", Some(SHOP));
    let _engine = stage.start().await;
    let odd = json!({ "id": "x", "email": "a@b@c", "phone": "0151", "timezone": "europe/berlin",
        "locale": "Klingon!", "username": "", "name": "a\nb", "nmae": "x",
        "external_id": "x".repeat(256), "devices": [{ "token": "t" }, 7, { "token": "a b", "platform": "tv", "os": 1 }] });
    let expected = [
        "#/devices/0/platform",
        "#/devices/1",
        "#/devices/2/os",
        "#/devices/2/platform",
        "#/devices/2/token",
        "#/email",
        "#/external_id",
        "#/id",
        "#/locale",
        "#/name",
        "#/nmae",
        "#/phone",
        "#/timezone",
        "#/username",
    ];
    assert_eq!(
        pointers(&shop.ask("POST", "/v1/users", &odd).await),
        expected
    );
    let nul = json!({ "name": "a\u{0}b" });
    assert_eq!(
        pointers(&shop.ask("POST", "/v1/users", &nul).await),
        ["#/name"]
    );
    let other = json!({ "id": BEN });
    assert_eq!(
        pointers(&shop.ask("PUT", &one(ANA), &other).await),
        ["#/id"]
    );
    let query = "/v1/users?email=x&limit=0&colour=red";
    assert_eq!(
        told(&shop.ask("GET", query, &Value::Null).await),
        is(422, "invalid_query")
    );
    let listed = shop.good("GET", "/v1/users", Value::Null, 200).await;
    assert_eq!(listed, json!({ "data": [], "next": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_are_replaced_as_a_whole_and_come_back_as_they_went() {
    let stage = stage().await;
    let shop = Caller::of(&stage, "users:read,users:write", Some(SHOP));
    let _engine = stage.start().await;
    let path = format!("{}/preferences", one(ANA));
    assert_eq!(
        told(&shop.ask("PUT", &path, &json!([])).await),
        is(404, "not_found")
    );
    shop.good("PUT", &one(ANA), json!({}), 201).await;
    let wanted = json!([
        { "channel": "all", "quiet_hours_start": "22:00", "quiet_hours_end": "07:00",
          "quiet_hours_days": ["mon", "sun"], "timezone": "Europe/Berlin" },
        { "category": "news", "enabled": false },
        { "channel": "email", "category": "orders", "frequency_cap": 5, "quiet_hours": "none" },
        { "channel": "sms", "frequency_cap": "none", "enabled": true, "user_id": ANA },
    ]);
    let put = shop.good("PUT", &path, wanted, 200).await;
    let got = shop.good("GET", &path, Value::Null, 200).await;
    assert_eq!(put, got);
    let all = got["preferences"].as_array().unwrap();
    assert_eq!(all.len(), 4);
    assert!(all.contains(&json!({ "category": "news", "enabled": false })));
    assert!(all.contains(&json!({ "channel": "sms", "frequency_cap": "none", "enabled": true })));
    assert_eq!(
        shop.good("PUT", &path, got.clone(), 200).await,
        got,
        "as it came"
    );
    let odd = json!([
        { "enabled": true },
        { "channel": "fax" },
        { "channel": "all", "category": "news" },
        { "category": "*" },
        { "channel": "email", "frequency_cap": 1001, "timezone": "Mars/Base" },
        { "channel": "sms", "quiet_hours_start": "25:00", "quiet_hours_end": "07:00" },
        { "channel": "push", "quiet_hours_end": "07:00" },
        { "channel": "chat", "quiet_hours_start": "00:00", "quiet_hours_end": "24:00" },
        { "channel": "in_app", "quiet_hours_days": ["mon", "mon", "day"] },
        { "channel": "email", "user_id": BEN },
        7,
    ]);
    let expected = [
        "#/0/channel",
        "#/1/channel",
        "#/10",
        "#/2/category",
        "#/3/category",
        "#/4/frequency_cap",
        "#/4/timezone",
        "#/5/quiet_hours_start",
        "#/6/quiet_hours_end",
        "#/7/quiet_hours_end",
        "#/8/quiet_hours_days",
        "#/8/quiet_hours_days",
        "#/8/quiet_hours_days/2",
        "#/9",
        "#/9/user_id",
    ];
    assert_eq!(pointers(&shop.ask("PUT", &path, &odd).await), expected);
    assert_eq!(
        shop.good("GET", &path, Value::Null, 200).await,
        got,
        "nothing is written"
    );
    let none = shop
        .good("PUT", &path, json!({ "preferences": [] }), 200)
        .await;
    assert_eq!(none, json!({ "preferences": [] }));
    let audited =
        "SELECT count(*)::text AS text FROM notification_schema.audit_logs WHERE action = 'prefer'";
    assert_eq!(
        lines(&mut stage.database.owner().await, audited).await,
        ["2"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_changes_hands_and_a_person_has_so_many() {
    let stage = stage().await;
    let shop = Caller::of(&stage, "users:read,users:write", Some(SHOP));
    let _engine = stage.start().await;
    for person in [ANA, BEN] {
        shop.good("PUT", &one(person), json!({}), 201).await;
    }
    let (anas, bens) = (
        format!("{}/devices", one(ANA)),
        format!("{}/devices", one(BEN)),
    );
    let phone = json!({ "token": "phone", "platform": "android" });
    let device = shop.good("POST", &anas, phone.clone(), 201).await;
    shop.good("POST", &anas, phone.clone(), 200).await;
    let moved = shop.good("POST", &bens, phone, 201).await;
    assert_eq!(moved["id"], device["id"]);
    let count = async |path: &str| {
        let path = format!("{path}?limit=200");
        shop.good("GET", &path, Value::Null, 200).await["data"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((count(&anas).await, count(&bens).await), (0, 1));
    let place = format!("{bens}/{}", device["id"].as_str().unwrap());
    let others = format!("{anas}/{}", device["id"].as_str().unwrap());
    assert_eq!(
        told(&shop.ask("DELETE", &others, &Value::Null).await),
        is(404, "not_found")
    );
    shop.good("DELETE", &place, Value::Null, 204).await;
    assert_eq!(
        told(&shop.ask("DELETE", &place, &Value::Null).await),
        is(404, "not_found")
    );
    let many = (0..100).map(|at| json!({ "token": format!("t{at}"), "platform": "web" }));
    shop.good(
        "PUT",
        &one(ANA),
        json!({ "devices": many.collect::<Vec<_>>() }),
        200,
    )
    .await;
    let more = json!({ "token": "more", "platform": "web" });
    assert_eq!(
        told(&shop.ask("POST", &anas, &more).await),
        is(409, "too_many_devices")
    );
    let known = json!({ "token": "t7", "platform": "web" });
    shop.good("POST", &anas, known, 200).await;
    let first = shop.good("GET", &anas, Value::Null, 200).await;
    let next = first["next"].as_str().unwrap();
    // The page goes on behind its last one, though that is gone.
    let last = first["data"][49]["id"].as_str().unwrap();
    shop.good("DELETE", &format!("{anas}/{last}"), Value::Null, 204)
        .await;
    let rest = shop
        .good("GET", &format!("{anas}?after={next}"), Value::Null, 200)
        .await;
    assert_eq!(rest["data"].as_array().unwrap().len(), 50);
    assert_eq!(rest["next"], Value::Null);
}

/// A phone and a browser save at the same time: each waits for the other, and none is told to come again.
#[tokio::test(flavor = "multi_thread")]
async fn who_saves_from_several_devices_at_once_is_turned_away_on_none() {
    let stage = stage().await;
    let shop = Caller::of(&stage, "users:read,users:write", Some(SHOP));
    let _engine = stage.start().await;
    shop.good("PUT", &one(ANA), json!({}), 201).await;
    let path = format!("{}/preferences", one(ANA));
    let saves = (0..8).map(|cap| {
        let wanted = json!([{ "channel": "email", "frequency_cap": cap }]);
        shop.good("PUT", &path, wanted, 200)
    });
    futures_util::future::join_all(saves).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_changes_the_people_of_another_tenant() {
    let stage = stage().await;
    let shop = Caller::of(&stage, "users:read,users:write", Some(SHOP));
    let other = Caller::of(&stage, "users:read,users:write", Some(OTHER));
    let reader = Caller::of(&stage, "users:read", Some(SHOP));
    let operator = Caller::of(&stage, "admin", None);
    let _engine = stage.start().await;
    let ana =
        json!({ "email": "ana@example.com", "devices": [{ "token": "t", "platform": "web" }] });
    shop.good("PUT", &one(ANA), ana.clone(), 201).await;
    let before = shop.good("GET", &one(ANA), Value::Null, 200).await;
    let path = |more: &str| format!("{}{more}", one(ANA));
    for (method, path, body) in [
        ("GET", path(""), Value::Null),
        ("PUT", path(""), json!({ "name": "x" })),
        ("PATCH", path(""), json!({ "name": "x" })),
        ("GET", path("/preferences"), Value::Null),
        ("PUT", path("/preferences"), json!([])),
        ("GET", path("/devices"), Value::Null),
        (
            "POST",
            path("/devices"),
            json!({ "token": "x", "platform": "web" }),
        ),
        ("POST", "/v1/users".to_owned(), json!({ "id": ANA })),
    ] {
        let answer = other.ask(method, &path, &body).await;
        assert_eq!(told(&answer), is(404, "not_found"), "{method} {path}");
    }
    assert_eq!(
        told(
            &reader
                .ask("PATCH", &one(ANA), &json!({ "name": "x" }))
                .await
        ),
        is(403, "missing_scope")
    );
    assert_eq!(shop.good("GET", &one(ANA), Value::Null, 200).await, before);
    let listed = other.good("GET", "/v1/users", Value::Null, 200).await;
    assert_eq!(listed["data"], json!([]));
    // The same address is another person's there.
    other
        .good("PUT", &one(BEN), json!({ "email": "ana@example.com" }), 201)
        .await;
    let changed = operator
        .good("PATCH", &one(ANA), json!({ "name": "Ana" }), 200)
        .await;
    assert_eq!(
        (&changed["tenant_id"], &changed["name"]),
        (&json!(SHOP), &json!("Ana"))
    );
    let replaced = operator.good("PUT", &one(ANA), json!({}), 200).await;
    assert_eq!(
        replaced["tenant_id"], SHOP,
        "whoever names no tenant moves nobody"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_a_bad_one_stops_no_other() {
    let stage = stage().await;
    let shop = Caller::of(&stage, "users:read,users:write", Some(SHOP));
    let other = Caller::of(&stage, "users:read,users:write", Some(OTHER));
    let _engine = stage.start().await;
    other.good("PUT", &one(BEN), json!({}), 201).await;
    let path = "/v1/users/bulk";
    let many = json!({ "users": [
        { "id": ANA, "email": "ana@example.com" },
        { "email": "no address", "colour": "red" },
        { "email": "ANA@example.com" },
        7,
        { "id": BEN },
        { "id": ANA, "email": "ana@example.org" },
        { "username": "new" },
    ] });
    let answer = shop.good("POST", path, many, 207).await;
    let results = answer["results"].as_array().unwrap();
    let statuses: Vec<u64> = results
        .iter()
        .map(|it| it["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 422, 409, 400, 404, 200, 201], "{answer:#}");
    assert_eq!(results[1]["problem"]["errors"].as_array().unwrap().len(), 2);
    assert_eq!(results[2]["problem"]["code"], "recipient_conflict");
    assert_eq!(results[5]["id"], ANA);
    let listed = shop.good("GET", "/v1/users", Value::Null, 200).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    // A device that another one of the call reports, too, is the last one's.
    let device = |token: &str| json!({ "token": token, "platform": "ios" });
    let many = json!({ "users": [
        { "id": ANA, "email": "ana@example.org", "devices": [device("a"), device("b")] },
        { "username": "third", "devices": [device("c")] },
        { "username": "fourth", "devices": [device("a")] },
    ] });
    let answer = shop.good("POST", path, many, 207).await;
    assert_eq!(answer["results"][2]["status"], 201, "{answer:#}");
    let devices = format!("{}/devices", one(ANA));
    let devices = shop.good("GET", &devices, Value::Null, 200).await;
    let tokens: Vec<&Value> = devices["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["token"])
        .collect();
    assert_eq!(tokens, ["b"]);
    let none = json!({ "users": [] });
    assert_eq!(pointers(&shop.ask("POST", path, &none).await), ["#/users"]);
    let all = vec![json!({}); 1_001];
    assert_eq!(
        pointers(&shop.ask("POST", path, &json!({ "users": all })).await),
        ["#/users"]
    );
    assert_eq!(
        pointers(&shop.ask("POST", path, &json!({})).await),
        ["#/users"]
    );
}

/// Two people who change their addresses for each other's wait for each other in the database, which turns one of
/// them away: nobody is told of it.
#[tokio::test(flavor = "multi_thread")]
async fn people_who_are_written_at_once_are_not_turned_away_for_each_others_sake() {
    let stage = stage().await;
    let shop = Caller::of(&stage, "users:read,users:write", Some(SHOP));
    let _engine = stage.start().await;
    let put = |id: &'static str, email: &'static str| {
        let shop = &shop;
        async move {
            let body = json!({ "email": email });
            for _ in 0..10 {
                let answer = shop.ask("PUT", &one(id), &body).await;
                let is_known = matches!(answer.status, 200 | 201 | 409);
                assert!(is_known, "{id}: {} {}", answer.status, answer.text());
            }
        }
    };
    tokio::join!(
        put(ANA, "ana@example.com"),
        put(ANA, "ben@example.com"),
        put(BEN, "ben@example.com"),
        put(BEN, "ana@example.com"),
    );
}
