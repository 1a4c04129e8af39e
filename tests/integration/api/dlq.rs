//! `/v1/dlq` and `/v1/jobs`: what failed is looked at, sent again one by one or as a job, or dealt with.

use diesel_async::SimpleAsyncConnection;
use herald::ops::control::{Desk, LetterDesk};
use herald::runtime::{Ending, Shutdown, Tasks};
use herald::store::audit::DoneBy;
use herald::store::dead_letters::LetterFilter;
use loadtest::harness::http::Answer;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, stage, told};
use super::fan_outs::runner;
use crate::database::{PATIENCE, TestDatabase, lines};
use crate::stage::Stage;

const PATH: &str = "/v1/dlq";
pub(super) const ANA: &str = "0190c1a0-0000-7000-8000-000000000001";
pub(super) const BEN: &str = "0190c1a0-0000-7000-8000-000000000002";

/// So many failed notifications of a tenant with their dead letters; several failed in one moment.
pub(super) fn failed(tenant: &str, user: &str, first: u32, count: u32) -> String {
    format!(
        "SET search_path TO notification_schema;
         INSERT INTO users (id, tenant_id, email) VALUES ('{user}', '{tenant}', '{user}@example.com')
             ON CONFLICT DO NOTHING;
         INSERT INTO notifications (id, tenant_id, user_id, idempotency_key, message_type, priority, payload,
                                    status, reason, failed_at, provider)
         SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '70008'
                 || lpad(to_hex(n), 15, '0'))::uuid,
                '{tenant}', '{user}', lpad(to_hex(n), 64, '0'), 'email', 'normal',
                '{{\"content\": {{\"subject\": \"Hi\", \"body\": \"Hello\"}}}}', 'failed', 'retries_exhausted', now(),
                CASE WHEN n % 2 = 0 THEN 'main' ELSE 'second' END
         FROM generate_series({first}, {first} + {count} - 1) AS n;
         INSERT INTO notification_dlq (tenant_id, notification_id, failure_reason, moved_to_dlq_at)
         SELECT tenant_id, id, reason, now() - interval '1 second' * (row_number() OVER ())::integer / 3
         FROM notifications n WHERE tenant_id = '{tenant}' AND status = 'failed'
           AND NOT EXISTS (SELECT FROM notification_dlq d WHERE d.notification_id = n.id);"
    )
}

