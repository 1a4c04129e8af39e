//! A ticket that is taken away is found by nobody, nothing is told of it, and its history says who did it.

use serde_json::{Value, json};

use super::{AGENT, ANN, LEAD, PATH, SCOPES, asked, hire, id_of, issued, person};
use crate::api::door::{OTHER, SHOP, ask, ask_as, is, key, stage, told};
use crate::api::users::Caller;
use crate::database::lines;

#[tokio::test(flavor = "multi_thread")]
async fn leads_delete_a_ticket_which_is_hidden_from_all_but_those_who_audit() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let auditor = Caller::of(&stage, "tickets:read,audit-logs:read", Some(SHOP));
    let other = Caller::of(&stage, "admin", Some(OTHER));
    let _engine = stage.start().await;
    for (one, role) in [(AGENT, "agent"), (LEAD, "lead")] {
        person(&stage, &admin, one).await;
        hire(&shop, one, role, 1).await;
    }
    let grants = json!({ "grants": ["tickets:read", "tickets:write"] });
    let agent = issued(&stage, &admin, AGENT, &grants).await;
    let lead = issued(&stage, &admin, LEAD, &grants).await;
    let made = shop.good("POST", PATH, asked(ANN), 201).await;
    let place = format!("{PATH}/{}", id_of(&made));
    let given = json!({ "assignee_id": AGENT });
    shop.good("POST", &format!("{place}/assign"), given, 200)
        .await;
    let answer = ask_as(&stage, &agent, "DELETE", &place, "").await;
    assert_eq!(told(&answer), is(403, "staff_only"));
    assert_eq!(other.ask("DELETE", &place, &Value::Null).await.status, 404);
    let bearer = format!("Authorization: Bearer {lead}");
    let stale = [bearer.as_str(), "If-Match: \"1\""];
    let answer = ask(&stage, "DELETE", &place, &stale, "").await;
    assert_eq!(told(&answer), is(412, "changed_meanwhile"));
    let answer = ask_as(&stage, &lead, "DELETE", &place, "").await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    for path in [
        place.clone(),
        format!("{PATH}/1"),
        format!("{place}/comments"),
        format!("{place}/history"),
    ] {
        assert_eq!(
            shop.ask("GET", &path, &Value::Null).await.status,
            404,
            "{path}"
        );
    }
    let reply = json!({ "author_id": AGENT, "comment": "x" });
    for (path, body) in [
        (format!("{place}/comments"), reply),
        (format!("{place}/escalate"), json!({})),
    ] {
        assert_eq!(shop.ask("POST", &path, &body).await.status, 404, "{path}");
    }
    assert_eq!(shop.ask("DELETE", &place, &Value::Null).await.status, 404);
    for query in ["", "?status=open", "?text=printer", "?overdue=false"] {
        let list = shop
            .good("GET", &format!("{PATH}{query}"), Value::Null, 200)
            .await;
        assert_eq!(list["data"], json!([]), "{query}");
    }
    let history = auditor
        .good("GET", &format!("{place}/history"), Value::Null, 200)
        .await;
    let last = history["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["deed"], &last["actor_id"]),
        (&json!("deleted"), &json!(LEAD))
    );
    let trail = auditor
        .good("GET", "/v1/ticket-audit-logs", Value::Null, 200)
        .await;
    let newest = &trail["data"][0];
    assert_eq!(
        (
            &newest["action"],
            &newest["resource_type"],
            &newest["resource_id"],
            &newest["actor"]
        ),
        (
            &json!("delete"),
            &json!("ticket"),
            &made["id"],
            &json!(LEAD)
        )
    );
    // Its number is not given again.
    assert_eq!(shop.good("POST", PATH, asked(ANN), 201).await["number"], 2);
    let tally = "SELECT status || ' ' || sum(change) AS text FROM ticket_schema.ticket_tally
                 GROUP BY status HAVING sum(change) <> 0";
    assert_eq!(
        lines(&mut stage.database.owner().await, tally).await,
        ["open 1"]
    );
}

/// What waits to be told of it is told no more: nobody publishes here.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_deleted_ticket_stop() {
    let stage = stage().await;
    let shop = Caller::of(&stage, SCOPES, Some(SHOP));
    let api = crate::faults::process::starting(stage.herald(&["serve", "--only", "api"]));
    api.says(loadtest::harness::engine::RUNNING).await.unwrap();
    let (first, second) = (
        shop.good("POST", PATH, asked(ANN), 201).await,
        shop.good("POST", PATH, asked(ANN), 201).await,
    );
    let waiting =
        "SELECT ticket_id::text || ' ' || event_type AS text FROM ticket_schema.outbox ORDER BY id";
    let mut owner = stage.database.owner().await;
    assert_eq!(lines(&mut owner, waiting).await.len(), 2);
    let gone = shop.ask("DELETE", &format!("{PATH}/1"), &Value::Null).await;
    assert_eq!(gone.status, 204);
    let left = format!("{} ticket.created", id_of(&second));
    assert_eq!(
        lines(&mut owner, waiting).await,
        [left],
        "of {} nothing",
        id_of(&first)
    );
    crate::faults::process::end(&api).await;
}
