//! `loadtest compare`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::bench::{BenchArguments, report, store};
use super::failure::Failure;
use super::load::ShapeArguments;
use super::signal;
use crate::measure::{Bench, Comparison, Phase, Variant, Work, half_of};

const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How long a variant may deliver nothing while something is missing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Run contenders in turn on the same servers, and print the ratios of their figures.
///
/// A contender is KIND[:NAME][,OPTION...] with KIND floor or engine, and the options bin=PATH,
/// env=NAME=VALUE, arg=ARGUMENT, seed=FILE, policies, webhook=told, webhook=written (a webhook on everything that
/// is told, or that is disabled and collects), http=CONNECTIONS and batch=N (the load is posted, one or N in a call,
/// while the engine works). The first is what the others are divided by.
/// Each run has a fresh database and virtual host; simulators and publisher run in this process.
/// Exit code 1 when a run loses, repeats or does not store anything.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Who is compared; may be repeated [default: floor, engine]
    #[arg(long, value_name = "CONTENDER")]
    contender: Vec<Variant>,

    /// How many times each runs; the order changes from round to round
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,

    /// A second phase at half of what the first engine has delivered flat out, for the latency
    #[arg(long, conflicts_with = "rate")]
    half: bool,

    /// Publish while the contender works, instead of before it begins; with a rate always so
    #[arg(long)]
    beside: bool,

    #[command(flatten)]
    bench: BenchArguments,

    #[command(flatten)]
    shape: ShapeArguments,

    /// Write everything as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) async fn compare(arguments: Arguments) -> Result<(), Failure> {
    let ended = signal::ended().map_err(Failure::while_doing("signal handlers"))?;
    tokio::select! {
        result = measure(arguments) => result,
        () = ended => Err(Failure::Failed(
            "ended by a signal; databases and a virtual host named herald_compare_* may be left".into(),
        )),
    }
}

async fn measure(arguments: Arguments) -> Result<(), Failure> {
    let shape = &arguments.shape;
    shape.check()?;
    let variants = variants(&arguments)?;
    let mut bench = arguments.bench.prepare("compare", shape.users)?;
    let mut work = Work {
        mix: shape.mix(),
        seed: shape.seed_or_any(),
        count: shape.count,
        rate: shape.rate,
        window: shape.window(shape.rate),
        backlog: !arguments.beside && shape.rate <= 0.0,
        warm_up: false,
        servers: false,
        readers: 0,
        patience: PATIENCE,
        progress: Arc::default(),
    };
    let phases = phases(&mut bench, &variants, &mut work, &arguments).await;
    // Whatever came of it, nothing of ours stays on the server.
    let cleared = bench.clear().await;
    cleared.map_err(Failure::while_doing("cleaning up"))?;
    let comparison = Comparison {
        count: work.count,
        seed: work.seed,
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        phases: phases?,
    };
    println!("{comparison}");
    if let Some(path) = arguments.json {
        let json = serde_json::to_vec_pretty(&comparison).map_err(Failure::while_doing("JSON"))?;
        store(&path, &json)?;
    }
    match comparison.faults().is_empty() {
        true => Ok(()),
        false => Err(Failure::Fault),
    }
}

/// Flat out or at the rate that was asked for, then at half of what that showed, if so asked.
async fn phases(
    bench: &mut Bench,
    variants: &[Variant],
    work: &mut Work,
    arguments: &Arguments,
) -> Result<Vec<Phase>, Failure> {
    let mut phases = vec![phase(bench, variants, work, arguments.rounds).await?];
    if arguments.half {
        work.rate = match phases.first() {
            Some(flat_out) => half_of(flat_out, variants)?,
            None => 0.0,
        };
        work.window = arguments.shape.window(work.rate);
        work.backlog = false;
        phases.push(phase(bench, variants, work, arguments.rounds).await?);
    }
    Ok(phases)
}

fn variants(arguments: &Arguments) -> Result<Vec<Variant>, Failure> {
    let usual = || ["floor", "engine"].map(|name| name.parse::<Variant>());
    let given = match arguments.contender.as_slice() {
        [] => usual().into_iter().collect::<Result<_, _>>(),
        given => Ok(given.to_vec()),
    };
    let variants: Vec<Variant> = given.map_err(Failure::Usage)?;
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = variants.iter().find(|one| !seen.insert(one.name.clone())) {
        let message = format!("two contenders are called {}: write KIND:NAME", twice.name);
        return Err(Failure::Usage(message));
    }
    let absolute = variants.into_iter().map(Variant::with_absolute_paths);
    absolute
        .collect::<Result<_, _>>()
        .map_err(Failure::while_doing("this folder"))
}

/// All rounds of one kind of load.
async fn phase(
    bench: &mut Bench,
    variants: &[Variant],
    work: &mut Work,
    rounds: u32,
) -> Result<Phase, Failure> {
    let mut phase = Phase::new(work.rate, variants);
    let mut order: Vec<&Variant> = variants.iter().collect();
    for round in 1..=rounds {
        for variant in &order {
            println!(
                "round {round} of {rounds}, {}: {}",
                phase.load, variant.name
            );
            work.progress = Arc::default();
            let ledger = bench.ledger();
            let measured = tokio::select! {
                measured = bench.compare(variant, work) => measured,
                () = report(REPORT_EVERY, &work.progress, &ledger) => unreachable!("it reports for ever"),
            };
            let measured = measured.map_err(Failure::while_doing(&variant.name))?;
            println!("{}", phase.add(variant, round, measured));
        }
        // What the one before has left behind (dirty pages, a warm cache) meets each in turn.
        order.reverse();
    }
    Ok(phase)
}
