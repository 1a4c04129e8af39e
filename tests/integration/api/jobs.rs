//! `/v1/jobs`: what runs is paused, goes on and is ended; large ones hold up nobody else's.

use diesel_async::SimpleAsyncConnection;
use herald::store::audit::DoneBy;
use herald::store::dead_letters::LetterFilter;
use serde_json::{Value, json};

use super::dlq::{ANA, BEN, desk, failed};
use super::door::{OTHER, SHOP, stage};
use super::users::Caller;
use crate::database::{PATIENCE, lines};

/// Asks for a job until it is as wanted.
async fn until(caller: &Caller<'_>, place: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let reached = async {
        loop {
            let job = caller.good("GET", place, Value::Null, 200).await;
            if wanted(&job) {
                return job;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap()
}

async fn ordered(caller: &Caller<'_>, rate: u32) -> String {
    let order = json!({ "all": true, "rate": rate });
    let job = caller.good("POST", "/v1/dlq/replay", order, 202).await;
    format!("/v1/jobs/{}", job["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_is_paused_goes_on_where_it_was_and_is_ended() {
    let stage = stage().await;
    let shop = Caller::of(&stage, "admin", Some(SHOP));
    let other = Caller::of(&stage, "admin", Some(OTHER));
    let mut owner = stage.database.owner().await;
    owner
        .batch_execute(&failed(SHOP, ANA, 1, 300))
        .await
        .unwrap();
    owner
        .batch_execute(&failed(OTHER, BEN, 1_001, 3))
        .await
        .unwrap();
    let _engine = stage.start().await;
    let slow = ordered(&shop, 1).await;
    until(&shop, &slow, |job| job["done"].as_u64() >= Some(5)).await;
    let turn = async |to: &str| {
        shop.good("POST", &format!("{slow}/{to}"), json!({}), 200)
            .await
    };
    let paused = turn("pause").await;
    assert_eq!(paused["state"], "paused");
    assert!(
        paused["done"].as_u64() < Some(100),
        "no further ahead than its rate: {paused}"
    );
    // Another one comes and goes meanwhile.
    let quick = ordered(&other, 100).await;
    until(&other, &quick, |job| job["state"] == "finished").await;
    let job = shop.good("GET", &slow, Value::Null, 200).await;
    assert_eq!(
        (&job["state"], &job["done"]),
        (&json!("paused"), &paused["done"])
    );
    let goes_on = turn("resume").await;
    assert_eq!(goes_on["state"], "running");
    until(&shop, &slow, |job| {
        job["done"].as_u64() > paused["done"].as_u64()
    })
    .await;
    let ended = turn("cancel").await;
    assert_eq!(ended["state"], "cancelled");
    assert!(ended["finished_at"].is_string());
    let again = shop
        .ask("POST", &format!("{slow}/resume"), &json!({}))
        .await;
    assert_eq!(again.status, 409);
    // What it had not come to is left as it was, and what it has done has a result each.
    let left = format!(
        "SELECT concat_ws(' ', count(*) FILTER (WHERE resolved), count(*) FILTER (WHERE NOT resolved)) AS text
         FROM notification_schema.notification_dlq WHERE tenant_id = '{SHOP}'"
    );
    let done = ended["done"].as_u64().unwrap();
    assert_eq!(
        lines(&mut owner, &left).await,
        [format!("{done} {}", 300 - done)]
    );
    let numbers = "SELECT concat_ws(' ', count(*), min(number), max(number)) AS text
                   FROM notification_schema.job_results r JOIN notification_schema.jobs j ON j.id = r.job_id
                   WHERE j.rate = 1";
    assert_eq!(
        lines(&mut owner, numbers).await,
        [format!("{done} 1 {done}")]
    );
    let trail = "SELECT concat_ws(' ', action, changes #>> '{new,state}') AS text
                 FROM notification_schema.audit_logs WHERE resource_type = 'job' AND changes #>> '{new,rate}' IS NULL
                 ORDER BY created_at";
    let expected = ["update paused", "update running", "update cancelled"];
    assert_eq!(lines(&mut owner, trail).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_job_and_one_that_cannot_go_on_hold_up_nobody_elses() {
    let stage = stage().await;
    let shop = Caller::of(&stage, "admin", Some(SHOP));
    let other = Caller::of(&stage, "admin", Some(OTHER));
    let mut owner = stage.database.owner().await;
    owner
        .batch_execute(&failed(SHOP, ANA, 1, 5_000))
        .await
        .unwrap();
    owner
        .batch_execute(&failed(OTHER, BEN, 10_001, 3))
        .await
        .unwrap();
    let desk = desk(&stage.database).await;
    let order = async |tenant: &str, rate| {
        let filter = LetterFilter {
            tenant_id: Some(tenant.parse().unwrap()),
            resolved: Some(false),
            ..LetterFilter::default()
        };
        let job = desk.order(filter, rate, DoneBy::command_line()).await;
        format!("/v1/jobs/{}", job.unwrap().id)
    };
    let broken = order(OTHER, 100).await;
    let large = order(SHOP, 10_000).await;
    let small = order(OTHER, 100).await;
    // What a job is to do cannot be read: it is tried again, behind the others.
    let id = broken.rsplit('/').next().unwrap();
    let spoil = format!(
        "UPDATE notification_schema.jobs SET filter = '{{\"colour\": 1}}' WHERE id = '{id}'"
    );
    owner.batch_execute(&spoil).await.unwrap();
    let _engine = stage.start().await;
    until(&other, &small, |job| job["state"] == "finished").await;
    let job = shop.good("GET", &large, Value::Null, 200).await;
    assert_eq!(
        job["state"], "running",
        "it has not had to wait for all of it: {job}"
    );
    until(&shop, &large, |job| job["state"] == "finished").await;
}
