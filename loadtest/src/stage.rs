//! A scenario performed: fresh ground, simulators, engine nodes, load, events; evidence at the end.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use crate::engine::Installation;
use crate::evidence::{Evidence, Mark, Rows};
use crate::ground::{Ground, Servers};
use crate::ledger::Ledger;
use crate::publisher::Progress;
use crate::scenario::{Scenario, Start};
use crate::simulator::{Provider, Simulator};
use crate::watch::{self, Subjects, Watch};

mod events;
mod fleet;
mod play;
mod seeding;
mod settle;
mod stored;

use events::Begun;
use fleet::Fleet;

/// What is to be performed, and with what.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The scenario, scaled already.
    pub scenario: Scenario,
    /// Seed of the load.
    pub seed: u64,
    /// The engine's program.
    pub herald: PathBuf,
    /// Where logs and the seed file go; it exists.
    pub folder: PathBuf,
    /// Where the ground is made.
    pub servers: Servers,
    /// Leave database and virtual host behind.
    pub keep: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What was left behind.
    pub evidence: Evidence,
    /// Whether everything came before patience ended.
    pub settled: bool,
    /// The first publishing error.
    pub first_error: Option<String>,
    /// Versions and the like, by name.
    pub servers: Vec<(String, String)>,
}

/// Performs a scenario. Whatever happens, the ground is removed afterwards.
///
/// # Errors
/// When a server or the engine fails, or `ended` is ready first.
pub async fn perform(orders: &Orders, ended: impl Future<Output = ()>) -> Result<Outcome, String> {
    let ground = Ground::make(orders.servers.clone()).await?;
    let outcome = tokio::select! {
        outcome = on(&ground, orders) => outcome,
        () = ended => Err("ended by a signal before the report".to_owned()),
    };
    if orders.keep {
        println!("kept: database and virtual host {}", ground.vhost());
        return outcome;
    }
    let removed = ground.remove().await;
    let outcome = outcome?;
    removed?;
    Ok(outcome)
}

/// A run at work.
struct Stage<'a> {
    orders: &'a Orders,
    ground: &'a Ground,
    ledger: Arc<Ledger>,
    simulators: Arc<Vec<Simulator>>,
    progress: Arc<Progress>,
    fleet: Mutex<Fleet>,
    begun: Begun,
    /// First sequence of the run.
    first: u64,
    run: String,
}

async fn on(ground: &Ground, orders: &Orders) -> Result<Outcome, String> {
    let ledger = Arc::new(Ledger::new());
    let simulators = Arc::new(start_simulators(&orders.scenario, &ledger)?);
    let settings = orders.scenario.engine.environment.clone();
    let installation = Installation::new(
        orders.herald.clone(),
        orders.folder.clone(),
        ground,
        settings,
    );
    let number: u32 = rand::random();
    let stage = Stage {
        orders,
        ground,
        ledger,
        simulators,
        progress: Arc::default(),
        fleet: Mutex::new(Fleet::new(installation)),
        begun: Begun::default(),
        first: u64::from(number) << play::RUN_BITS,
        run: format!("lt-{number:08x}"),
    };
    println!(
        "run {}, seed {}, on {}",
        stage.run,
        orders.seed,
        ground.vhost()
    );
    let quiet_until = stage.prepare().await?;
    let scenario = &orders.scenario;
    let mut acts = Vec::new();
    if scenario.phases(true).next().is_some() {
        stage.publish_before_the_engine(&mut acts).await?;
    }
    let waits_already = !acts.is_empty();
    let watch = stage.watch().await?;
    let started = stage.start_nodes().await?;
    let engine_started_micros = stage
        .ledger
        .clock_micros()
        .saturating_sub(elapsed_micros(started));
    if !waits_already
        || scenario
            .load
            .iter()
            .any(|phase| phase.start != Start::BeforeEngine)
    {
        stage.fleet.lock().await.wait_until_ready().await?;
    }
    // The scenario's clock: see the description of an event's instant.
    let zero_micros = match waits_already {
        true => engine_started_micros,
        false => stage.ledger.clock_micros(),
    };
    println!("the load begins");
    let mut marks = vec![];
    let performed = stage
        .play(&mut acts, &mut marks, &watch, zero_micros)
        .await?;
    let servers = stage.versions().await;
    let rows = stage.rows().await;
    let timeline = watch.finish();
    let stopped = stage.fleet.lock().await.stop_all().await;
    let mut evidence = Evidence::of(&stage.ledger, acts);
    let quiet_until_micros = quiet_until.map(|until| {
        let wait = (until - Utc::now()).num_microseconds().unwrap_or(0);
        stage.ledger.clock_micros().saturating_add_signed(wait)
    });
    marks.extend(quiet_until_micros.map(|at_micros| Mark {
        at_micros,
        what: "quiet hours end".to_owned(),
    }));
    marks.push(Mark {
        at_micros: engine_started_micros,
        what: "the engine is started".to_owned(),
    });
    marks.sort_by_key(|mark| mark.at_micros);
    evidence.timeline = timeline;
    evidence.marks = marks;
    evidence.rows = rows;
    evidence.engine_started_micros = Some(engine_started_micros);
    evidence.quiet_until_micros = quiet_until_micros;
    evidence.malformed = stage
        .simulators
        .iter()
        .map(|one| one.stats().malformed)
        .sum();
    let limit = |(provider, setup): (Provider, &crate::scenario::ProviderSetup)| {
        Some((provider, setup.rate_limit?))
    };
    evidence.rate_limits = scenario.providers.iter().filter_map(limit).collect();
    stopped?;
    Ok(Outcome {
        first_error: evidence
            .acts
            .iter()
            .find_map(|act| act.published.first_error.clone()),
        evidence,
        settled: performed,
        servers,
    })
}

