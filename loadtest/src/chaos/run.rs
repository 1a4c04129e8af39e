//! Playing rounds: those that hit a whole server alone, the others side by side.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::time::{Instant, timeout};

use super::environment::{self, Programs};
use super::faults;
use super::finding::{Finding, Result as RowResult};
use super::round::Scale;
use super::row::Row;
use super::servers::Servers;

/// A round that takes longer has come to a stop: every wait in it has an end before this.
const LONGEST: Duration = Duration::from_secs(600);

/// What to play.
#[derive(Clone, Debug)]
pub struct Options {
    /// The engine's program, a debug build.
    pub engine: PathBuf,
    /// `script/servers` of a checkout.
    pub servers: PathBuf,
    /// Where the engines' logs go.
    pub logs: PathBuf,
    /// Decides when and where the faults strike.
    pub seed: u64,
    /// How often each row is played.
    pub rounds: u32,
    /// Which rows.
    pub rows: Vec<Row>,
    /// A small load and short faults.
    pub quick: bool,
    /// How many rounds are played side by side.
    pub jobs: usize,
}

impl Options {
    fn scale(&self) -> Scale {
        Scale {
            per_second: if self.quick { 150 } else { 200 },
            seconds: if self.quick { 4 } else { 10 },
            quick: self.quick,
        }
    }
}

/// Plays all that is asked for, with a line for each round.
///
/// # Errors
/// When the servers cannot be started. A round that cannot be played is an exception of its row.
pub async fn run(options: &Options) -> Result<Vec<RowResult>> {
    std::fs::create_dir_all(&options.logs)
        .with_context(|| format!("the folder for logs, {}", options.logs.display()))?;
    let engine = options.engine.canonicalize().with_context(|| {
        let path = options.engine.display();
        format!("{path}: cargo build --bin herald, or name an engine with --engine")
    })?;
    let programs = Programs {
        engine,
        logs: options.logs.canonicalize()?,
    };
    println!("starting a PostgreSQL and a RabbitMQ to be killed");
    let servers = Servers::start(&options.servers).await?;
    println!("they are in {}", servers.folder().display());
    environment::prepare(&servers, &programs)
        .await
        .context("migrating a database")?;
    let mut results: Vec<_> = options.rows.iter().copied().map(RowResult::new).collect();
    let rounds = || {
        let rows = options.rows.iter().copied();
        rows.flat_map(|row| (1..=options.rounds).map(move |round| (row, round)))
    };
    let (alone, together): (Vec<_>, Vec<_>) = rounds().partition(|(row, _)| row.is_alone());
    for (rounds, jobs) in [(together, options.jobs.max(1)), (alone, 1)] {
        let mut playing = stream::iter(rounds)
            .map(|(row, round)| {
                let finding = play(options, &servers, &programs, row, round);
                async move { (row, finding.await) }
            })
            .buffer_unordered(jobs);
        while let Some((row, finding)) = playing.next().await {
            if let Some(result) = results.iter_mut().find(|result| result.row == row) {
                result.add(finding);
            }
        }
    }
    Ok(results)
}

async fn play(
    options: &Options,
    servers: &Servers,
    programs: &Programs,
    row: Row,
    round: u32,
) -> Finding {
    let place = Row::ALL.iter().position(|known| *known == row).unwrap_or(0) as u64;
    // Each round has random numbers of its own, whatever else is played.
    let dice = SmallRng::seed_from_u64(options.seed ^ (place << 32) ^ u64::from(round));
    let began = Instant::now();
    let spec = faults::Spec {
        servers,
        programs,
        name: format!("{}_{round}", row.name().replace('-', "_")),
        scale: options.scale(),
        dice,
    };
    let played = timeout(LONGEST, faults::play(row, spec)).await;
    let played = played.unwrap_or_else(|_| bail!("it does not end"));
    let finding = played.unwrap_or_else(|error| {
        let mut finding = Finding::default();
        finding.except(format!("round {round} could not be played: {error:#}"));
        finding
    });
    let verdict = match finding.exceptions.first() {
        None => "good".to_owned(),
        Some(_) => finding.exceptions.join("; "),
    };
    println!(
        "{row:<22} round {round}  {:>4.0} s  published {:>6}  lost {}  twice {} of {} allowed  {verdict}",
        began.elapsed().as_secs_f64(),
        finding.published,
        finding.lost,
        finding.twice,
        finding.allowed,
    );
    finding
}
