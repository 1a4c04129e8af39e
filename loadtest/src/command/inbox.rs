//! `loadtest inbox`

mod login;
mod pages;
pub(super) mod timed;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use uuid::Uuid;

use super::bench::BenchArguments;
use super::failure::Failure;
use super::measuring;
use crate::harness::engine::Engine;
use crate::harness::environment::Environment;
use crate::harness::http;
use crate::harness::usage::Sample;
use crate::inbox::{self, PersonTokens, Shown};

/// Longest wait for a step forward.
const PATIENCE: Duration = Duration::from_secs(60);
/// Streams that are opened at once.
const AT_ONCE: usize = 100;
/// Time from one call that publishes to the next.
const BEAT: Duration = Duration::from_millis(50);
/// People of one call.
const TOGETHER: usize = 1_000;

/// Measure how soon what is sent in-app is shown by streams of inboxes.
///
/// One engine on a fresh database and virtual host; so many people, each with one stream, and so many notifications a
/// second by HTTP. With `--idle` nothing is sent: it says what a stream costs. Exit code 1 when something is missing.
///
///   loadtest inbox                       1,000 a second over 1,000 streams: stored to shown, CPU for each
///   loadtest inbox --streams 10000 --idle --seconds 60
///   loadtest inbox --alone               the same without streams: what the channel costs
///   loadtest inbox --login 10000000      a page's two calls; takes about 2 GB of disk for each million
///   loadtest inbox --console 10000000    the console's pages
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Streams, each of a person of its own
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    streams: usize,

    /// Notifications a second
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    rate: usize,

    /// For how long, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    seconds: u64,

    /// Send nothing
    #[arg(long)]
    idle: bool,

    /// Open no stream
    #[arg(long, conflicts_with = "idle")]
    alone: bool,

    /// Instead: store so many items, and time the two calls of a product's page (counts and the first page of the list)
    #[arg(long, value_name = "ITEMS", conflicts_with_all = ["idle", "console"])]
    login: Option<u64>,

    /// Instead: store so many notifications, and time the pages of the console
    #[arg(long, value_name = "ROWS", conflicts_with = "idle")]
    console: Option<u64>,

    #[command(flatten)]
    bench: BenchArguments,
}

pub(super) async fn inbox(arguments: Arguments) -> Result<(), Failure> {
    let streams = arguments.streams + 1_000;
    let settings = [
        ("HERALD__INBOX__STREAMS", streams.to_string()),
        ("HERALD__HTTP__CONNECTIONS", (streams + 1_000).to_string()),
        ("HERALD__HTTP__PERSON_RATE", "0".to_owned()),
    ];
    let work = async |environment: &Environment| match (arguments.login, arguments.console) {
        (Some(items), _) => login::measure(environment, &arguments, items).await,
        (_, Some(rows)) => pages::measure(environment, rows).await,
        (None, None) => measure(environment, &arguments).await,
    };
    measuring::measure(&arguments.bench, "inbox", &settings, work).await
}

async fn measure(environment: &Environment, arguments: &Arguments) -> Result<bool> {
    environment.engine.migrate().await?;
    let (engine, key) = measuring::serving(environment).await?;
    let crowd = Crowd::make(&engine, &key, arguments.streams).await?;
    let pid = engine.id();
    let before = Sample::take(pid)?;
    let shown = Arc::new(Shown::new()?);
    let mut readers = match arguments.alone {
        true => JoinSet::new(),
        false => crowd.open(&engine, &shown).await?,
    };
    sleep(Duration::from_secs(2)).await;
    let open = Sample::take(pid)?;
    let began = Instant::now();
    let sent = match arguments.idle {
        true => {
            sleep(Duration::from_secs(arguments.seconds)).await;
            0
        }
        false => crowd.send(&engine, &key, arguments).await?,
    };
    while arrived(environment, arguments, &shown).await? < sent
        && began.elapsed() < PATIENCE + Duration::from_secs(arguments.seconds)
    {
        sleep(Duration::from_millis(50)).await;
    }
    let elapsed = began.elapsed().as_secs_f64();
    let after = Sample::take(pid)?;
    let streams = arguments.streams as f64;
    if arguments.alone {
        let (many, cpu) = (sent as f64, after.cpu_seconds() - open.cpu_seconds());
        println!(
            "{sent} stored in {elapsed:.1} s ({:.0} a second): {:.3} ms of the engine's CPU for each, without streams",
            many / elapsed,
            cpu * 1_000.0 / many
        );
        measuring::stop(&engine).await?;
        return Ok(arrived(environment, arguments, &shown).await? == sent);
    }
    println!(
        "{} streams: {:.1} KiB of memory each; {:.2} cores in {elapsed:.1} s, {:.1} us a second for each stream",
        shown.open(),
        (open.resident_bytes.saturating_sub(before.resident_bytes)) as f64 / 1_024.0 / streams,
        (after.cpu_seconds() - open.cpu_seconds()) / elapsed,
        (after.cpu_seconds() - open.cpu_seconds()) / elapsed / streams * 1e6,
    );
    if sent > 0 {
        println!(
            "{sent} sent, {} shown ({:.0} a second)",
            shown.items(),
            shown.items() as f64 / elapsed
        );
        for (since, [half, most, all]) in shown.delays() {
            println!("{since} to shown: p50 {half:.1} ms, p99 {most:.1} ms, longest {all:.1} ms");
        }
        println!(
            "{:.3} ms of the engine's CPU for each, with its stream",
            (after.cpu_seconds() - open.cpu_seconds()) * 1_000.0 / sent as f64
        );
    }
    let broken = std::iter::from_fn(|| readers.try_join_next()).count();
    ensure!(broken == 0, "{broken} streams ended");
    measuring::stop(&engine).await?;
    Ok(shown.items() == sent)
}

