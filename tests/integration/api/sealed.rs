//! Tenants are sealed off from each other: every operation of the served OpenAPI document is tried with
//! what is another tenant's. One that this test does not know how to try fails it.
//!
//! What it asks about is made by the examples of the document, so that these are tried, too.

use std::collections::BTreeMap;

use serde_json::json;

use super::document::Operation;
use super::door::{OTHER, SHOP, ask, ask_as, json_of, key, stage};
use super::things::Things;
use super::user_tokens::{ANN, issued, person};
use crate::database::lines;
use crate::stage::Stage;

/// Rows of a tenant, by table; what an engine writes or empties by itself is left out.
async fn rows_of(stage: &Stage, tenant: &str) -> BTreeMap<String, String> {
    let mut owner = stage.database.owner().await;
    let tables = "SELECT n.nspname || '.' || c.relname AS text FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('notification_schema', 'ticket_schema')
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT IN
           ('clock_recounts', 'delivery_minutes', 'intake', 'ledger_hours', 'notification_deduplication', 'notification_metrics',
            'ticket_tally')
         ORDER BY 1";
    let mut rows = BTreeMap::new();
    for table in lines(&mut owner, tables).await {
        // An engine works on these beside us.
        let by_count = ["webhook_deliveries", "jobs", "notifications"];
        let name = table.rsplit('.').next().unwrap();
        let told = if by_count.contains(&name) {
            "count(*)::text".to_owned()
        } else {
            let left_out =
                "'last_used_at,updated_at,failing_since,last_failed_at,disabled_reason,is_active'";
            let row = format!("(to_jsonb(t) - string_to_array({left_out}, ','))::text");
            format!("count(*) || ' ' || coalesce(md5(string_agg({row}, '' ORDER BY {row})), '')")
        };
        let query = format!("SELECT {told} AS text FROM {table} t WHERE tenant_id = '{tenant}'");
        rows.insert(table, lines(&mut owner, &query).await.concat());
    }
    rows
}

