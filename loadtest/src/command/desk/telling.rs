//! How soon whoever a ticket is given to has it in their inbox.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::PATIENCE;
use crate::harness::engine::Engine;
use crate::harness::environment::Environment;
use crate::harness::http;
use crate::inbox::{self, PersonTokens, Shown};

/// Time from one ticket to the next: nothing else happens.
const BEAT: Duration = Duration::from_millis(150);
/// 99 of 100 must be told within so many milliseconds.
const MOST: f64 = 200.0;
/// The title says when the ticket was asked for.
const FILE: &str = r#"
[[templates]]
name = "desk-given"
message_type = "in_app"
title = "{{ data.subject }}"
body = "It is yours."
[[workflows]]
name = "desk-given"
on = "ticket.assigned"
recipients = ["data.assignee_id"]
[[workflows.steps]]
send = { channel = "in_app", template = "desk-given" }
"#;

/// Makes tickets one by one, and says whether they were told of soon enough.
pub(super) async fn measure(
    environment: &Environment,
    engine: &Engine,
    key: &str,
    many: usize,
) -> Result<bool> {
    let PersonTokens(people) = PersonTokens::make(&engine.url(""), key, 1).await?;
    let (agent, token) = people.into_iter().next().context("nobody")?;
    environment.engine.apply("desk.toml", FILE).await?;
    ask(
        engine,
        key,
        ("PUT", &format!("/v1/staff/{agent}")),
        &json!({ "name": "Ada" }),
    )
    .await?;
    let category = json!({ "name": "given", "staff": [{ "id": agent, "is_primary": true }] });
    ask(engine, key, ("POST", "/v1/ticket-categories"), &category).await?;
    let shown = Arc::new(Shown::new()?);
    let url = engine.url("");
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let mut stream = JoinSet::new();
    let told = Arc::clone(&shown);
    stream.spawn(async move { inbox::read(&address, &token, told).await });
    wait(|| shown.open() > 0).await?;
    for _ in 0..many {
        let ticket = json!({
            "subject": inbox::now().to_string(), "description": "It burns.", "category": "given",
            "requester_id": "0190c1a0-0000-7000-9000-000000000001",
        });
        ask(engine, key, ("POST", "/v1/tickets"), &ticket).await?;
        sleep(BEAT).await;
    }
    wait(|| shown.items() >= many).await?;
    ensure!(stream.try_join_next().is_none(), "the stream ended");
    let mut good = true;
    for (since, [half, most, all]) in shown.delays() {
        println!("{since} to shown: p50 {half:.1} ms, p99 {most:.1} ms, longest {all:.1} ms");
        good &= most <= MOST;
    }
    println!(
        "{many} tickets, of which {} were shown to their assignee (published: asked for)",
        shown.items()
    );
    Ok(good && shown.items() == many)
}

async fn wait(true_at_last: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !true_at_last() {
        ensure!(began.elapsed() < PATIENCE, "nobody is told");
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

async fn ask(engine: &Engine, key: &str, (method, path): (&str, &str), body: &Value) -> Result<()> {
    let bearer = format!("Authorization: Bearer {key}");
    let headers = [&*bearer, "Content-Type: application/json"];
    let answer = http::request(
        method,
        &engine.url(path),
        &headers,
        body.to_string().as_bytes(),
    )
    .await?;
    ensure!(answer.status < 300, "{path}: {}", answer.text());
    Ok(())
}
