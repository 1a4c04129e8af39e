//! `loadtest fan-out`

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_postgres::Client;

use super::bench::BenchArguments;
use super::failure::Failure;
use super::measuring;
use crate::harness::engine::Engine;
use crate::harness::environment::Environment;
use crate::harness::http;
use crate::harness::usage::Sample;

/// Longest wait for the next part.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time from one look to the next.
const LOOK: Duration = Duration::from_millis(100);

/// Measure how fast a topic fans out, and in how much memory.
///
/// One engine on a fresh database and virtual host; so many people who all subscribe to one topic, and one notification to
/// it. It counts rows as they are accepted: their delivery goes on behind, unless `--later` puts it off. Exit code 1 when
/// somebody is left out or told twice.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Subscribers
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    subscribers: u64,

    /// Have nothing delivered meanwhile: what is accepted is due in an hour
    #[arg(long)]
    later: bool,

    #[command(flatten)]
    bench: BenchArguments,
}

pub(super) async fn fan_out(arguments: Arguments) -> Result<(), Failure> {
    let settings = measuring::fan_out_at_will();
    let work = async |environment: &Environment| measure(environment, &arguments).await;
    measuring::measure(&arguments.bench, "fan_out", &settings, work).await
}

async fn measure(environment: &Environment, arguments: &Arguments) -> Result<bool> {
    environment.engine.migrate().await?;
    let database = environment.database.connect().await?;
    let subscribers = arguments.subscribers;
    measuring::everybody_subscribes(&database, subscribers, "{\"plan\": \"pro\"}").await?;
    let (engine, key) = measuring::serving(environment).await?;
    let pid = engine.id();
    let before = Sample::take(pid)?;
    let began = Instant::now();
    let job = order(&engine, &database, &key, arguments.later).await?;
    let counts = until_finished(&engine, &key, &job).await?;
    let seconds = began.elapsed().as_secs_f64();
    let after = Sample::take(pid)?;
    println!(
        "{subscribers} subscribers in {seconds:.1} s: {:.0} rows a second; {:.2} cores of the engine",
        subscribers as f64 / seconds,
        (after.cpu_seconds() - before.cpu_seconds()) / seconds,
    );
    println!(
        "resident memory: {:.0} MB before, {:.0} MB behind it, {:.0} MB at most",
        before.resident_bytes as f64 / 1e6,
        after.resident_bytes as f64 / 1e6,
        after.resident_peak_bytes as f64 / 1e6,
    );
    println!("{counts}");
    let told = "SELECT count(*), count(DISTINCT user_id) FROM notification_schema.notifications";
    let told = database.query_one(told, &[]).await?;
    let (rows, people): (i64, i64) = (told.get(0), told.get(1));
    println!("{rows} notifications of {people} people");
    measuring::stop(&engine).await?;
    let wanted = i64::try_from(subscribers)?;
    Ok(rows == wanted && people == wanted)
}

/// Orders the fan-out; answers the path of its job.
async fn order(engine: &Engine, database: &Client, key: &str, later: bool) -> Result<String> {
    let mut order = json!({
        "version": 1, "channel": "in_app", "where": "plan == 'pro'",
        "content": { "title": "Version 2 is here", "body": "See what is new." },
    });
    if later {
        let due = database.query_one("SELECT to_char((now() + interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')", &[]).await?;
        let due = json!(due.try_get::<_, String>(0)?);
        let fields = order.as_object_mut().context("an object")?;
        fields.insert("send_at".to_owned(), due);
    }
    let job = ask(engine, key, "POST", "/v1/topics/all/notifications", &order).await?;
    let id = job
        .get("id")
        .and_then(Value::as_str)
        .context("the job's id")?;
    Ok(format!("/v1/jobs/{id}"))
}

/// Waits for the job's end, as long as it goes on; answers its counts.
async fn until_finished(engine: &Engine, key: &str, job: &str) -> Result<Value> {
    let (mut done, mut moved) = (Value::Null, Instant::now());
    loop {
        let stands = ask(engine, key, "GET", job, &Value::Null).await?;
        let field = |name: &str| stands.get(name).cloned().unwrap_or_default();
        if field("state") == "finished" {
            return Ok(field("counts"));
        }
        if field("done") != done {
            (done, moved) = (field("done"), Instant::now());
        }
        ensure!(moved.elapsed() < PATIENCE, "the job stands still: {stands}");
        sleep(LOOK).await;
    }
}

async fn ask(engine: &Engine, key: &str, method: &str, path: &str, body: &Value) -> Result<Value> {
    let bearer = format!("Authorization: Bearer {key}");
    let headers = [&*bearer, "Content-Type: application/json"];
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let answer = http::request(method, &engine.url(path), &headers, body.as_bytes()).await?;
    ensure!(
        (200..300).contains(&answer.status),
        "{path}: {}",
        answer.text()
    );
    Ok(serde_json::from_slice(&answer.body)?)
}
