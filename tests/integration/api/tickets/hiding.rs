//! What is for staff alone: no route lets whoever asked do it, and nothing that they see moves because of it.

use serde_json::{Value, json};

use super::{
    AGENT, ANN, BOB, CATEGORIES, PATH, SCOPES, SECRET, asked, hire, id_of, issued, person,
};
use crate::api::door::{SHOP, ask, ask_as, is, json_of, key, stage, told};
use crate::api::users::Caller;

const TOKEN: &str = r#"{"grants":["tickets:read","tickets:write"]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_does_nothing_of_the_staffs_on_any_route() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    for one in [ANN, AGENT] {
        person(&stage, &admin, one).await;
    }
    hire(&shop, AGENT, "lead", 1).await;
    let grants: Value = serde_json::from_str(TOKEN).unwrap();
    // Somebody of the staff who asked is a requester there.
    for who in [ANN, AGENT] {
        let token = issued(&stage, &admin, who, &grants).await;
        let first = shop.good("POST", PATH, asked(who), 201).await;
        let second = shop.good("POST", PATH, asked(who), 201).await;
        let other = shop.good("POST", PATH, asked(BOB), 201).await;
        let place = format!("{PATH}/{}", id_of(&first));
        let into = |ticket: &Value| json!({ "into": ticket["number"] });
        let mut deeds = vec![
            ("PATCH", place.clone(), json!({ "subject": "Mine" })),
            (
                "POST",
                format!("{place}/assign"),
                json!({ "assignee_id": who }),
            ),
            (
                "POST",
                format!("{place}/status"),
                json!({ "status": "closed" }),
            ),
            ("DELETE", place.clone(), Value::Null),
            ("POST", format!("{place}/escalate"), json!({})),
            ("POST", format!("{place}/merge"), into(&second)),
            ("GET", format!("{place}/history"), Value::Null),
            (
                "POST",
                format!("{place}/comments"),
                json!({ "comment": "x", "internal": true }),
            ),
        ];
        if who == AGENT {
            // Of one that they work on into one that they asked for.
            let place = format!("{PATH}/{}/merge", id_of(&other));
            deeds.push(("POST", place, into(&second)));
        }
        for (method, path, body) in deeds {
            let body = match body {
                Value::Null => String::new(),
                body => body.to_string(),
            };
            let answer = ask_as(&stage, &token, method, &path, &body).await;
            assert_eq!(told(&answer), is(403, "staff_only"), "{method} {path}");
        }
        // Nor is the version told, which counts what is for staff alone.
        let bearer = format!("Authorization: Bearer {token}");
        let headers = [
            bearer.as_str(),
            "Content-Type: application/json",
            "If-Match: \"999\"",
        ];
        let answer = ask(&stage, "PATCH", &place, &headers, "{}").await;
        assert_eq!(told(&answer), is(403, "staff_only"));
        let now = shop.good("GET", &place, Value::Null, 200).await;
        assert_eq!(now, first, "nothing was written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_among_staff_changes_nothing_that_whoever_asked_can_see() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    person(&stage, &admin, ANN).await;
    let grants: Value = serde_json::from_str(TOKEN).unwrap();
    let token = issued(&stage, &admin, ANN, &grants).await;
    let ticket = shop.good("POST", PATH, asked(ANN), 201).await;
    let place = format!("{PATH}/{}", id_of(&ticket));
    let seen = async || {
        let answer = ask_as(&stage, &token, "GET", &place, "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let tag = answer.headers["etag"].to_str().unwrap().to_owned();
        let comments = ask_as(&stage, &token, "GET", &format!("{place}/comments"), "").await;
        let list = ask_as(&stage, &token, "GET", PATH, "").await;
        (tag, json_of(&answer), json_of(&comments), json_of(&list))
    };
    let before = seen().await;
    let note = json!({ "author_id": AGENT, "comment": SECRET, "internal": true });
    shop.good("POST", &format!("{place}/comments"), note, 201)
        .await;
    shop.good(
        "POST",
        &format!("{place}/escalate"),
        json!({ "reason": SECRET }),
        200,
    )
    .await;
    shop.good("PATCH", &place, json!({ "followers": [BOB] }), 200)
        .await;
    assert_eq!(seen().await, before);
    let now = shop.good("GET", &place, Value::Null, 200).await;
    assert_eq!(
        (&now["version"], &now["escalation_level"]),
        (&json!(4), &json!(1))
    );
    let reply = json!({ "author_id": AGENT, "comment": "We come." });
    shop.good("POST", &format!("{place}/comments"), reply, 201)
        .await;
    let after = seen().await;
    assert_eq!(
        (after.0.as_str(), &after.1["version"]),
        ("\"2\"", &json!(2))
    );
    assert_eq!(after.2["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_deed_is_lost_from_the_history_which_comes_in_pages() {
    let stage = stage().await;
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    let first = shop.good("POST", PATH, asked(ANN), 201).await;
    let place = format!("{PATH}/{}", id_of(&first));
    for notes in ["one", "two"] {
        let done = json!({ "status": "resolved", "resolution_notes": notes });
        shop.good("POST", &format!("{place}/status"), done, 200)
            .await;
    }
    let mut lines = vec![];
    let mut next = Value::Null;
    loop {
        let after = next
            .as_str()
            .map_or(String::new(), |it| format!("&after={it}"));
        let path = format!("{place}/history?limit=2{after}");
        let page = shop.good("GET", &path, Value::Null, 200).await;
        lines.extend(page["data"].as_array().unwrap().clone());
        next = page["next"].clone();
        if next.is_null() {
            break;
        }
    }
    let deeds: Vec<_> = lines
        .iter()
        .map(|it| it["deed"].as_str().unwrap())
        .collect();
    assert_eq!(deeds, ["created", "changed", "status_changed", "changed"]);
    let notes = json!({ "resolution_notes": { "from": "one", "to": "two" } });
    assert_eq!(lines[3]["details"]["changes"], notes);
    // What is over is neither brought up nor goes on with another one.
    let up = shop
        .ask("POST", &format!("{place}/escalate"), &json!({}))
        .await;
    assert_eq!(told(&up), is(409, "status_not_allowed"));
    let second = shop.good("POST", PATH, asked(ANN), 201).await;
    let merge = format!("{PATH}/{}/merge", id_of(&second));
    let merged = shop
        .ask("POST", &merge, &json!({ "into": first["number"] }))
        .await;
    assert_eq!(told(&merged), is(409, "merge_not_allowed"));
    for day in [
        "0000-01-01",
        "-000001-01-01",
        "2026-12-25T10:00",
        "20261225",
    ] {
        let hours = json!({ "time_zone": "UTC", "holidays": [day],
            "windows": [{ "day": "mon", "from": "09:00", "to": "12:00" }] });
        let category = json!({ "name": "x", "hours": hours });
        let answer = shop.ask("POST", CATEGORIES, &category).await;
        assert_eq!(told(&answer), is(422, "invalid_body"), "{day}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_internal_only_if_that_is_said_and_never_by_whoever_asked() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    person(&stage, &admin, ANN).await;
    let grants: Value = serde_json::from_str(TOKEN).unwrap();
    let token = issued(&stage, &admin, ANN, &grants).await;
    let own = json!({ "subject": "Help", "description": "It burns.", "followers": [BOB] });
    let answer = ask_as(&stage, &token, "POST", PATH, &own.to_string()).await;
    assert_eq!(
        told(&answer),
        is(422, "invalid_body"),
        "whom they like is not told"
    );
    let ticket = shop.good("POST", PATH, asked(ANN), 201).await;
    let comments = format!("{PATH}/{}/comments", id_of(&ticket));
    let unsaid = json!({ "author_id": AGENT, "comment": SECRET, "internal": null });
    assert_eq!(
        told(&shop.ask("POST", &comments, &unsaid).await),
        is(422, "invalid_body")
    );
    let odd = json!({ "author_id": ANN, "comment": SECRET, "internal": true });
    assert_eq!(
        told(&shop.ask("POST", &comments, &odd).await),
        is(403, "staff_only")
    );
    let bearer = format!("Authorization: Bearer {}", shop.key());
    let headers = [
        bearer.as_str(),
        "Content-Type: application/json",
        "If-Match: \"7\"",
    ];
    let said = json!({ "author_id": AGENT, "comment": "We come." }).to_string();
    let stale = ask(&stage, "POST", &comments, &headers, &said).await;
    assert_eq!(told(&stale), is(412, "changed_meanwhile"));
    let all = shop.good("GET", &comments, Value::Null, 200).await;
    assert_eq!(all["data"], json!([]), "nothing was written");
}