async fn audited(stage: &Stage) -> Vec<String> {
    let mut owner = stage.database.owner().await;
    let query = "SELECT count(*)::text AS text FROM notification_schema.audit_logs";
    lines(&mut owner, query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_tenants_is_not_there_for_any_operation() {
    let stage = stage().await;
    let (shop, other) = (
        key(&stage, "admin", Some(SHOP)),
        key(&stage, "admin", Some(OTHER)),
    );
    let little = [
        key(&stage, "metrics:read", Some(SHOP)),
        key(&stage, "webhooks:read", Some(SHOP)),
    ];
    let _engine = stage.start().await;
    let document = json_of(&ask(&stage, "GET", "/openapi.json", &[], "").await);
    let operations = Operation::all(&document);
    let things = Things::make(&stage, &other, &operations).await;
    person(&stage, &shop, ANN).await;
    let token = issued(&stage, &shop, ANN, &json!({})).await;
    let mut wrong = vec![];
    let before = (rows_of(&stage, OTHER).await, audited(&stage).await);
    for it in operations
        .iter()
        .filter(|it| it.scope.is_some() || it.grant.is_some())
    {
        let path = match things.path(it) {
            Ok(path) => path,
            Err(why) => {
                wrong.push(why);
                continue;
            }
        };
        let body = it.body_text();
        let mut expect = |what: &str, answer: &loadtest::harness::http::Answer, is: (u16, &str)| {
            let code = serde_json::from_slice(&answer.body).unwrap_or(json!({}));
            if answer.status != is.0 || code["code"] != is.1 {
                let told = (answer.status, code["code"].as_str().unwrap_or_default());
                wrong.push(format!("{} {path} {what}: {told:?}, not {is:?}", it.method));
            }
        };
        let kind = "Content-Type: application/json";
        match &it.grant {
            None => {
                let told = ask_as(&stage, &token, &it.method, &path, &body).await;
                expect("with a user token", &told, (403, "user_token_not_allowed"));
            }
            Some(_) if !it.things().is_empty() => {
                let told = ask_as(&stage, &token, &it.method, &path, &body).await;
                expect("with another person's token", &told, (404, "not_found"));
            }
            Some(_) => {}
        }
        if it.scope.is_none() {
            let told = ask_as(&stage, &shop, &it.method, &path, &body).await;
            expect("with a key", &told, (403, "user_token_required"));
            let told = ask(&stage, &it.method, &path, &[kind], &body).await;
            expect("without a token", &told, (401, "missing_token"));
            continue;
        }
        let without = ask(&stage, &it.method, &path, &[kind], &body).await;
        expect("without a key", &without, (401, "missing_key"));
        let lacks = little.iter().zip(["metrics:read", "webhooks:read"]);
        let mut lacks = lacks.filter(|(_, has)| it.scope.as_deref() != Some(has));
        let lacking = ask_as(&stage, lacks.next().unwrap().0, &it.method, &path, &body).await;
        expect("without the scope", &lacking, (403, "missing_scope"));
        let (bearer, of) = (
            format!("Authorization: Bearer {shop}"),
            format!("Herald-Tenant: {OTHER}"),
        );
        let naming = ask(&stage, &it.method, &path, &[&bearer, &of, kind], &body).await;
        if it.is_operators {
            expect("of an operator", &naming, (403, "operator_required"));
            continue;
        }
        expect("naming the tenant", &naming, (404, "not_found"));
        // What a tenant names itself is made anew by PUT, beside another's of the name; a topic by its subscribers as well.
        let makes = it.method == "PUT"
            && (it.path.ends_with("/{name}")
                || ["/v1/topics/{name}/subscribers", "/v1/staff/{id}"].contains(&&*it.path));
        if !it.things().is_empty() && !makes {
            // A list of a thing's parts as well: an empty page would say that there is the thing.
            let answer = ask_as(&stage, &shop, &it.method, &path, &body).await;
            expect("with another's", &answer, (404, "not_found"));
        }
    }
    let after = (rows_of(&stage, OTHER).await, audited(&stage).await);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(before, after, "something was written");
    lists_hold_ones_own(&stage, (&shop, &other), &operations, &things).await;
    let same = rows_of(&stage, OTHER).await;
    for it in operations
        .iter()
        .filter(|it| it.scope.is_some() && it.things().is_empty())
    {
        // What is made anew is one's own, whatever its body names.
        let answer = ask_as(&stage, &shop, &it.method, &it.path, &it.body_text()).await;
        assert!(answer.status < 500, "{it:?}: {}", answer.text());
    }
    assert_eq!(same, rows_of(&stage, OTHER).await, "something was written");
}

/// Lists show nothing of the other tenant, and know none of its cursors.
async fn lists_hold_ones_own(
    stage: &Stage,
    (shop, other): (&str, &str),
    operations: &[Operation],
    things: &Things,
) {
    for it in operations {
        if it.method != "GET" || it.scope.is_none() || it.is_operators || !it.things().is_empty() {
            continue;
        }
        let answer = ask_as(stage, shop, "GET", &it.path, "").await;
        assert!(answer.status < 500, "{it:?}: {}", answer.text());
        for name in things.names() {
            assert!(!answer.text().contains(name), "{it:?} shows {name}");
        }
        if !it.is_list {
            continue;
        }
        let page = json_of(&ask_as(stage, other, "GET", &format!("{}?limit=1", it.path), "").await);
        if let Some(next) = page["next"].as_str() {
            let path = format!("{}?after={next}", it.path);
            let answer = ask_as(stage, shop, "GET", &path, "").await;
            let code = json_of(&answer)["errors"][0]["code"].clone();
            assert_eq!(
                (answer.status, code),
                (422, json!("invalid_cursor")),
                "{it:?}"
            );
        }
    }
}
