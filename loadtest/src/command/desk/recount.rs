//! The clocks of many tickets after a changed rule, while others write.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::time::sleep;

use super::PATIENCE;
use crate::command::inbox::timed::{times, told};
use crate::harness::engine::Engine;
use crate::harness::environment::Environment;
use crate::harness::http;

/// It must end within this.
const MOST: Duration = Duration::from_secs(60);
/// Time from one write to the next.
const BEAT: Duration = Duration::from_millis(20);
/// The recount that is asked for.
const ASKED: &str = "SELECT count(*) FROM ticket_schema.clock_recounts";
/// Tickets whose clocks it changes.
const CONCERNED: &str = "SELECT count(*) FROM ticket_schema.support_tickets WHERE category = 'c0' AND status <> 'closed'";

/// Changes a rule, and says whether all clocks followed soon enough.
pub(super) async fn measure(environment: &Environment, engine: &Engine, key: &str) -> Result<bool> {
    let concerned = environment.database.count(CONCERNED).await?;
    let targets = json!({ "first_response_minutes": 90, "next_response_minutes": 120, "resolution_minutes": 600_000 });
    let rules = json!({ "name": "c0", "targets": { "urgent": targets, "high": targets, "normal": targets, "low": targets } });
    let began = Instant::now();
    ask(engine, key, "/v1/ticket-categories", &rules, 200).await?;
    let mut writes = times()?;
    let mut number = 10_u64;
    loop {
        // Tickets of the same category are written meanwhile.
        let path = format!("/v1/tickets/{number}/comments");
        let reply = json!({ "author_id": "0190c1a0-0000-7000-8000-00000000d000", "comment": "meanwhile", "internal": true });
        let asked = Instant::now();
        ask(engine, key, &path, &reply, 201).await?;
        writes.saturating_record(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
        number = if number + 10 > concerned * 10 {
            10
        } else {
            number + 10
        };
        if environment.database.count(ASKED).await? == 0 {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "the recount does not end");
        sleep(BEAT).await;
    }
    let took = began.elapsed();
    println!(
        "{concerned} tickets computed anew in {:.1} s after a changed rule; {} writes of the same meanwhile: {}",
        took.as_secs_f64(),
        writes.len(),
        told(&writes)
    );
    Ok(took <= MOST)
}

async fn ask(
    engine: &Engine,
    key: &str,
    path: &str,
    body: &serde_json::Value,
    wanted: u16,
) -> Result<()> {
    let bearer = format!("Authorization: Bearer {key}");
    let headers = [&*bearer, "Content-Type: application/json"];
    let url = engine.url(path);
    let answer = http::request("POST", &url, &headers, body.to_string().as_bytes()).await?;
    ensure!(answer.status == wanted, "{path}: {}", answer.text());
    Ok(())
}
