//! `/v1/tickets`: made, found, answered, moved; by their tenant, and by whoever asked or works on them.

mod deleting;
mod files;
mod forgetting;
mod hiding;
mod keyed;
mod mails;

use serde_json::{Value, json};

use super::door::{OTHER, SHOP, ask, ask_as, is, json_of, key, stage, told};
use super::user_tokens::{ANN, BOB, issued, person};
use super::users::Caller;

const PATH: &str = "/v1/tickets";
const CATEGORIES: &str = "/v1/ticket-categories";
const SCOPES: &str = "tickets:read,tickets:write";
const AGENT: &str = "0190c1a0-0000-7000-8000-00000000d0a1";
const LEAD: &str = "0190c1a0-0000-7000-8000-00000000d0a2";
const SECRET: &str = "between us: they are rude";

fn asked(requester: &str) -> Value {
    json!({ "subject": "The printer burns", "description": "Since Monday.", "requester_id": requester })
}

fn id_of(ticket: &Value) -> String {
    ticket["id"].as_str().unwrap().to_owned()
}

async fn hire(caller: &Caller<'_>, id: &str, role: &str, level: i16) {
    let body = json!({ "name": "Ada", "role": role, "level": level });
    caller
        .good("PUT", &format!("/v1/staff/{id}"), body, 201)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_made_numbered_found_changed_and_kept_from_other_tenants() {
    let stage = stage().await;
    let (shop, other) = (
        Caller::of(&stage, SCOPES, Some(SHOP)),
        Caller::of(&stage, SCOPES, Some(OTHER)),
    );
    let little = Caller::of(&stage, "users:read", Some(SHOP));
    let _engine = stage.start().await;
    let mut body = asked(ANN);
    body["priority"] = json!("high");
    body["category"] = json!("Hardware");
    body["metadata"] = json!({ "order": 12, "hostel": "Neeladri" });
    let made = shop.good("POST", PATH, body, 201).await;
    assert_eq!(
        (&made["number"], &made["status"], &made["version"]),
        (&json!(1), &json!("open"), &json!(1))
    );
    let second = shop.good("POST", PATH, asked(BOB), 201).await;
    assert_eq!(
        (&second["number"], &second["priority"]),
        (&json!(2), &json!("normal"))
    );
    assert_eq!(
        other.good("POST", PATH, asked(ANN), 201).await["number"],
        1,
        "each tenant counts"
    );
    assert_eq!(
        told(&little.ask("GET", PATH, &Value::Null).await),
        is(403, "missing_scope")
    );
    let by_number = shop
        .good("GET", &format!("{PATH}/1"), Value::Null, 200)
        .await;
    assert_eq!(
        by_number,
        shop.good("GET", &format!("{PATH}/{}", id_of(&made)), Value::Null, 200)
            .await
    );
    assert_eq!(
        (&by_number["metadata"]["hostel"], &by_number["due_at"]),
        (&json!("Neeladri"), &Value::Null)
    );
    let numbers = async |query: &str| {
        let page = shop
            .good("GET", &format!("{PATH}{query}"), Value::Null, 200)
            .await;
        let data = page["data"].as_array().unwrap().clone();
        data.iter()
            .map(|one| one["number"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers("").await, [2, 1]);
    assert_eq!(numbers(&format!("?requester_id={BOB}")).await, [2]);
    assert_eq!(numbers("?status=open&priority=high").await, [1]);
    assert_eq!(numbers("?category=Hardware").await, [1]);
    assert_eq!(numbers("?assignee_id=none&overdue=false").await, [2, 1]);
    assert_eq!(numbers("?overdue=true").await, Vec::<i64>::new());
    assert_eq!(numbers("?text=printer%20monday").await, [2, 1]);
    assert_eq!(numbers("?text=printer%20-monday").await, Vec::<i64>::new());
    let page = shop
        .good("GET", &format!("{PATH}?limit=1"), Value::Null, 200)
        .await;
    let next = page["next"].as_str().unwrap();
    assert_eq!(numbers(&format!("?limit=1&after={next}")).await, [1]);
    let foreign = other
        .ask("GET", &format!("{PATH}?limit=1&after={next}"), &Value::Null)
        .await;
    assert_eq!(told(&foreign), is(422, "invalid_query"));
    // Two agents who know the same version: the second is told, and loses nothing.
    let place = format!("{PATH}/{}", id_of(&made));
    let change = async |version: &str, body: Value| {
        let bearer = format!("Authorization: Bearer {}", shop.key());
        let headers = [
            bearer.as_str(),
            "Content-Type: application/json",
            &format!("If-Match: {version}"),
        ];
        ask(&stage, "PATCH", &place, &headers, &body.to_string()).await
    };
    let first = change(
        "\"1\"",
        json!({ "subject": "It burns again", "actor_id": AGENT }),
    )
    .await;
    assert_eq!(
        (first.status, first.headers["etag"].to_str().unwrap()),
        (200, "\"2\"")
    );
    assert_eq!(
        told(&change("\"1\"", json!({ "subject": "No" })).await),
        is(412, "changed_meanwhile")
    );
    assert_eq!(
        told(&change("2", json!({})).await),
        is(400, "invalid_header")
    );
    assert_eq!(
        change("\"2\"", json!({ "category": null })).await.status,
        200
    );
    let now = shop.good("GET", &place, Value::Null, 200).await;
    assert_eq!(
        (&now["subject"], &now["category"]),
        (&json!("It burns again"), &Value::Null)
    );
    let history = shop
        .good("GET", &format!("{place}/history"), Value::Null, 200)
        .await;
    assert_eq!(
        history["data"][1]["details"]["changes"]["subject"]["to"],
        "It burns again"
    );
    assert_eq!(
        (
            &history["data"][1]["actor_id"],
            &history["data"][1]["sequence"]
        ),
        (&json!(AGENT), &json!(2))
    );
    for (method, path, body) in [
        ("GET", place.clone(), Value::Null),
        ("GET", format!("{place}/history"), Value::Null),
        ("GET", format!("{place}/comments"), Value::Null),
        ("PATCH", place.clone(), json!({ "subject": "Mine" })),
        (
            "POST",
            format!("{place}/comments"),
            json!({ "author_id": BOB, "comment": "Mine" }),
        ),
        (
            "POST",
            format!("{place}/assign"),
            json!({ "assignee_id": BOB }),
        ),
        (
            "POST",
            format!("{place}/status"),
            json!({ "status": "closed" }),
        ),
        ("POST", format!("{place}/escalate"), json!({})),
        ("POST", format!("{place}/merge"), json!({ "into": "1" })),
    ] {
        let answer = other.ask(method, &path, &body).await;
        assert_eq!(told(&answer), is(404, "not_found"), "{method} {path}");
    }
    assert_eq!(
        shop.good("GET", &place, Value::Null, 200).await,
        now,
        "nothing was written"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_mistakes_of_a_ticket_are_told_at_once() {
    let stage = stage().await;
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    let pointers = async |method: &str, path: &str, body: Value| {
        let answer = shop.ask(method, path, &body).await;
        assert_eq!(told(&answer), is(422, "invalid_body"), "{}", answer.text());
        let errors = json_of(&answer)["errors"].as_array().unwrap().clone();
        let mut all: Vec<String> = errors
            .iter()
            .map(|it| it["pointer"].as_str().unwrap().to_owned())
            .collect();
        all.sort_unstable();
        all
    };
    let wrong = json!({ "subject": "a\nb", "description": "a\u{0}b", "priority": "medium", "requester_id": "nobody",
        "category": "", "metadata": { "a": ["\u{0}"] }, "followers": ["x"], "colour": "red" });
    assert_eq!(
        pointers("POST", PATH, wrong).await,
        [
            "#/category",
            "#/colour",
            "#/description",
            "#/followers/0",
            "#/metadata",
            "#/priority",
            "#/requester_id",
            "#/subject"
        ]
    );
    assert_eq!(
        pointers("POST", PATH, json!({})).await,
        ["#/description", "#/requester_id", "#/subject"]
    );
    let nil = "00000000-0000-0000-0000-000000000000";
    assert_eq!(pointers("POST", PATH, asked(nil)).await, ["#/requester_id"]);
    let made = shop.good("POST", PATH, asked(ANN), 201).await;
    let place = format!("{PATH}/{}", id_of(&made));
    assert_eq!(
        pointers(
            "POST",
            &format!("{place}/comments"),
            json!({ "comment": " " })
        )
        .await,
        ["#/author_id", "#/comment"]
    );
    assert_eq!(
        pointers(
            "POST",
            &format!("{place}/status"),
            json!({ "status": "done" })
        )
        .await,
        ["#/status"]
    );
    assert_eq!(
        pointers("POST", &format!("{place}/merge"), json!({})).await,
        ["#/into"]
    );
    let hours = json!({ "name": "x", "hours": { "time_zone": "Mars/Base",
        "windows": [{ "day": "monday", "from": "9", "to": "25:00" }] },
        "targets": { "urgent": { "first_response_minutes": 0 } }, "staff": [{}] });
    assert_eq!(
        pointers("POST", CATEGORIES, hours).await,
        [
            "#/hours/time_zone",
            "#/hours/windows/0/day",
            "#/hours/windows/0/from",
            "#/hours/windows/0/to",
            "#/staff/0/id",
            "#/targets/urgent/first_response_minutes"
        ]
    );
    let overlap = json!({ "name": "x", "hours": { "time_zone": "UTC", "windows": [
        { "day": "mon", "from": "09:00", "to": "12:00" }, { "day": "mon", "from": "11:00", "to": "13:00" }] } });
    assert_eq!(
        pointers("POST", CATEGORIES, overlap).await,
        ["#/hours/windows"]
    );
    let stranger = json!({ "name": "x", "staff": [{ "id": BOB }] });
    assert_eq!(
        told(&shop.ask("POST", CATEGORIES, &stranger).await),
        is(422, "unknown_staff")
    );
    for path in [
        "/x",
        "/0",
        "/99",
        "/-1",
        "/0190c1a0-0000-7000-8000-00000000dead",
        "/99999999999999999999",
    ] {
        let answer = shop
            .ask("GET", &format!("{PATH}{path}"), &Value::Null)
            .await;
        assert_eq!(told(&answer), is(404, "not_found"), "{path}");
    }
    let query = shop
        .ask(
            "GET",
            &format!("{PATH}?status=done&assignee_id=x&text=%00&colour=red"),
            &Value::Null,
        )
        .await;
    assert_eq!(
        json_of(&query)["errors"].as_array().unwrap().len(),
        4,
        "{}",
        query.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_goes_its_way_and_each_deed_is_told_once_and_in_order() {
    let stage = stage().await;
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    hire(&shop, AGENT, "agent", 1).await;
    hire(&shop, LEAD, "lead", 2).await;
    let rules = json!({ "name": "hardware", "targets": { "normal": { "first_response_minutes": 60,
        "next_response_minutes": 30, "resolution_minutes": 600 } }, "staff": [{ "id": AGENT }, { "id": LEAD }] });
    let category = shop.good("POST", CATEGORIES, rules.clone(), 201).await;
    assert_eq!(category["targets"]["normal"]["resolution_minutes"], 600);
    assert_eq!(
        shop.good("POST", CATEGORIES, rules, 200).await["id"],
        category["id"]
    );
    let mut body = asked(ANN);
    body["category"] = json!("hardware");
    let ticket = shop.good("POST", PATH, body, 201).await;
    assert_eq!(
        ticket["assignee_id"], AGENT,
        "whoever of the first level has the least in hand"
    );
    assert!(
        ticket["first_response_due_at"].is_string() && ticket["next_response_due_at"].is_null()
    );
    let place = format!("{PATH}/{}", id_of(&ticket));
    let post = async |what: &str, body: Value, status: u16| {
        shop.good("POST", &format!("{place}/{what}"), body, status)
            .await
    };
    let moved = post(
        "status",
        json!({ "status": "in_progress", "actor_id": AGENT }),
        200,
    )
    .await;
    assert_eq!(moved["status"], "in_progress");
    post(
        "comments",
        json!({ "author_id": AGENT, "comment": SECRET, "internal": true }),
        201,
    )
    .await;
    let reply = post(
        "comments",
        json!({ "author_id": AGENT, "comment": "We come." }),
        201,
    )
    .await;
    assert_eq!(
        (&reply["internal"], &reply["author_id"]),
        (&json!(false), &json!(AGENT))
    );
    let answered = shop.good("GET", &place, Value::Null, 200).await;
    assert!(
        answered["first_response_due_at"].is_null() && answered["first_responded_at"].is_string()
    );
    let waits = post("status", json!({ "status": "waiting" }), 200).await;
    assert!(waits["due_at"].is_null(), "the clocks stand");
    post(
        "comments",
        json!({ "author_id": ANN, "comment": "Come quickly." }),
        201,
    )
    .await;
    let back = shop.good("GET", &place, Value::Null, 200).await;
    assert_eq!(
        back["status"], "in_progress",
        "its requester's answer ends the waiting"
    );
    assert!(back["next_response_due_at"].is_string());
    let up = post("escalate", json!({ "reason": "It is hot" }), 200).await;
    assert_eq!(
        (&up["escalation_level"], &up["assignee_id"]),
        (&json!(2), &json!(LEAD))
    );
    post(
        "status",
        json!({ "status": "resolved", "resolution_notes": "Water." }),
        200,
    )
    .await;
    let refused = shop
        .ask(
            "POST",
            &format!("{place}/status"),
            &json!({ "status": "waiting" }),
        )
        .await;
    assert_eq!(told(&refused), is(409, "status_not_allowed"));
    assert_eq!(json_of(&refused)["state"], "resolved");
    post("status", json!({ "status": "open" }), 200).await;
    let closed = post("status", json!({ "status": "closed" }), 200).await;
    assert_eq!(
        post("status", json!({ "status": "closed" }), 200).await["version"],
        closed["version"]
    );
    // Merged: it leads to the one that goes on, and takes nothing more.
    let second = shop.good("POST", PATH, asked(ANN), 201).await;
    let into = json!({ "into": second["number"] });
    let strange = shop.good("POST", PATH, asked(BOB), 201).await;
    let wrong = shop
        .ask("POST", &format!("{PATH}/{}/merge", id_of(&strange)), &into)
        .await;
    assert_eq!(told(&wrong), is(409, "merge_not_allowed"));
    post("merge", into, 200).await;
    let merged = shop.ask("GET", &place, &Value::Null).await;
    assert_eq!(merged.status, 308);
    assert_eq!(
        merged.headers["location"],
        format!("{PATH}/{}", id_of(&second))
    );
    let late = shop
        .ask(
            "POST",
            &format!("{place}/comments"),
            &json!({ "author_id": ANN, "comment": "?" }),
        )
        .await;
    assert_eq!(told(&late), is(409, "ticket_merged"));
    let history = shop
        .good("GET", &format!("{place}/history"), Value::Null, 200)
        .await;
    let deeds = history["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["deed"].as_str().unwrap().to_owned());
    let expected = [
        "created",
        "assigned",
        "status_changed",
        "noted",
        "replied",
        "status_changed",
        "replied",
        "status_changed",
        "escalated",
        "assigned",
        "changed",
        "status_changed",
        "status_changed",
        "status_changed",
        "merged",
    ];
    assert_eq!(deeds.collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_sees_their_own_and_never_what_is_for_staff_alone() {
    let stage = stage().await;
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    for id in [ANN, BOB, AGENT, LEAD] {
        person(&stage, &admin, id).await;
    }
    hire(&shop, AGENT, "agent", 1).await;
    hire(&shop, LEAD, "lead", 2).await;
    let ann = issued(&stage, &admin, ANN, &json!({})).await;
    let bob = issued(&stage, &admin, BOB, &json!({})).await;
    let agent = issued(&stage, &admin, AGENT, &json!({})).await;
    let lead = issued(&stage, &admin, LEAD, &json!({})).await;
    let inbox_only = issued(&stage, &admin, ANN, &json!({ "grants": ["inbox:read"] })).await;
    let as_who = async |token: &str, method: &str, path: &str, body: Value| {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        ask_as(&stage, token, method, path, &body).await
    };
    let own = json!({ "subject": "Help", "description": "It burns." });
    assert_eq!(
        told(&as_who(&ann, "POST", PATH, asked(BOB)).await),
        is(422, "invalid_body")
    );
    let made = as_who(&ann, "POST", PATH, own).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let ticket = json_of(&made);
    assert_eq!(ticket["requester_id"], ANN);
    let place = format!("{PATH}/{}", id_of(&ticket));
    let comments = format!("{place}/comments");
    assert_eq!(
        told(&as_who(&inbox_only, "GET", PATH, Value::Null).await),
        is(403, "missing_grant")
    );
    // Nobody else's, on any path.
    for token in [&bob, &agent] {
        for (method, path, body) in [
            ("GET", place.clone(), Value::Null),
            ("GET", comments.clone(), Value::Null),
            ("GET", format!("{place}/history"), Value::Null),
            ("PATCH", place.clone(), json!({ "subject": "Mine" })),
            ("POST", comments.clone(), json!({ "comment": "Mine" })),
            (
                "POST",
                format!("{place}/status"),
                json!({ "status": "closed" }),
            ),
            ("POST", format!("{place}/assign"), json!({})),
            ("POST", format!("{place}/escalate"), json!({})),
            ("POST", format!("{place}/merge"), json!({ "into": "1" })),
        ] {
            let answer = as_who(token, method, &path, body).await;
            assert_eq!(told(&answer), is(404, "not_found"), "{method} {path}");
        }
        assert_eq!(
            json_of(&as_who(token, "GET", PATH, Value::Null).await)["data"],
            json!([])
        );
    }
    // By assignment, by category, or by role.
    shop.good(
        "POST",
        &format!("{place}/assign"),
        json!({ "assignee_id": AGENT }),
        200,
    )
    .await;
    assert_eq!(as_who(&agent, "GET", &place, Value::Null).await.status, 200);
    shop.good(
        "POST",
        &format!("{place}/assign"),
        json!({ "assignee_id": null }),
        200,
    )
    .await;
    assert_eq!(as_who(&agent, "GET", &place, Value::Null).await.status, 404);
    shop.good(
        "POST",
        CATEGORIES,
        json!({ "name": "fire", "staff": [{ "id": AGENT }] }),
        201,
    )
    .await;
    shop.good("PATCH", &place, json!({ "category": "fire" }), 200)
        .await;
    for token in [&agent, &lead] {
        assert_eq!(as_who(token, "GET", &place, Value::Null).await.status, 200);
        assert_eq!(
            json_of(&as_who(token, "GET", PATH, Value::Null).await)["data"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
    let noted = as_who(
        &agent,
        "POST",
        &comments,
        json!({ "comment": SECRET, "internal": true }),
    )
    .await;
    assert_eq!(noted.status, 201, "{}", noted.text());
    assert_eq!(json_of(&noted)["author_id"], AGENT);
    let forged = as_who(
        &agent,
        "POST",
        &comments,
        json!({ "comment": "x", "author_id": LEAD }),
    )
    .await;
    assert_eq!(told(&forged), is(422, "invalid_body"));
    assert_eq!(
        as_who(&agent, "POST", &comments, json!({ "comment": "We come." }))
            .await
            .status,
        201
    );
    assert_eq!(
        as_who(&ann, "POST", &comments, json!({ "comment": "Thanks." }))
            .await
            .status,
        201
    );
    // Each way by which whoever asked can look.
    for path in [
        PATH.to_owned(),
        format!("{PATH}?text=rude"),
        place.clone(),
        comments.clone(),
    ] {
        let answer = as_who(&ann, "GET", &path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains("rude"), "{path}: {}", answer.text());
    }
    let seen = json_of(&as_who(&ann, "GET", &comments, Value::Null).await);
    assert_eq!(seen["data"].as_array().unwrap().len(), 2);
    let all = json_of(&as_who(&lead, "GET", &comments, Value::Null).await);
    assert_eq!(all["data"].as_array().unwrap().len(), 3);
    for (method, path, body) in [
        ("GET", format!("{place}/history"), Value::Null),
        ("PATCH", place.clone(), json!({ "priority": "urgent" })),
        (
            "POST",
            comments.clone(),
            json!({ "comment": "x", "internal": true }),
        ),
        (
            "POST",
            format!("{place}/status"),
            json!({ "status": "closed" }),
        ),
        ("POST", format!("{place}/assign"), json!({})),
        ("POST", format!("{place}/escalate"), json!({})),
    ] {
        let answer = as_who(&ann, method, &path, body).await;
        assert_eq!(told(&answer), is(403, "staff_only"), "{method} {path}");
    }
    // Rules and staff are for servers.
    for path in [CATEGORIES, "/v1/staff"] {
        assert_eq!(
            told(&as_who(&lead, "GET", path, Value::Null).await),
            is(403, "user_token_not_allowed")
        );
    }
}