fn elapsed_micros(since: tokio::time::Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn start_simulators(scenario: &Scenario, ledger: &Arc<Ledger>) -> Result<Vec<Simulator>, String> {
    let start = |provider: Provider| {
        let setup = scenario.providers.get(provider);
        Simulator::builder(provider)
            .ledger(ledger.clone())
            .behaviour(
                setup
                    .map(|setup| setup.behaviour.clone())
                    .unwrap_or_default(),
            )
            .start()
            .map_err(|error| format!("the {provider} simulator: {error}"))
    };
    Provider::ALL.into_iter().map(start).collect()
}

impl Stage<'_> {
    /// Tables, people, templates, accounts; says when quiet hours end.
    async fn prepare(&self) -> Result<Option<DateTime<Utc>>, String> {
        let fleet = self.fleet.lock().await;
        fleet.installation().migrate().await?;
        let seeding = seeding::seeding(&self.orders.scenario, &self.simulators, Utc::now())?;
        let file = self.orders.folder.join("seed.toml");
        std::fs::write(&file, seeding.text)
            .map_err(|error| format!("writing {}: {error}", file.display()))?;
        fleet.installation().apply(&file).await?;
        Ok(seeding.quiet_until)
    }

    async fn start_nodes(&self) -> Result<tokio::time::Instant, String> {
        let mut fleet = self.fleet.lock().await;
        let mut first = None;
        for name in &self.orders.scenario.engine.nodes {
            let started = fleet.start(name)?;
            first.get_or_insert(started);
        }
        first.ok_or_else(|| "the scenario names no engine node".to_owned())
    }

    async fn watch(&self) -> Result<Watch, String> {
        let servers = watch::Servers::unknown()
            .database(self.ground.connect().await?)
            .await
            .broker(self.ground.broker_admin().clone(), self.ground.broker_url());
        Ok(Watch::start(Subjects {
            roster: self.fleet.lock().await.roster(),
            servers,
            progress: self.progress.clone(),
            ledger: self.ledger.clone(),
            simulators: self.simulators.clone(),
        }))
    }

    async fn versions(&self) -> Vec<(String, String)> {
        let mut versions = Vec::new();
        if let Ok(client) = self.ground.connect().await
            && let Ok(row) = client.query_one("SHOW server_version", &[]).await
        {
            versions.push(("PostgreSQL".to_owned(), row.try_get(0).unwrap_or_default()));
        }
        if let Ok(version) = self.ground.broker_admin().version().await {
            versions.push(("RabbitMQ".to_owned(), version));
        }
        versions
    }

    /// What the database holds of this run.
    async fn rows(&self) -> Option<Vec<Rows>> {
        let client = self.ground.connect().await.ok()?;
        let query = "SELECT status, coalesce(reason, ''), count(*) FROM notifications \
                     WHERE source_type IS DISTINCT FROM $1 GROUP BY 1, 2 ORDER BY 3 DESC";
        let rows = client.query(query, &[&stored::SOURCE]).await.ok()?;
        let read = |row: &tokio_postgres::Row| {
            Some(Rows {
                status: row.try_get(0).ok()?,
                reason: row.try_get(1).ok()?,
                count: u64::try_from(row.try_get::<_, i64>(2).ok()?).ok()?,
            })
        };
        rows.iter().map(read).collect()
    }
}
