//! `loadtest run`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, interval};

use super::bench::store;
use super::failure::Failure;
use super::load::LoadArguments;
use super::scenario::{Files, ScenarioArguments, list, perform};
use super::show::{Beginning, Show};
use super::signal;
use super::simulators::SimulatorArguments;
use crate::harness::http;
use crate::harness::usage::Sampler;
use crate::ledger::Ledger;
use crate::publisher::Progress;
use crate::report::{Findings, Report};
use crate::simulator::Simulator;

const READY_EVERY: Duration = Duration::from_millis(250);
const SETTLE_EVERY: Duration = Duration::from_millis(50);
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Measure an engine: simulate its providers, publish a load, wait until all is delivered, report.
///
/// With a SCENARIO everything is done: a fresh database and virtual host on the servers that run
/// (script/servers start), the engine's nodes from this program's own folder, load and events, a
/// verdict a line. Exit code 1 when a figure lies outside of its interval.
///
/// Without one the options describe the load, and the engine is started by someone else, between the
/// lines "waiting for ..." and "publishing": with --seed-out FILE, apply that file first. Exit code 1
/// when anything is missing, was sent twice without a lost answer as the cause, was sent though
/// expired, or broke a provider's description.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,

    #[command(flatten)]
    simulators: SimulatorArguments,

    #[command(flatten)]
    load: LoadArguments,

    /// The engine's readiness probe
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080/readyz"
    )]
    ready: String,

    /// The engine's database, for what waits in it and what PostgreSQL uses, on the page of --html
    #[arg(
        long,
        value_name = "URL",
        env = "HERALD__DATABASE__URL",
        hide_env_values = true
    )]
    database: Option<String>,

    /// How long to wait for readiness, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    ready_timeout: u64,

    /// The engine's process, to measure its CPU time and memory
    #[arg(long, value_name = "PID")]
    engine_pid: Option<u32>,

    /// Give up when nothing was accepted for this long and something is missing, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    patience: u64,

    /// After everything came, watch this much longer for repetitions, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500)]
    linger: u64,

    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write a page to look at: what happened over time, in one file that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    if arguments.scenario.is_listing() {
        return list();
    }
    let ended = signal::ended().map_err(Failure::while_doing("signal handlers"))?;
    if let Some(name) = arguments.scenario.name() {
        let seed = arguments.load.shape.seed_or_any();
        let files = Files {
            json: arguments.json.as_deref(),
            html: arguments.html.as_deref(),
        };
        return perform(&arguments.scenario, name, seed, files, ended).await;
    }
    tokio::select! {
        result = measure(&arguments) => result,
        () = ended => Err(Failure::Failed("ended by a signal before the report".into())),
    }
}

async fn measure(arguments: &Arguments) -> Result<(), Failure> {
    let ledger = Arc::new(Ledger::new());
    let simulators = Arc::new(
        arguments
            .simulators
            .start(&ledger, arguments.load.shape.users)?,
    );
    wait_for_ready(arguments).await?;
    let mut load = arguments.load.prepare().await?;
    // What an earlier run left in the queues is not this run's.
    ledger.begin(load.sequences());
    let engine = match arguments.engine_pid {
        Some(pid) => {
            let sampler = Sampler::start(pid);
            Some(sampler.map_err(Failure::while_doing("the engine (--engine-pid)"))?)
        }
        None => None,
    };
    let instrument = Sampler::start(std::process::id()).ok();
    let progress = Arc::default();
    let show = match &arguments.html {
        Some(path) => Some(
            arguments
                .show(path, &ledger, &simulators, &progress)
                .await?,
        ),
        None => None,
    };
    println!("publishing");
    let published = load.publish(Some(&ledger), &progress).await?;
    let published_micros = ledger.clock_micros();
    let patience = Duration::from_secs(arguments.patience);
    let settled = settle(&ledger, published.expected.acceptances(), patience).await;
    tokio::time::sleep(Duration::from_millis(arguments.linger)).await;
    let engine = match engine {
        Some(sampler) => Some(sampler.finish().await),
        None => None,
    };
    let instrument = match instrument {
        Some(sampler) => Some(sampler.finish().await),
        None => None,
    };
    let report = Report::new(Findings {
        run: load.run.clone(),
        seed: load.seed,
        rate: load.rate,
        settled,
        published: &published,
        ledger: &ledger,
        simulators: &simulators,
        engine,
        instrument,
    });
    let first_error = published.first_error.clone();
    let delivered = deliver(&report, arguments, first_error);
    if let Some(show) = show {
        show.finish(&load, published, published_micros, settled)?;
    }
    delivered
}

fn deliver(
    report: &Report,
    arguments: &Arguments,
    first_error: Option<String>,
) -> Result<(), Failure> {
    println!("\n{report}");
    if let Some(error) = first_error {
        println!("first publishing error: {error}");
    }
    if let Some(path) = &arguments.json {
        let json = serde_json::to_vec_pretty(report).map_err(Failure::while_doing("JSON"))?;
        store(path, &json)?;
    }
    if report.settled && report.faults().is_empty() {
        Ok(())
    } else {
        Err(Failure::Fault)
    }
}

impl Arguments {
    /// Begins to watch what the page will show.
    async fn show(
        &self,
        path: &Path,
        ledger: &Arc<Ledger>,
        simulators: &Arc<Vec<Simulator>>,
        progress: &Arc<Progress>,
    ) -> Result<Show, Failure> {
        let begin = Beginning {
            path,
            engine: self.engine_pid,
            database: self.database.as_deref(),
            broker: self
                .scenario
                .broker_admin
                .as_deref()
                .map(|admin| (admin, self.load.broker())),
            ledger,
            simulators,
            progress,
        };
        Show::begin(begin).await
    }
}

async fn wait_for_ready(arguments: &Arguments) -> Result<(), Failure> {
    let url = &arguments.ready;
    println!("waiting for {url}");
    let limit = Duration::from_secs(arguments.ready_timeout);
    let deadline = Instant::now() + limit;
    let mut tick = interval(READY_EVERY);
    let mut last = "it was not asked".to_owned();
    while Instant::now() < deadline {
        tick.tick().await;
        last = match tokio::time::timeout(limit, http::get(url)).await {
            Ok(Ok(answer)) if answer.status == 200 => return Ok(()),
            Ok(Ok(answer)) => format!("it answers {}: {}", answer.status, answer.text()),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::InvalidInput => {
                return Err(Failure::Usage(error.to_string()));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not answer".to_owned(),
        };
    }
    let seconds = arguments.ready_timeout;
    let message = format!(
        "the engine at {url} is not ready after {seconds} s: {last}; start it, or give another --ready"
    );
    Err(Failure::Failed(message))
}

/// Waits until `expected` pairs are accepted; false when nothing new came for `patience`.
///
/// It looks now and then instead of waiting for events: a wake-up for each acceptance would take
/// CPU time from the engine that is measured.
async fn settle(ledger: &Ledger, expected: u64, patience: Duration) -> bool {
    let mut tick = interval(SETTLE_EVERY);
    let (mut last, mut changed, mut reported) = (0, Instant::now(), Instant::now());
    loop {
        tick.tick().await;
        let distinct = ledger.distinct();
        if distinct >= expected {
            return true;
        }
        if distinct != last {
            (last, changed) = (distinct, Instant::now());
        } else if changed.elapsed() >= patience {
            return false;
        }
        if reported.elapsed() >= REPORT_EVERY {
            println!("accepted {distinct:>8} of {expected}");
            reported = Instant::now();
        }
    }
}
