//! `loadtest growth`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::ground::{GroundArguments, tell};
use super::signal;
use crate::growth::{Field, Go, Growth, Load, Refused, Series, Setup, setups};

const TELL_EVERY: Duration = Duration::from_secs(2);
/// Unconfirmed messages at most.
const WINDOW: usize = 1_000;
/// Each go has 2^24 sequences of its own.
const MOST_MESSAGES: u64 = 1 << 24;

/// Measure what a notification costs as things grow: rows stored, people, tenants, lanes, nodes.
///
/// Every point is a database that was filled for it; each go has a copy of it and a fresh virtual
/// host. All messages are published before the nodes start. The points take turns, round by round,
/// and are divided by the first of their axis within the round. Ten million rows need some 25 GB of
/// disk at the database server, half of it only while a go runs. Exit code 1 when a go fails, or
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

    #[command(flatten)]
    ground: GroundArguments,

    /// Begin each go right after a checkpoint, when the first change of every page is logged whole;
    /// else the pages that the load hits by chance are touched before, as in a database at work
    #[arg(long)]
    after_checkpoint: bool,

    /// A setting of all nodes, such as HERALD__ENGINE__RECIPIENT_CACHE_SIZE=1000000; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,

    /// Seed of the load: the same one publishes the same messages [default: random, printed]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// Write everything as JSON, after every go
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the tables as Markdown, after every go
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) async fn growth(arguments: Arguments) -> Result<(), Failure> {
    let ended = signal::ended().map_err(Failure::while_doing("signal handlers"))?;
    let series = match arguments.axis.as_slice() {
        [] => Series::usual(),
        given => given.to_vec(),
    };
    let load = Load {
        count: arguments.count,
        seed: arguments.seed.unwrap_or_else(rand::random),
        window: WINDOW,
        after_checkpoint: arguments.after_checkpoint,
        progress: Arc::default(),
    };
    let mut growth = Growth::new(&load, Setup::base(&arguments.base), series);
    // The people are this measurement's own.
    let ground = arguments.ground.prepare("growth", 0).await?;
    let mut field = Field::new(ground, arguments.env.clone());
    let measured = tokio::select! {
        measured = measure(&mut field, &mut growth, &load, &arguments) => measured,
        () = ended => Err(Failure::Failed("ended by a signal".to_owned())),
    };
    // Whatever came of it, nothing of ours stays on the servers.
    println!("removing what was made");
    let cleared = field.clear().await;
    println!("\n{}", growth.markdown());
    measured?;
    cleared.map_err(Failure::while_doing("cleaning up"))?;
    match growth.faults().is_empty() {
        true => Ok(()),
        false => Err(Failure::Fault),
    }
}

async fn measure(
    field: &mut Field,
    growth: &mut Growth,
    load: &Load,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let mut order = setups(&growth.series, growth.base);
    field
        .fill(&order)
        .await
        .map_err(Failure::while_doing("filling databases"))?;
    for round in 1..=arguments.rounds {
        for (number, setup) in order.iter().enumerate() {
            let (number, points) = (number + 1, order.len());
            println!(
                "round {round} of {}, point {number} of {points}: {setup}",
                arguments.rounds
            );
            go(field, growth, load, *setup, round).await;
            write(growth, arguments)?;
        }
        // What the one before has left behind (dirty pages, a warm cache) meets each in turn.
        order.reverse();
    }
    Ok(())
}

/// One go. What fails is noted, so that a long run is not lost for it.
async fn go(field: &Field, growth: &mut Growth, load: &Load, setup: Setup, round: u32) {
    let load = Load {
        progress: Arc::default(),
        ..load.clone()
    };
    let ledger = field.ledger();
    let went = tokio::select! {
        went = field.go(setup, round, &load) => went,
        () = tell(TELL_EVERY, &load.progress, &ledger) => unreachable!("progress is told for ever"),
    };
    match went {
        Ok(go) => {
            tell_go(&go);
            growth.goes.push(go);
        }
        Err(error) => {
            let why = error.to_string();
            println!("  FAILED: {why}");
            growth.refused.push(Refused { setup, round, why });
        }
    }
}

fn tell_go(go: &Go) {
    let figures = &go.figures;
    println!(
        "  {:.0}/s; CPU each: engine {:.1} us, PostgreSQL {:.1} us, RabbitMQ {:.1} + {:.1} us, simulators {:.1} us; \
         {:.0} MiB; {:.0} bytes of log ({:.0} of full pages), {:.0} stored; load average {:.1}",
        figures.per_second,
        figures.engine_us,
        figures.postgresql_us,
        figures.rabbitmq_in_us,
        figures.rabbitmq_us,
        figures.simulators_us,
        figures.resident_mib,
        figures.wal_bytes,
        figures.wal_page_bytes,
        figures.stored_bytes,
        go.load_average,
    );
    for fault in &go.faults {
        println!("  FAILED: {fault}");
    }
}

fn write(growth: &Growth, arguments: &Arguments) -> Result<(), Failure> {
    let store = |path: &Path, bytes: Vec<u8>| {
        let what = format!("writing {}", path.display());
        std::fs::write(path, bytes).map_err(Failure::while_doing(&what))
    };
    if let Some(path) = &arguments.json {
        let json = growth.json().map_err(Failure::while_doing("JSON"))?;
        store(path, json)?;
    }
    if let Some(path) = &arguments.markdown {
        store(path, growth.markdown().into_bytes())?;
    }
    Ok(())
}
