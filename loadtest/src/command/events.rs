//! `loadtest events`

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::time::sleep;

use super::bench::BenchArguments;
use super::failure::Failure;
use super::measuring;
use crate::events::{EventTeller, EventVoice, SendgridKey, Telling};
use crate::harness::environment::Environment;
use crate::publisher::{Mix, Pace, Plan, Progress, Publisher};
use crate::seed::{SENDGRID_ACCOUNT, Target, seed_file, with_event_key};
use crate::simulator::{Provider, Simulator};

/// Longest wait for a step forward at the end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Unconfirmed messages at most.
const WINDOW: usize = 1_000;

/// Measure how many events of a provider an engine takes in while it delivers.
///
/// One engine on a fresh database and virtual host delivers mail at a rate, through SendGrid's simulator, which tells
/// so many events of each: signed, in batches, some twice, in no order. Exit code 1 when an event is missing.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// For how long messages are published, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    seconds: u64,

    /// Messages a second
    #[arg(long, value_name = "N", default_value_t = 1_000.0)]
    rate: f64,

    /// Events of each message
    #[arg(long, value_name = "N", default_value_t = 6)]
    each: usize,

    /// Most events of a call
    #[arg(long, value_name = "N", default_value_t = 500)]
    batch: usize,

    /// Calls at once
    #[arg(long, value_name = "N", default_value_t = 4)]
    connections: usize,

    /// How many people are written to
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    users: u32,

    #[command(flatten)]
    bench: BenchArguments,
}

pub(super) async fn events(arguments: Arguments) -> Result<(), Failure> {
    let work = async |environment: &Environment| measure(environment, &arguments).await;
    measuring::measure(&arguments.bench, "events", &[], work).await
}

async fn measure(environment: &Environment, arguments: &Arguments) -> Result<bool> {
    let key = SendgridKey::generate()?;
    let public = key.public()?;
    let telling = Telling {
        each: arguments.each,
        batch: arguments.batch.max(1),
        connections: arguments.connections.max(1),
        twice: 0.02,
    };
    let teller = Arc::new(EventTeller::start(
        EventVoice::Sendgrid(key),
        SENDGRID_ACCOUNT,
        telling,
    ));
    let simulator = Simulator::builder(Provider::SendGrid)
        .ledger(Arc::clone(&environment.ledger))
        .told_by(Some(Arc::clone(&teller)))
        .start()?;
    environment.engine.migrate().await?;
    let seed = seed_file(arguments.users, &[Target::from(&simulator)], false)?;
    let seed = with_event_key(&seed, &public)?;
    environment.engine.apply("events.toml", &seed).await?;
    let engine = environment.engine.start("one")?;
    engine.consumes().await?;
    teller.goes_to(vec![engine.url("")]);

    let mix = Mix {
        channels: "email=1".parse().map_err(anyhow::Error::msg)?,
        users: arguments.users,
        ..Mix::default()
    };
    let count = arguments.rate * Duration::from_secs(arguments.seconds).as_secs_f64();
    let mut plan = Plan::new(mix, rand::random(), "events");
    let publisher = Publisher::connect(environment.vhost.url()).await?;
    let progress = Arc::new(Progress::default());
    let pace = Pace::starting_now(arguments.rate);
    let began = Instant::now();
    let published = publisher
        .run(&mut plan, count as u64, pace, WINDOW, &progress)
        .await?;
    let (told, delivered) = (teller.told(), environment.ledger.accepted());
    let elapsed = began.elapsed().as_secs_f64();
    ensure!(published.failed == 0, "{:?}", published.first_error);
    let arrived = published.expected.acceptances();
    while environment.ledger.accepted() < arrived && began.elapsed() < PATIENCE * 3 {
        sleep(Duration::from_millis(20)).await;
    }
    let settled = teller.settle(PATIENCE).await;
    let whole = began.elapsed().as_secs_f64();
    let (calls, failed, average) = teller.calls();
    let (made, all) = (teller.made(), teller.told());
    println!(
        "while {:.0} messages a second were published for {elapsed:.1} s: {:.0} delivered and {:.0} events taken in a second",
        arguments.rate,
        delivered as f64 / elapsed,
        told as f64 / elapsed,
    );
    println!(
        "in all {all} events in {whole:.1} s ({:.0} a second), {calls} calls of up to {} events in {:.1} ms on average, {failed} \
         not answered with 2xx",
        all as f64 / whole,
        arguments.batch,
        average.as_secs_f64() * 1_000.0,
    );
    engine.signal("TERM")?;
    let ended = engine.ended(PATIENCE).await.context("the engine's end")?;
    let kept = "SELECT count(*) FROM notification_schema.email_logs";
    let kept = environment.database.count(kept).await?;
    println!("{made} told, {kept} kept, the engine ended with {ended}");
    Ok(settled && kept == made && made > 0)
}
