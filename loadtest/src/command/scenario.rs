//! `loadtest run SCENARIO`

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::bench::store;
use super::failure::Failure;
use crate::evidence::{Verdict, Word, judge};
use crate::harness::engine::Installation;
use crate::harness::environment::Servers;
use crate::page::{self, Page};
use crate::run::{Orders, Outcome, perform as perform_orders};
use crate::scenario::{Scenario, library, named};

/// What describes a load by options; a scenario says all of it itself.
const OTHER_WAY: [&str; 20] = [
    "count",
    "rate",
    "window",
    "channels",
    "priorities",
    "templates",
    "expired",
    "scheduled",
    "schedule_ahead",
    "duplicates",
    "size",
    "users",
    "only",
    "port",
    "free_ports",
    "behaviour",
    "seed_out",
    "ready",
    "ready_timeout",
    "engine_pid",
];

#[derive(Debug, Args)]
pub(super) struct ScenarioArguments {
    /// A scenario by its name (--list shows them), or the path of such a file
    #[arg(value_name = "SCENARIO", conflicts_with_all = OTHER_WAY)]
    scenario: Option<String>,

    /// List the scenarios with what each shows
    #[arg(long, conflicts_with = "scenario")]
    list: bool,

    /// Shorten a scenario: its counts and durations times this, above 0 and up to 1
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, requires = "scenario", value_parser = scale)]
    scale: f64,

    /// The engine's program [default: the herald beside this program]
    #[arg(long, value_name = "FILE", requires = "scenario")]
    herald: Option<PathBuf>,

    /// Keep a scenario's database, virtual host and logs
    #[arg(long, requires = "scenario")]
    keep: bool,

    /// PostgreSQL, by the URL of somebody who may create databases
    #[arg(
        long,
        value_name = "URL",
        env = "HERALD_TEST_DATABASE_URL",
        hide_env_values = true
    )]
    database_server: Option<String>,

    /// RabbitMQ, by the URL of somebody who may use every virtual host
    #[arg(
        long,
        value_name = "URL",
        env = "HERALD_TEST_BROKER_URL",
        hide_env_values = true
    )]
    broker_server: Option<String>,

    /// RabbitMQ's management interface, http://user:password@host:port
    #[arg(
        long,
        value_name = "URL",
        env = "HERALD_TEST_BROKER_ADMIN",
        hide_env_values = true
    )]
    pub(super) broker_admin: Option<String>,
}

/// Where results go besides standard output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files<'a> {
    pub(super) json: Option<&'a Path>,
    pub(super) html: Option<&'a Path>,
}

/// The result of a scenario for programs.
#[derive(Debug, Serialize)]
struct Results<'a> {
    scenario: &'a str,
    scale: f64,
    seed: u64,
    settled: bool,
    verdicts: &'a [Verdict],
}

fn scale(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|scale| *scale > 0.0 && *scale <= 1.0)
        .ok_or_else(|| "a scale is a number above 0 and up to 1".to_owned())
}

impl ScenarioArguments {
    pub(super) fn is_listing(&self) -> bool {
        self.list
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.scenario.as_deref()
    }

    fn servers(&self) -> Result<Servers, Failure> {
        let given = |url: &Option<String>, what: &str| {
            url.clone().ok_or_else(|| {
                let message = format!(
                    "{what} is not given: script/servers start starts both servers, \
                     eval \"$(script/servers env)\" tells this program where they are"
                );
                Failure::Usage(message)
            })
        };
        Ok(Servers {
            database: given(
                &self.database_server,
                "--database-server (HERALD_TEST_DATABASE_URL)",
            )?,
            broker: given(
                &self.broker_server,
                "--broker-server (HERALD_TEST_BROKER_URL)",
            )?,
            broker_admin: given(
                &self.broker_admin,
                "--broker-admin (HERALD_TEST_BROKER_ADMIN)",
            )?,
        })
    }
}

