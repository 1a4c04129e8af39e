//! `loadtest growth`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::bench::{BenchArguments, report, store};
use super::failure::Failure;
use super::signal;
use crate::measure::{Bench, Growth, Refused, Series, Setup, Work, setups};
use crate::publisher::Mix;

const REPORT_EVERY: Duration = Duration::from_secs(2);
/// Unconfirmed messages at most.
const WINDOW: usize = 1_000;
/// Each run has 2^24 sequences of its own.
const MOST_MESSAGES: u64 = 1 << 24;

/// Measure what a notification costs as things grow: rows stored, people, tenants, lanes, nodes.
///
/// Every point is a database that was filled for it; each run has a copy of it and a fresh virtual
/// host. All messages are published before the nodes start. The points take turns, round by round,
/// and are divided by the first of their axis within the round. Ten million rows need some 25 GB of
/// disk at the database server, half of it only while it is measured. Exit code 1 when a run fails, or
/// loses, repeats or does not store anything.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An axis of rows, users, tenants, lanes, nodes, alone or with its points (rows=10k,1M); may be
    /// repeated [default: all, with their usual points]
    #[arg(long, value_name = "AXIS")]
    axis: Vec<Series>,

    /// What all axes have in common, if not 10k rows, 10k users, 1 tenant, 16 lanes, 1 node: such as
    /// users=1M; may be repeated
    #[arg(long, value_name = "AXIS=N")]
    base: Vec<Series>,

    /// How many times each point is measured
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,

    /// How many messages each time
    #[arg(long, value_name = "N", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..=MOST_MESSAGES))]
    count: u64,

    /// Messages a second, published while the nodes work; 0 publishes all before they begin
    #[arg(long, value_name = "N", default_value_t = 0.0)]
    rate: f64,

    /// How many read by HTTP while the load is delivered: one by its id and a page of a person's list in turn
    #[arg(long, value_name = "N", default_value_t = 0)]
    readers: usize,

    #[command(flatten)]
    bench: BenchArguments,

    /// Begin each run right after a checkpoint, when the first change of every page is logged whole;
    /// else the pages that the load hits by chance are touched before, as in a database at work
    #[arg(long)]
    after_checkpoint: bool,

    /// A setting of all nodes, such as HERALD__ENGINE__RECIPIENT_CACHE_SIZE=1000000; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,

    /// Seed of the load: the same one publishes the same messages [default: random, printed]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// Write everything as JSON, after every run
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the tables as Markdown, after every run
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) async fn growth(arguments: Arguments) -> Result<(), Failure> {
    let ended = signal::ended().map_err(Failure::while_doing("signal handlers"))?;
    let work = Work {
        // Mix and patience are the points' own.
        mix: Mix::default(),
        seed: arguments.seed.unwrap_or_else(rand::random),
        count: arguments.count,
        rate: arguments.rate,
        window: WINDOW,
        backlog: arguments.rate <= 0.0,
        readers: arguments.readers,
        warm_up: !arguments.after_checkpoint,
        servers: true,
        patience: Duration::ZERO,
        progress: Arc::default(),
    };
    let mut growth = Growth {
        count: work.count,
        seed: work.seed,
        after_checkpoint: arguments.after_checkpoint,
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        base: Setup::base(&arguments.base),
        series: match arguments.axis.as_slice() {
            [] => Series::usual(),
            given => given.to_vec(),
        },
        measured: Vec::new(),
        refused: Vec::new(),
    };
    // The people are this measurement's own.
    let mut bench = arguments.bench.prepare("growth", 0)?;
    let measured = tokio::select! {
        measured = measure(&mut bench, &mut growth, &work, &arguments) => measured,
        () = ended => Err(Failure::Failed("ended by a signal".to_owned())),
    };
    // Whatever came of it, nothing of ours stays on the servers.
    println!("removing what was made");
    let cleared = bench.clear().await;
    println!("\n{}", growth.markdown());
    measured?;
    cleared.map_err(Failure::while_doing("cleaning up"))?;
    match growth.faults().is_empty() {
        true => Ok(()),
        false => Err(Failure::Fault),
    }
}

async fn measure(
    bench: &mut Bench,
    growth: &mut Growth,
    work: &Work,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let mut order = setups(&growth.series, growth.base);
    let filled = bench.fill(&order).await;
    filled.map_err(Failure::while_doing("filling databases"))?;
    for round in 1..=arguments.rounds {
        for (number, setup) in order.iter().enumerate() {
            let (number, points) = (number + 1, order.len());
            println!(
                "round {round} of {}, point {number} of {points}: {setup}",
                arguments.rounds
            );
            point(bench, growth, work, *setup, round, &arguments.env).await;
            write(growth, arguments)?;
        }
        // What the one before has left behind (dirty pages, a warm cache) meets each in turn.
        order.reverse();
    }
    Ok(())
}

/// One point in one round. What fails is noted, so that a long measurement is not lost for it.
async fn point(
    bench: &Bench,
    growth: &mut Growth,
    work: &Work,
    setup: Setup,
    round: u32,
    environment: &[(String, String)],
) {
    let work = Work {
        progress: Arc::default(),
        ..work.clone()
    };
    let ledger = bench.ledger();
    let measured = tokio::select! {
        measured = bench.measure(setup, round, environment, &work) => measured,
        () = report(REPORT_EVERY, &work.progress, &ledger) => unreachable!("it reports for ever"),
    };
    match measured {
        Ok(point) => {
            println!("{point}");
            growth.measured.push(point);
        }
        Err(error) => {
            let why = format!("{error:#}");
            println!("  FAILED: {why}");
            growth.refused.push(Refused { setup, round, why });
        }
    }
}

fn write(growth: &Growth, arguments: &Arguments) -> Result<(), Failure> {
    if let Some(path) = &arguments.json {
        let json = growth.json().map_err(Failure::while_doing("JSON"))?;
        store(path, &json)?;
    }
    match &arguments.markdown {
        Some(path) => store(path, growth.markdown().as_bytes()),
        None => Ok(()),
    }
}
