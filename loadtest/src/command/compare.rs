//! `loadtest compare`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::ground::{GroundArguments, tell};
use super::load::ShapeArguments;
use super::signal;
use crate::comparison::{Comparison, Contender, Go, Ground, Kind, Phase, Work};

const TELL_EVERY: Duration = Duration::from_secs(1);

/// Run contenders in turn on the same ground, and print the ratios of their figures.
///
/// A contender is KIND[:NAME][,OPTION...] with KIND floor or engine, and the options bin=PATH,
/// env=NAME=VALUE, arg=ARGUMENT, seed=FILE, policies. The first is what the others are divided by.
/// Each go has a fresh database and virtual host; simulators and publisher run in this process.
/// Exit code 1 when a go loses, repeats or does not store anything.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Who is compared; may be repeated [default: floor, engine]
    #[arg(long, value_name = "CONTENDER")]
    contender: Vec<Contender>,

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
    ground: GroundArguments,

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
    arguments.shape.check()?;
    let contenders = contenders(&arguments)?;
    let seed = arguments.shape.seed_or_any();
    let mut ground = arguments
        .ground
        .prepare("compare", arguments.shape.users)
        .await?;
    let mut work = Work {
        mix: arguments.shape.mix(),
        seed,
        count: arguments.shape.count,
        rate: arguments.shape.rate,
        window: arguments.shape.window(arguments.shape.rate),
        backlog: !arguments.beside && arguments.shape.rate <= 0.0,
        progress: Arc::default(),
    };
    let phases = phases(&mut ground, &contenders, &mut work, &arguments).await;
    // Whatever came of it, nothing of ours stays on the server.
    ground
        .clear()
        .await
        .map_err(Failure::while_doing("cleaning up"))?;
    let comparison = Comparison::new(work.count, seed, phases?);
    deliver(&comparison, arguments.json)
}

/// Flat out or at the rate that was asked for, then at half of what that showed, if so asked.
async fn phases(
    ground: &mut Ground,
    contenders: &[Contender],
    work: &mut Work,
    arguments: &Arguments,
) -> Result<Vec<Phase>, Failure> {
    let mut phases = vec![phase(ground, contenders, work, arguments.rounds).await?];
    if arguments.half {
        work.rate = half_of(contenders, &phases)?;
        work.window = arguments.shape.window(work.rate);
        work.backlog = false;
        phases.push(phase(ground, contenders, work, arguments.rounds).await?);
    }
    Ok(phases)
}

fn contenders(arguments: &Arguments) -> Result<Vec<Contender>, Failure> {
    let usual = || ["floor", "engine"].map(|name| name.parse::<Contender>());
    let given = match arguments.contender.as_slice() {
        [] => usual().into_iter().collect::<Result<_, _>>(),
        given => Ok(given.to_vec()),
    };
    let contenders: Vec<Contender> = given.map_err(Failure::Usage)?;
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = contenders.iter().find(|one| !seen.insert(one.name.clone())) {
        let message = format!("two contenders are called {}: write KIND:NAME", twice.name);
        return Err(Failure::Usage(message));
    }
    let absolute = contenders.into_iter().map(Contender::with_absolute_paths);
    absolute
        .collect::<Result<_, _>>()
        .map_err(Failure::while_doing("this folder"))
}

/// All rounds of one kind of load.
async fn phase(
    ground: &mut Ground,
    contenders: &[Contender],
    work: &mut Work,
    rounds: u32,
) -> Result<Phase, Failure> {
    let names: Vec<String> = contenders.iter().map(|one| one.name.clone()).collect();
    let mut phase = Phase::new(work.rate, &names);
    for round in 1..=rounds {
        let mut order: Vec<&Contender> = contenders.iter().collect();
        // What the one before has left behind (dirty pages, a warm cache) meets each in turn.
        if round.is_multiple_of(2) {
            order.reverse();
        }
        for contender in order {
            println!(
                "round {round} of {rounds}, {}: {}",
                phase.load, contender.name
            );
            work.progress = Arc::default();
            let ledger = ground.ledger();
            let going = ground.go(contender, round, work);
            let went = tokio::select! {
                went = going => went,
                () = tell(TELL_EVERY, &work.progress, &ledger) => unreachable!("progress is told for ever"),
            };
            let go = went.map_err(Failure::while_doing(&contender.name))?;
            tell_go(&go);
            phase.goes.push(go);
        }
    }
    Ok(phase)
}

fn tell_go(go: &Go) {
    let figures = &go.figures;
    println!(
        "  {}: {:.0}/s, {:.1} us of CPU each, {:.1} MiB, p50 {:.1} ms, p99 {:.1} ms; load average {:.1}",
        go.contender,
        figures.per_second,
        figures.cpu_micros,
        figures.resident_peak_bytes as f64 / 1_048_576.0,
        figures.latency.p50_ms,
        figures.latency.p99_ms,
        go.load_average,
    );
    for fault in &go.faults {
        println!("  FAILED: {fault}");
    }
}

/// Half of the first engine's median, in messages: one message may be several acceptances.
fn half_of(contenders: &[Contender], phases: &[Phase]) -> Result<f64, Failure> {
    let engine = contenders
        .iter()
        .find(|one| one.kind == Kind::Engine)
        .or(contenders.first());
    let goes = phases.first().map(|phase| phase.goes.as_slice());
    let per_second = crate::comparison::Spread::of(
        goes.unwrap_or_default()
            .iter()
            .filter(|go| engine.is_some_and(|engine| engine.name == go.contender))
            .map(|go| {
                let acceptances = go.counts.expected.max(1) as f64;
                go.figures.per_second * go.counts.confirmed as f64 / acceptances
            }),
    );
    match per_second.median {
        rate if rate >= 2.0 => Ok((rate / 2.0).round()),
        _ => Err(Failure::Failed(
            "nothing was delivered flat out, so that there is no half of it".into(),
        )),
    }
}

fn deliver(comparison: &Comparison, json: Option<PathBuf>) -> Result<(), Failure> {
    println!("{comparison}");
    if let Some(path) = json {
        let what = format!("writing {}", path.display());
        let json = serde_json::to_vec_pretty(comparison).map_err(Failure::while_doing(&what))?;
        std::fs::write(path, json).map_err(Failure::while_doing(&what))?;
    }
    match comparison.faults().is_empty() {
        true => Ok(()),
        false => Err(Failure::Fault),
    }
}
