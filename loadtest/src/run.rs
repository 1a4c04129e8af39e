//! A scenario's run: a fresh environment, simulators, engine nodes, load, events; evidence at the end.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::evidence::{Evidence, Mark, Rows};
use crate::harness::environment::{Environment, Plan, Servers};
use crate::ledger::Ledger;
use crate::publisher::Progress;
use crate::scenario::{Phase, ProviderSetup, Scenario, Start};
use crate::simulator::{Provider, Simulator};
use crate::watch::{self, Subjects, Watch};

mod events;
mod fleet;
mod phases;
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
    /// Where the environment is made.
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

/// Runs a scenario. Whatever happens, its environment is removed afterwards.
///
/// # Errors
/// When a server or the engine fails, or `ended` is ready first.
pub async fn perform(orders: &Orders, ended: impl Future<Output = ()>) -> Result<Outcome> {
    let plan = Plan {
        name: &format!("herald_loadtest_{}", Uuid::now_v7().simple()),
        template: "template0",
        further: "",
        program: &orders.herald,
        folder: &orders.folder,
    };
    let environment = Environment::make(&orders.servers, plan).await?;
    let outcome = tokio::select! {
        outcome = within(&environment, orders) => outcome,
        () = ended => Err(anyhow::anyhow!("ended by a signal before the report")),
    };
    if orders.keep {
        let name = environment.vhost.name();
        println!("kept: database and virtual host {name}");
        return outcome;
    }
    let removed = environment.remove().await;
    let outcome = outcome?;
    removed?;
    Ok(outcome)
}

/// A run at work.
struct Run<'a> {
    orders: &'a Orders,
    environment: &'a Environment,
    ledger: Arc<Ledger>,
    simulators: Arc<Vec<Simulator>>,
    progress: Arc<Progress>,
    fleet: Mutex<Fleet>,
    begun: Begun,
    /// First sequence of the run.
    first: u64,
    name: String,
}

async fn within(environment: &Environment, orders: &Orders) -> Result<Outcome> {
    let ledger = Arc::clone(&environment.ledger);
    let simulators = Arc::new(start_simulators(&orders.scenario, &ledger)?);
    let mut installation = environment.engine.clone();
    for (variable, value) in &orders.scenario.engine.environment {
        installation.set(variable, value);
    }
    let number: u32 = rand::random();
    let run = Run {
        orders,
        environment,
        ledger,
        simulators,
        progress: Arc::default(),
        fleet: Mutex::new(Fleet::new(installation)),
        begun: Begun::default(),
        first: u64::from(number) << phases::RUN_BITS,
        name: format!("lt-{number:08x}"),
    };
    println!(
        "run {}, seed {}, on {}",
        run.name,
        orders.seed,
        environment.vhost.name()
    );
    run.perform().await
}

impl Run<'_> {
    async fn perform(&self) -> Result<Outcome> {
        let quiet_until = self.prepare().await?;
        let scenario = &self.orders.scenario;
        let mut acts = Vec::new();
        if scenario.phases(true).next().is_some() {
            self.publish_before_the_engine(&mut acts).await?;
        }
        let waits_already = !acts.is_empty();
        let watch = self.watch().await?;
        let started = self.start_nodes().await?;
        let now_micros = self.ledger.clock_micros();
        let engine_started_micros = now_micros.saturating_sub(elapsed_micros(started));
        let later = |phase: &Phase| phase.start != Start::BeforeEngine;
        if !waits_already || scenario.load.iter().any(later) {
            self.fleet.lock().await.wait_until_ready().await?;
        }
        // The scenario's clock: see the description of an event's instant.
        let zero_micros = match waits_already {
            true => engine_started_micros,
            false => self.ledger.clock_micros(),
        };
        println!("the load begins");
        let mut marks = vec![self.mark_at(engine_started_micros, "the engine is started")];
        let settled = self
            .play(&mut acts, &mut marks, &watch, zero_micros)
            .await?;
        let (servers, rows) = (self.versions().await, self.rows().await);
        let timeline = watch.finish();
        let stopped = self.fleet.lock().await.stop_all().await;
        let mut evidence = Evidence::of(&self.ledger, acts);
        evidence.quiet_until_micros = quiet_until.map(|until| {
            let wait = (until - Utc::now()).num_microseconds().unwrap_or(0);
            self.ledger.clock_micros().saturating_add_signed(wait)
        });
        let quiet = evidence.quiet_until_micros;
        marks.extend(quiet.map(|at| self.mark_at(at, "quiet hours end")));
        marks.sort_by_key(|mark| mark.at_micros);
        evidence.timeline = timeline;
        evidence.marks = marks;
        evidence.rows = rows;
        evidence.engine_started_micros = Some(engine_started_micros);
        let malformed = self.simulators.iter().map(|one| one.stats().malformed);
        evidence.malformed = malformed.sum();
        let limit =
            |(provider, setup): (Provider, &ProviderSetup)| Some((provider, setup.rate_limit?));
        evidence.rate_limits = scenario.providers.iter().filter_map(limit).collect();
        stopped?;
        let mut published = evidence.acts.iter().map(|act| &act.published);
        Ok(Outcome {
            first_error: published.find_map(|published| published.first_error.clone()),
            evidence,
            settled,
            servers,
        })
    }

    fn mark_at(&self, at_micros: u64, what: &str) -> Mark {
        Mark {
            at_micros,
            what: what.to_owned(),
        }
    }
}

fn elapsed_micros(since: tokio::time::Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn start_simulators(scenario: &Scenario, ledger: &Arc<Ledger>) -> Result<Vec<Simulator>> {
    let start = |provider: Provider| {
        let setup = scenario.providers.get(provider);
        let behaviour = setup.map(|setup| setup.behaviour.clone());
        Simulator::builder(provider)
            .ledger(ledger.clone())
            .behaviour(behaviour.unwrap_or_default())
            .start()
            .with_context(|| format!("the {provider} simulator"))
    };
    Provider::ALL.into_iter().map(start).collect()
}

impl Run<'_> {
    /// Tables, people, templates, accounts; says when quiet hours end.
    async fn prepare(&self) -> Result<Option<DateTime<Utc>>> {
        let fleet = self.fleet.lock().await;
        fleet.installation().migrate().await?;
        let seeding = seeding::seeding(&self.orders.scenario, &self.simulators, Utc::now())?;
        fleet
            .installation()
            .apply("seed.toml", &seeding.text)
            .await?;
        Ok(seeding.quiet_until)
    }

    async fn start_nodes(&self) -> Result<tokio::time::Instant> {
        let mut fleet = self.fleet.lock().await;
        let mut first = None;
        for name in &self.orders.scenario.engine.nodes {
            let started = fleet.start(name)?;
            first.get_or_insert(started);
        }
        first.context("the scenario names no engine node")
    }

    async fn watch(&self) -> Result<Watch> {
        let servers = watch::Servers::unknown()
            .database(self.environment.database.connect().await?)
            .await
            .broker(
                self.environment.vhost.management().clone(),
                self.environment.vhost.url(),
            );
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
        if let Ok(client) = self.environment.database.connect().await
            && let Ok(row) = client.query_one("SHOW server_version", &[]).await
        {
            versions.push(("PostgreSQL".to_owned(), row.try_get(0).unwrap_or_default()));
        }
        if let Ok(version) = self.environment.vhost.management().version().await {
            versions.push(("RabbitMQ".to_owned(), version));
        }
        versions
    }

    /// What the database holds of this run.
    async fn rows(&self) -> Option<Vec<Rows>> {
        let client = self.environment.database.connect().await.ok()?;
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
