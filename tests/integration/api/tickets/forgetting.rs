//! Who changed the rules of the desk, and how a person is forgotten there.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{AGENT, ANN, BOB, CATEGORIES, LEAD, PATH, SCOPES, asked, hire, id_of, person};
use crate::api::door::{OTHER, SHOP, is, key, stage, told};
use crate::api::users::Caller;
use crate::database::lines;
use crate::stage::Stage;

const ALL: &str = "tickets:read,tickets:write,users:read,users:write,audit-logs:read";

/// The tables of the desk in which a text stands.
pub(super) async fn named_in(stage: &Stage, text: &str) -> Vec<String> {
    let mut owner = stage.database.owner().await;
    let tables = "SELECT c.oid::regclass::text AS text FROM pg_class c
                  WHERE c.relnamespace = 'ticket_schema'::regnamespace AND c.relkind = 'r' ORDER BY 1";
    let mut found = vec![];
    for table in lines(&mut owner, tables).await {
        let named =
            format!("SELECT count(*)::text AS text FROM {table} t WHERE t::text LIKE '%{text}%'");
        if lines(&mut owner, &named).await != ["0"] {
            found.push(table.replace("ticket_schema.", ""));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_a_person_empties_what_they_asked_and_wrote() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let shop = Caller::of(&stage, ALL, Some(SHOP));
    let _engine = stage.start().await;
    person(&stage, &admin, ANN).await;
    let mut body = asked(ANN);
    body["description"] = json!("My name is Annabel.");
    body["metadata"] = json!({ "name": "Annabel" });
    body["location"] = json!("Annabel's room");
    let own = shop.good("POST", PATH, body, 201).await;
    let place = format!("{PATH}/{}", id_of(&own));
    let reply = json!({ "author_id": AGENT, "comment": "Dear Annabel" });
    shop.good("POST", &format!("{place}/comments"), reply, 201)
        .await;
    shop.good("PATCH", &place, json!({ "subject": "Annabel asks" }), 200)
        .await;
    let mut body = asked(BOB);
    body["followers"] = json!([ANN, AGENT]);
    let other = shop.good("POST", PATH, body, 201).await;
    let others = format!("{PATH}/{}", id_of(&other));
    for (author, text) in [(ANN, "Annabel thinks so, too"), (AGENT, "We come, Bob.")] {
        let said = json!({ "author_id": author, "comment": text });
        shop.good("POST", &format!("{others}/comments"), said, 201)
            .await;
    }
    // What she did to a ticket of his, in her own words; and what the lead wrote among staff, who is of the desk.
    let edit = json!({ "actor_id": ANN, "location": "where Annabel lives" });
    shop.good("PATCH", &others, edit, 200).await;
    let back = json!({ "actor_id": AGENT, "location": "a room" });
    shop.good("PATCH", &others, back, 200).await;
    let brought = json!({ "actor_id": ANN, "reason": "Annabel is angry" });
    shop.good("POST", &format!("{others}/escalate"), brought, 200)
        .await;
    hire(&shop, LEAD, "lead", 3).await;
    let note = json!({ "author_id": LEAD, "comment": "He is right.", "internal": true });
    shop.good("POST", &format!("{others}/comments"), note, 201)
        .await;
    assert!(!named_in(&stage, "Annabel").await.is_empty());
    let gone = format!("/v1/users/{ANN}");
    shop.good("DELETE", &gone, Value::Null, 204).await;
    assert_eq!(named_in(&stage, "Annabel").await, [""; 0]);
    assert_eq!(
        told(&shop.ask("GET", &place, &Value::Null).await),
        is(404, "not_found")
    );
    let list = shop.good("GET", PATH, Value::Null, 200).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let left = shop.good("GET", &others, Value::Null, 200).await;
    assert_eq!(left["followers"], json!([AGENT]));
    let comments = shop
        .good("GET", &format!("{others}/comments"), Value::Null, 200)
        .await;
    let texts = comments["data"].as_array().unwrap().iter();
    let texts: Vec<_> = texts.map(|it| it["comment"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        ["", "We come, Bob.", "He is right."],
        "what others wrote stays"
    );
    let history = format!("{others}/history");
    let lines = shop.good("GET", &history, Value::Null, 200).await;
    let by_nobody = lines["data"].as_array().unwrap().iter();
    let by_nobody = by_nobody.filter(|it| it["actor_id"] == json!(Uuid::nil()));
    let deeds: Vec<_> = by_nobody.map(|it| it["deed"].as_str().unwrap()).collect();
    assert_eq!(deeds, ["replied", "changed", "escalated"], "{lines:#}");
    // The lead, who wrote for the tenant: the words stay, and nobody wrote them.
    shop.good("DELETE", &format!("/v1/users/{LEAD}"), Value::Null, 204)
        .await;
    let page = format!("{others}/comments");
    let page = shop.good("GET", &page, Value::Null, 200).await;
    let last = page["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["comment"], &last["author_id"]),
        (&json!("He is right."), &json!(Uuid::nil()))
    );
    let lines = shop.good("GET", &history, Value::Null, 200).await;
    let of_lead = lines["data"].as_array().unwrap().iter();
    let of_lead = of_lead.filter(|it| it["actor_id"] == LEAD).count();
    assert_eq!(of_lead, 0, "{lines:#}");
    assert_eq!(
        told(&shop.ask("DELETE", &gone, &Value::Null).await),
        is(404, "not_found")
    );
    // The engine does not know Bob: the desk does.
    shop.good("DELETE", &format!("/v1/users/{BOB}"), Value::Null, 204)
        .await;
    assert_eq!(named_in(&stage, "We come, Bob").await, [""; 0]);
    let next = shop.good("POST", PATH, asked(LEAD), 201).await;
    assert_eq!(next["number"], 3, "numbers go on");
    let erased = stage.herald(&["users", "erase", LEAD]).output().unwrap();
    assert!(
        erased.status.success(),
        "{}",
        String::from_utf8_lossy(&erased.stderr)
    );
    let list = shop.good("GET", PATH, Value::Null, 200).await;
    assert_eq!(list["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_staff_and_categories_is_written_down() {
    let stage = stage().await;
    let shop = Caller::of(&stage, ALL, Some(SHOP));
    let other = Caller::of(&stage, ALL, Some(OTHER));
    let little = Caller::of(&stage, SCOPES, Some(SHOP));
    let _engine = stage.start().await;
    hire(&shop, AGENT, "agent", 1).await;
    let staff = format!("/v1/staff/{AGENT}");
    for _ in 0..2 {
        let member = json!({ "name": "Ada", "role": "admin", "level": 1 });
        shop.good("PUT", &staff, member, 200).await;
    }
    let rules = json!({ "name": "fire", "close_after_minutes": 1, "staff": [{ "id": AGENT }] });
    let category = shop.good("POST", CATEGORIES, rules, 201).await;
    let place = format!("{CATEGORIES}/{}", id_of(&category));
    shop.good("DELETE", &place, Value::Null, 204).await;
    shop.good("DELETE", &staff, Value::Null, 204).await;
    const LOG: &str = "/v1/ticket-audit-logs";
    let all = shop.good("GET", LOG, Value::Null, 200).await;
    let all = all["data"].as_array().unwrap();
    let told_of: Vec<_> = all
        .iter()
        .rev()
        .map(|it| {
            format!(
                "{} {}",
                it["action"].as_str().unwrap(),
                it["resource_type"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told_of,
        [
            "create staff_member",
            "update staff_member",
            "create ticket_category",
            "delete ticket_category",
            "delete staff_member"
        ],
        "what changes nothing is no change"
    );
    let promoted = &all[3];
    assert_eq!(
        promoted["changes"],
        json!({ "old": { "role": "agent" }, "new": { "role": "admin" } })
    );
    assert_eq!(promoted["resource_id"], AGENT);
    assert!(promoted["request_id"].is_string() && promoted["ip_address"] == "127.0.0.1");
    assert_eq!(
        other.good("GET", LOG, Value::Null, 200).await["data"],
        json!([])
    );
    let refused = little.ask("GET", LOG, &Value::Null).await;
    assert_eq!(told(&refused), is(403, "missing_scope"));
}
