//! `/v1/audit-logs`, `/v1/system-events` and `/v1/metrics/hourly`: read by whom they are about.

use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, stage, told};

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_is_read_in_pages_and_exported_whole_by_its_tenant() {
    let stage = stage().await;
    let shop = key(&stage, "audit-logs:read", Some(SHOP));
    let other = key(&stage, "audit-logs:read", Some(OTHER));
    let operator = key(&stage, "admin", None);
    let mut owner = stage.database.owner().await;
    owner
        .batch_execute(&format!(
            "INSERT INTO notification_schema.audit_logs (tenant_id, actor, action, resource_type, resource_id, changes, created_at)
             SELECT CASE WHEN n % 2 = 0 THEN '{SHOP}'::uuid END, 'somebody', CASE WHEN n % 3 = 0 THEN 'delete' ELSE 'update' END,
                    'thing', n::text, '{{\"new\": {{\"a\": 1}}}}', now() - interval '1 hour' - interval '1 second' * (n / 4)
             FROM generate_series(1, 2400) AS n"
        ))
        .await
        .unwrap();
    let _engine = stage.start().await;
    let path = "/v1/audit-logs";
    let (mut seen, mut after, mut pages) = (vec![], String::new(), 0);
    loop {
        let query = format!("{path}?resource_type=thing&limit=200{after}");
        let page = json_of(&ask_as(&stage, &shop, "GET", &query, "").await);
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["resource_id"].clone()),
        );
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let distinct: std::collections::HashSet<String> = seen.iter().map(Value::to_string).collect();
    assert_eq!((seen.len(), distinct.len(), pages), (1_200, 1_200, 6));
    let query = format!("{path}?resource_type=thing&resource_id=6&action=delete&actor=somebody");
    let found = json_of(&ask_as(&stage, &shop, "GET", &query, "").await);
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(found["data"][0]["changes"], json!({ "new": { "a": 1 } }));
    for (key, count) in [(&shop, 1_200), (&operator, 2_400), (&other, 0)] {
        let query = format!("{path}/export?resource_type=thing");
        let answer = ask_as(&stage, key, "GET", &query, "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), count);
        assert!(
            lines
                .windows(2)
                .all(|two| two[0]["created_at"].as_str() >= two[1]["created_at"].as_str())
        );
    }
    let wrong = ask_as(
        &stage,
        &shop,
        "GET",
        &format!("{path}/export?actor=&limit=2&since=x"),
        "",
    )
    .await;
    assert_eq!(
        (
            told(&wrong),
            json_of(&wrong)["errors"].as_array().unwrap().len()
        ),
        (is(422, "invalid_query"), 3)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_figures_are_shown_to_whom_they_are_about_and_a_scrape_asks_no_table() {
    let stage = stage().await;
    let shop = key(&stage, "viewer", Some(SHOP));
    let operator = key(&stage, "viewer", None);
    let mut owner = stage.database.owner().await;
    owner
        .batch_execute(&format!(
            "SET search_path TO notification_schema;
             INSERT INTO admin_system_events (event_type, severity, description, tenant_id, is_resolved, resolved_at) VALUES
                 ('a', 'high', 'about the shop', '{SHOP}', false, NULL), ('b', 'low', 'over', '{SHOP}', true, now()),
                 ('c', 'high', 'of the other', '{OTHER}', false, NULL), ('d', 'critical', 'of all', NULL, false, NULL);
             INSERT INTO notification_metrics (tenant_id, date, hour, provider, message_type, total_sent, total_failed,
                 delivery_ms_total, delivery_buckets, delivery_counts)
             SELECT t, (now() AT TIME ZONE 'UTC')::date - 1, 12, p, 'email', 10, 1, 500, ARRAY[81, 200], ARRAY[9, 1]
             FROM (VALUES ('{SHOP}'::uuid), ('{OTHER}'::uuid)) AS of_tenant (t), (VALUES ('main'), ('second')) AS of_account (p);
             INSERT INTO counted_hours (hour, counted_marks, counted_at, closed_at)
             SELECT (date_trunc('day', now(), 'UTC') - interval '12 hours'), 0, now(), now()"
        ))
        .await
        .unwrap();
    let _engine = stage.start().await;
    let types = async |key: &str, query: &str| {
        let page =
            json_of(&ask_as(&stage, key, "GET", &format!("/v1/system-events{query}"), "").await);
        let data = page["data"].as_array().unwrap().iter();
        data.map(|it| it["type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(types(&shop, "").await, ["b", "a"]);
    assert_eq!(types(&shop, "?resolved=false&severity=high").await, ["a"]);
    let all = types(&operator, "?resolved=false").await;
    assert!(
        ["a", "c", "d"]
            .iter()
            .all(|it| all.contains(&(*it).to_owned())),
        "{all:?}"
    );
    let since = herald::runtime::clock::now() - jiff::SignedDuration::from_hours(48);
    let hours = async |key: &str, query: &str| {
        let path = format!("/v1/metrics/hourly?since={since}{query}");
        json_of(&ask_as(&stage, key, "GET", &path, "").await)["data"].clone()
    };
    let sum = hours(&shop, "").await;
    assert_eq!(
        (
            &sum[0]["sent"],
            &sum[0]["average_delivery_ms"],
            sum.as_array().unwrap().len()
        ),
        (&json!(20), &json!(50), 1)
    );
    let percentiles = ["p50_delivery_ms", "p95_delivery_ms", "p99_delivery_ms"];
    assert_eq!(
        percentiles.map(|name| sum[0][name].clone()),
        [json!(51), json!(16_881), json!(16_881)],
        "of both accounts together"
    );
    let each = hours(&shop, "&group_by=provider,channel").await;
    assert_eq!(each.as_array().unwrap().len(), 2);
    assert_eq!(
        (&each[0]["provider"], &each[0]["channel"], &each[0]["sent"]),
        (&json!("main"), &json!("email"), &json!(10))
    );
    assert_eq!(hours(&operator, "").await[0]["sent"], 40);
    let wrong =
        "/v1/metrics/hourly?since=2026-01-01T00:00:00Z&until=2026-06-01T00:00:00Z&group_by=x";
    let wrong = ask_as(&stage, &shop, "GET", wrong, "").await;
    assert_eq!(
        (
            told(&wrong),
            json_of(&wrong)["errors"].as_array().unwrap().len()
        ),
        (is(422, "invalid_query"), 2)
    );
    // However much is stored, a scrape reads what is in memory: it answers while the table cannot be read.
    owner
        .batch_execute(
            "BEGIN; LOCK TABLE notification_schema.notifications IN ACCESS EXCLUSIVE MODE",
        )
        .await
        .unwrap();
    let scrape = ask_as(&stage, &shop, "GET", "/metrics", "").await;
    assert!(
        scrape.status == 200 && String::from_utf8_lossy(&scrape.body).contains("herald_build_info")
    );
    owner.batch_execute("ROLLBACK").await.unwrap();
}