/// Lists the scenarios of the library.
pub(super) fn list() -> Result<(), Failure> {
    for listed in library() {
        let told = match listed.read() {
            Ok(scenario) => scenario.about,
            Err(_) => "it has mistakes; run it to be told".to_owned(),
        };
        println!("{:<20} {told}", listed.name);
    }
    Ok(())
}

/// Performs a scenario and says what came of it.
pub(super) async fn perform(
    arguments: &ScenarioArguments,
    name: &str,
    seed: u64,
    files: Files<'_>,
    ended: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let scenario = named(name).map_err(Failure::Usage)?.scaled(arguments.scale);
    let servers = arguments.servers()?;
    let herald = match &arguments.herald {
        Some(program) => std::path::absolute(program).map_err(Failure::while_doing("--herald"))?,
        None => Installation::beside_this_program()?,
    };
    let folder = std::env::temp_dir().join(format!("herald-loadtest-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(Failure::while_doing(&format!(
        "making {}",
        folder.display()
    )))?;
    println!("{}: {}", scenario.name, scenario.about);
    for required in &scenario.requires {
        println!("it requires {required}");
    }
    let orders = Orders {
        scenario,
        seed,
        herald,
        folder: folder.clone(),
        servers,
        keep: arguments.keep,
    };
    let machine = page::machine();
    let outcome = perform_orders(&orders, ended).await;
    if arguments.keep || outcome.is_err() {
        println!("logs: {}", folder.display());
    } else {
        // What cannot be removed is temporary all the same.
        let _ = std::fs::remove_dir_all(&folder);
    }
    let outcome = outcome?;
    let verdicts = judge(&outcome.evidence, &orders.scenario.expect, arguments.scale);
    report(&outcome, &verdicts);
    let result = Results {
        scenario: &orders.scenario.name,
        scale: arguments.scale,
        seed,
        settled: outcome.settled,
        verdicts: &verdicts,
    };
    if let Some(path) = files.json {
        let json = serde_json::to_vec_pretty(&result).map_err(Failure::while_doing("JSON"))?;
        store(path, &json)?;
    }
    if let Some(path) = files.html {
        let page = Page {
            title: orders.scenario.name.clone(),
            about: orders.scenario.about.clone(),
            settings: settings(&orders.scenario, arguments.scale, seed),
            machine: machine.into_iter().chain(outcome.servers.clone()).collect(),
            settled: outcome.settled,
            verdicts: &verdicts,
            evidence: &outcome.evidence,
        };
        page::write(&page, path)?;
    }
    if verdicts.iter().any(|verdict| verdict.word == Word::Missed) || outcome.first_error.is_some()
    {
        return Err(Failure::Fault);
    }
    Ok(())
}

fn report(outcome: &Outcome, verdicts: &[Verdict]) {
    println!();
    for rows in outcome.evidence.rows.iter().flatten() {
        println!("{:>9} {} {}", rows.count, rows.status, rows.reason);
    }
    if !outcome.settled {
        println!("NOT SETTLED: acceptances were still expected when patience ended");
    }
    if let Some(error) = &outcome.first_error {
        println!("first publishing error: {error}");
    }
    println!();
    for verdict in verdicts {
        println!("{verdict}");
    }
}

fn settings(scenario: &Scenario, scale: f64, seed: u64) -> Vec<(String, String)> {
    let mut settings = vec![
        ("seed".to_owned(), seed.to_string()),
        ("scale".to_owned(), scale.to_string()),
        ("people".to_owned(), scenario.people.count.to_string()),
        ("nodes".to_owned(), scenario.engine.nodes.join(", ")),
    ];
    for phase in &scenario.load {
        let rate = phase
            .rate
            .map_or_else(|| "flat out".to_owned(), |rate| format!("{rate}/s"));
        let much = match (phase.count, phase.seconds) {
            (Some(count), _) => format!("{count} messages"),
            (None, seconds) => format!("{} s", seconds.unwrap_or_default()),
        };
        settings.push((format!("load: {}", phase.name), format!("{much}, {rate}")));
    }
    let environment = scenario.engine.environment.iter();
    settings.extend(environment.map(|(name, value)| (name.clone(), value.clone())));
    settings
}