async fn post(stage: &Stage, key: &str, path: &str, body: Value) -> Answer {
    ask_as(stage, key, "POST", path, &body.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_replayed_and_resolved_by_their_tenant_alone() {
    let stage = stage().await;
    let shop = key(&stage, "dlq:read,dlq:write", Some(SHOP));
    let other = key(&stage, "dlq:read,dlq:write", Some(OTHER));
    let reader = key(&stage, "dlq:read", Some(SHOP));
    let mut owner = stage.database.owner().await;
    owner.batch_execute(&failed(SHOP, ANA, 1, 4)).await.unwrap();
    owner
        .batch_execute(&failed(OTHER, BEN, 11, 1))
        .await
        .unwrap();
    let _engine = stage.start().await;
    let list = async |key: &str, query: &str| {
        let answer = ask_as(&stage, key, "GET", &format!("{PATH}{query}"), "").await;
        assert_eq!(answer.status, 200, "{query}");
        json_of(&answer)
    };
    let page = list(&shop, "?limit=3").await;
    let next = page["next"].as_str().unwrap();
    let rest = list(&shop, &format!("?limit=3&after={next}")).await;
    let mut all = page["data"].as_array().unwrap().clone();
    all.extend(rest["data"].as_array().unwrap().iter().cloned());
    let mut ids: Vec<&str> = all.iter().map(|it| it["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    let count = |page: &Value| page["data"].as_array().unwrap().len();
    assert_eq!(
        count(
            &list(
                &shop,
                "?provider=main&reason=retries_exhausted&channel=email"
            )
            .await
        ),
        2
    );
    assert_eq!(count(&list(&shop, "?channel=sms").await), 0);
    assert_eq!(count(&list(&shop, "?resolved=true").await), 0);
    assert_eq!(count(&list(&other, "").await), 1);
    let wrong = ask_as(
        &stage,
        &shop,
        "GET",
        &format!("{PATH}?reason=expired&resolved=x"),
        "",
    )
    .await;
    assert_eq!(json_of(&wrong)["errors"].as_array().unwrap().len(), 2);
    let one = format!("{PATH}/{}", ids[0]);
    let whole = json_of(&ask_as(&stage, &reader, "GET", &one, "").await);
    assert_eq!(
        (&whole["id"], &whole["history"]),
        (&json!(ids[0]), &json!([]))
    );
    for (key, method, path) in [
        (&other, "GET", one.clone()),
        (&other, "POST", format!("{one}/replay")),
        (&other, "POST", format!("{one}/resolve")),
        (&shop, "GET", format!("{PATH}/{}", Uuid::now_v7())),
        (&shop, "GET", format!("{PATH}/none")),
    ] {
        assert_eq!(
            told(&ask_as(&stage, key, method, &path, "").await),
            is(404, "not_found"),
            "{path}"
        );
    }
    let refused = ask_as(&stage, &reader, "POST", &format!("{one}/replay"), "").await;
    assert_eq!(told(&refused), is(403, "missing_scope"));
    let replayed = ask_as(&stage, &shop, "POST", &format!("{one}/replay"), "").await;
    assert_eq!(replayed.status, 200);
    let again = ask_as(&stage, &shop, "POST", &format!("{one}/replay"), "").await;
    assert_eq!(
        (told(&again), &json_of(&again)["state"]),
        (is(409, "not_replayed"), &json!("not_failed"))
    );
    let two = format!("{PATH}/{}/resolve", ids[1]);
    let resolved = json_of(&post(&stage, &shop, &two, json!({ "note": "called them" })).await);
    assert_eq!(
        (&resolved["resolved"], &resolved["note"]),
        (&json!(true), &json!("called them"))
    );
    assert_eq!(
        told(&post(&stage, &shop, &two, json!({})).await),
        is(409, "already_resolved")
    );
    let bad = post(&stage, &shop, &two, json!({ "note": "", "x": 1 })).await;
    assert_eq!(
        (
            told(&bad),
            json_of(&bad)["errors"].as_array().unwrap().len()
        ),
        (is(422, "invalid_body"), 2)
    );
    let audited =
        "SELECT action || ' ' || resource_type AS text FROM notification_schema.audit_logs
                   WHERE resource_type = 'dead_letter' ORDER BY created_at";
    assert_eq!(
        lines(&mut owner, audited).await,
        ["replay dead_letter", "resolve dead_letter"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_many_is_a_job_of_its_tenant_that_is_previewed_paused_and_reported() {
    let stage = stage().await;
    let shop = key(&stage, "dlq:read,dlq:write", Some(SHOP));
    let other = key(&stage, "dlq:read,dlq:write", Some(OTHER));
    let mut owner = stage.database.owner().await;
    owner.batch_execute(&failed(SHOP, ANA, 1, 6)).await.unwrap();
    owner
        .batch_execute(&failed(OTHER, BEN, 11, 3))
        .await
        .unwrap();
    let late = "UPDATE notifications SET expires_at = now() - interval '1 hour' WHERE idempotency_key LIKE '%02'";
    owner.batch_execute(late).await.unwrap();
    let _engine = stage.start().await;
    let path = format!("{PATH}/replay");
    let nothing = post(&stage, &shop, &path, json!({ "filter": {} })).await;
    assert_eq!(told(&nothing), is(422, "invalid_body"), "all must be said");
    let order = json!({ "filter": { "provider": "main" }, "dry_run": true });
    let plan = json_of(&post(&stage, &shop, &path, order).await);
    assert_eq!(
        plan,
        json!({ "planned": 3, "judged": 3, "by_result": { "replayed": 2, "expired": 1 } })
    );
    let order = json!({ "filter": { "provider": "main" } });
    let answer = post(&stage, &shop, &path, order).await;
    assert_eq!(answer.status, 202);
    let place = answer.headers["location"].to_str().unwrap().to_owned();
    let finished = async {
        loop {
            let job = json_of(&ask_as(&stage, &shop, "GET", &place, "").await);
            if job["state"] == "finished" {
                return job;
            }
            tokio::task::yield_now().await;
        }
    };
    let job = tokio::time::timeout(PATIENCE, finished).await.unwrap();
    assert_eq!((&job["planned"], &job["done"]), (&json!(3), &json!(3)));
    assert_eq!(job["counts"], plan["by_result"], "as it was previewed");
    let results = json_of(&ask_as(&stage, &shop, "GET", &format!("{place}/results"), "").await);
    assert_eq!(results["data"].as_array().unwrap().len(), 3);
    let ended = ask_as(&stage, &shop, "POST", &format!("{place}/pause"), "").await;
    assert_eq!(told(&ended), is(409, "job_ended"));
    for (method, what) in [
        ("GET", ""),
        ("GET", "/results"),
        ("POST", "/pause"),
        ("POST", "/cancel"),
    ] {
        let answer = ask_as(&stage, &other, method, &format!("{place}{what}"), "").await;
        assert_eq!(told(&answer), is(404, "not_found"), "{what}");
    }
    let touched = "SELECT count(*)::text AS text FROM notification_schema.notification_dlq d
                   WHERE d.resolved GROUP BY tenant_id";
    assert_eq!(lines(&mut owner, touched).await, ["2"], "of one tenant");
}

/// A desk on a database, without an engine.
pub(super) async fn desk(database: &TestDatabase) -> LetterDesk {
    let desk = Desk {
        database: database.pool().await,
        tasks: Tasks::new(Handle::current()),
    };
    LetterDesk { desk }
}

/// The runner is killed twice while it works; whoever comes after it goes on where it was.
#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "the test kills the runners that it starts"
)]
async fn a_job_of_25_001_that_is_killed_twice_replays_each_once_as_previewed() {
    const ALL: u64 = 25_001;
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    let tenants = format!(
        "INSERT INTO notification_schema.tenants (id, name) VALUES ('{SHOP}', 'shop'), ('{OTHER}', 'other')"
    );
    owner.batch_execute(&tenants).await.unwrap();
    owner
        .batch_execute(&failed(SHOP, ANA, 1, 25_001))
        .await
        .unwrap();
    owner
        .batch_execute(&failed(OTHER, BEN, 30_001, 10))
        .await
        .unwrap();
    let desk = desk(&database).await;
    let filter = LetterFilter {
        tenant_id: Some(SHOP.parse().unwrap()),
        resolved: Some(false),
        ..LetterFilter::default()
    };
    let preview = desk.preview(filter.clone()).await.unwrap();
    let judged = preview.judged;
    assert!((1..=2_000).contains(&judged), "a request is bounded");
    assert_eq!(
        (preview.planned, preview.by_result["replayed"]),
        (ALL, judged)
    );
    let by = DoneBy::command_line();
    let job = desk.order(filter, 10_000, by).await.unwrap();
    assert_eq!(job.planned, ALL);
    let done = async || desk.job(None, job.id).await.unwrap().done;
    let until = async |wanted: u64| while done().await < wanted {};
    for wanted in [5_000, 15_000] {
        let runner = tokio::spawn(runner(&database.pool().await, Shutdown::new()).run());
        tokio::time::timeout(PATIENCE * 3, until(wanted))
            .await
            .unwrap();
        runner.abort();
        assert!(runner.await.unwrap_err().is_cancelled());
        assert!(done().await < ALL, "it was killed on its way");
    }
    let stop = Shutdown::new();
    // Two at once, as on two nodes.
    let runners = [(); 2].map(|()| stop.clone());
    let pool = database.pool().await;
    let runners = runners.map(|stop| tokio::spawn(runner(&pool, stop).run()));
    let finished = async { while desk.job(None, job.id).await.unwrap().finished_at.is_none() {} };
    tokio::time::timeout(PATIENCE * 3, finished).await.unwrap();
    stop.raise(Ending::Asked);
    for runner in runners {
        runner.await.unwrap();
    }
    let job = desk.job(None, job.id).await.unwrap();
    assert_eq!((job.done, job.counts["replayed"]), (ALL, ALL));
    let facts = "SELECT concat_ws(' ', n.tenant_id, n.status, count(*), sum(jsonb_array_length(n.attempts)),
                                  count(DISTINCT r.notification_id)) AS text
                 FROM notification_schema.notifications n
                 LEFT JOIN notification_schema.job_results r ON r.notification_id = n.id
                 GROUP BY n.tenant_id, n.status ORDER BY 1";
    let facts = lines(&mut owner, facts).await;
    let expected = [
        format!("{SHOP} pending {ALL} {ALL} {ALL}"),
        format!("{OTHER} failed 10 0 0"),
    ];
    assert_eq!(facts, expected, "each once, and nobody else's");
}