/// What was shown; without streams, what is in inboxes.
async fn arrived(environment: &Environment, arguments: &Arguments, shown: &Shown) -> Result<usize> {
    if !arguments.alone {
        return Ok(shown.items());
    }
    let stored = "SELECT count(*) FROM notification_schema.inbox_items";
    Ok(usize::try_from(environment.database.count(stored).await?)?)
}

/// People with tokens.
struct Crowd {
    people: Vec<(Uuid, String)>,
}

impl Crowd {
    async fn make(engine: &Engine, key: &str, count: usize) -> Result<Self> {
        let PersonTokens(people) = PersonTokens::make(&engine.url(""), key, count).await?;
        Ok(Self { people })
    }

    /// Opens a stream of each.
    async fn open(&self, engine: &Engine, shown: &Arc<Shown>) -> Result<JoinSet<Result<()>>> {
        let url = engine.url("");
        let address = url
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let mut readers = JoinSet::new();
        for (at, (_, token)) in self.people.iter().enumerate() {
            let began = Instant::now();
            while at - shown.open() >= AT_ONCE {
                ensure!(
                    began.elapsed() < PATIENCE,
                    "only {} streams were opened",
                    shown.open()
                );
                sleep(Duration::from_millis(1)).await;
            }
            let (address, token, shown) = (address.clone(), token.clone(), Arc::clone(shown));
            readers.spawn(async move { inbox::read(&address, &token, shown).await });
        }
        let began = Instant::now();
        while shown.open() < self.people.len() {
            if let Some(ended) = readers.try_join_next() {
                ended??;
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "only {} streams were opened",
                shown.open()
            );
            sleep(Duration::from_millis(5)).await;
        }
        Ok(readers)
    }

    /// Sends to each in turn; answers how many.
    async fn send(&self, engine: &Engine, key: &str, arguments: &Arguments) -> Result<usize> {
        let beats = Duration::from_secs(arguments.seconds).as_millis() / BEAT.as_millis();
        let each = (arguments.rate * BEAT.as_millis() as usize / 1_000).clamp(1, TOGETHER);
        let (mut beat, mut calls, mut sent) = (interval(BEAT), JoinSet::new(), 0);
        for _ in 0..beats {
            beat.tick().await;
            let now = inbox::now().to_string();
            let people = self.people.iter().cycle().skip(sent % self.people.len());
            let notifications = people.take(each).map(|(id, _)| {
                json!({
                    "version": 1, "user_id": id, "channel": "in_app",
                    "content": { "title": now, "body": "It is on its way." },
                })
            });
            let body = json!({ "notifications": notifications.collect::<Vec<_>>() }).to_string();
            let url = engine.url("/v1/notifications/batch");
            let bearer = format!("Authorization: Bearer {key}");
            calls.spawn(async move {
                let headers = [&*bearer, "Content-Type: application/json"];
                http::request("POST", &url, &headers, body.as_bytes()).await
            });
            sent += each;
        }
        while let Some(answer) = calls.join_next().await {
            let answer = answer??;
            let refused = answer.text().contains("\"problem\"");
            ensure!(answer.status == 207 && !refused, "{}", answer.text());
        }
        Ok(sent)
    }
}
