//! The environment of one round: a database, a vhost, simulated providers, and engines beside each other.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::seed::{self, Special};
use super::servers::Servers;
use crate::harness::database::Database;
use crate::harness::engine::{Engine, Installation};
use crate::harness::environment::{self, Plan};
use crate::harness::load::LANES;
use crate::harness::process::Log;
use crate::harness::vhost::Vhost;
use crate::ledger::Ledger;
use crate::publisher::HttpPublisher;
use crate::seed::Target;
use crate::simulator::{Behaviour, Provider, Simulator};

/// A lane that the load leaves alone.
pub(super) const ASIDE: &str = "email.urgent";
/// The most that one engine may have in flight: the sum of its lanes' settings below.
pub(super) const MOST_IN_FLIGHT: usize = 16 + 3 * 64 + 3 * 128;
/// The providers; the mail server stands behind SendGrid.
const PROVIDERS: [Provider; 4] = [
    Provider::SendGrid,
    Provider::Smtp,
    Provider::Twilio,
    Provider::Fcm,
];
/// Connections that stay open to each engine.
const HTTP_CONNECTIONS: usize = 64;
/// The database that `herald migrate` has run in; the others are copies of it.
const TEMPLATE: &str = "chaos_template";

/// The node that a fault of one engine strikes, and the one beside it.
pub(super) const NODES: [&str; 2] = ["one", "two"];

/// Where engines come from, and where their logs go.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) engine: PathBuf,
    pub(super) logs: PathBuf,
}

/// An environment for one round.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) database: Database,
    pub(super) vhost: Vhost,
    pub(super) ledger: Arc<Ledger>,
    pub(super) simulators: Vec<Simulator>,
    installation: Installation,
    /// Settings of the first node alone.
    first: Vec<(String, String)>,
    name: String,
}

impl Environment {
    /// `name` is part of what a whole server shares: letters, digits and underscores.
    pub(super) async fn build(
        servers: &Servers,
        programs: &Programs,
        name: &str,
        special: &Special<'_>,
    ) -> Result<Self> {
        let tablespace = special.tablespace;
        let further = tablespace.map_or(String::new(), |name| format!("TABLESPACE {name}"));
        let made = environment::Environment::make(
            &servers.urls,
            Plan {
                name,
                template: TEMPLATE,
                further: &further,
                program: &programs.engine,
                folder: &programs.logs,
            },
        );
        let made = made.await.context("the environment of a round")?;
        let teller = |provider| {
            let teller = special
                .teller
                .as_ref()
                .map(|(teller, _)| Arc::clone(teller));
            teller.filter(|_| provider == Provider::SendGrid)
        };
        let start = |provider| {
            Simulator::builder(provider)
                .ledger(Arc::clone(&made.ledger))
                .behaviour(special.behaviour.clone())
                .patience(Duration::from_secs(special.provider_timeout.into()))
                .told_by(teller(provider))
                .start()
        };
        let simulators: Result<Vec<_>, _> = PROVIDERS.into_iter().map(start).collect();
        let simulators = simulators.context("the simulators")?;
        let mut installation = made.engine.quick();
        for (variable, value) in settings() {
            installation.set(variable, value);
        }
        let targets: Vec<_> = simulators.iter().map(Target::from).collect();
        let file = format!("{name}.toml");
        let seed = seed::file(&targets, special)?;
        installation.apply(&file, &seed).await?;
        Ok(Self {
            database: made.database,
            vhost: made.vhost,
            ledger: made.ledger,
            simulators,
            installation,
            first: Vec::new(),
            name: name.to_owned(),
        })
    }

    /// Changes a setting of the engines that start from now on.
    pub(super) fn set(&mut self, variable: &str, value: impl Into<String>) {
        self.installation.set(variable, value);
    }

    /// Applies a further file; its name ends in `.toml`.
    pub(super) async fn apply(&self, name: &str, text: &str) -> Result<()> {
        let file = format!("{}-{name}", self.name);
        self.installation.apply(&file, text).await
    }

    /// Changes a setting of the first node alone.
    pub(super) fn set_first(&mut self, variable: &str, value: impl Into<String>) {
        self.first.push((variable.to_owned(), value.into()));
    }

    /// The engine of a node, once it takes messages.
    pub(super) async fn engine(&self, node: &str) -> Result<Engine> {
        let mut command = self.installation.command(&["serve"]);
        if NODES.first() == Some(&node) {
            command.envs(self.first.iter().map(|(variable, value)| (variable, value)));
        }
        let log = self
            .installation
            .folder()
            .join(format!("{}-{node}.log", self.name));
        let engine = Engine::start(command, node, Log::File(log))?;
        engine.consumes().await?;
        Ok(engine)
    }

    /// A key of these scopes.
    pub(super) async fn key(&self, scopes: &str) -> Result<String> {
        self.installation.key(scopes).await
    }

    /// A publisher that posts to these engines.
    pub(super) async fn http(&self, engines: [&Engine; 2]) -> Result<HttpPublisher> {
        let key = self.installation.key("publisher").await?;
        let engines = engines.map(|engine| engine.url(""));
        Ok(HttpPublisher::new(&key, engines.into(), HTTP_CONNECTIONS))
    }

    pub(super) fn behave(&self, behaviour: &Behaviour, wanted: impl Fn(Provider) -> bool) {
        for simulator in &self.simulators {
            if wanted(simulator.provider()) {
                simulator.set_behaviour(behaviour.clone());
            }
        }
    }

    /// Requests that the providers have read so far.
    pub(super) fn requests(&self) -> u64 {
        let all = self.simulators.iter().map(|one| one.stats().requests);
        all.sum()
    }

    /// Acceptances whose answers never came.
    pub(super) fn answers_lost(&self) -> u64 {
        let all = self.simulators.iter().map(|one| one.stats().answers_lost);
        all.sum()
    }

    /// Gives back what a whole server shares.
    pub(super) async fn remove(&self) -> Result<()> {
        let (database, vhost) = tokio::join!(self.database.remove(), self.vhost.remove());
        database.and(vhost)
    }
}

/// Makes the database that those of all rounds are copies of.
pub(super) async fn prepare(servers: &Servers, programs: &Programs) -> Result<()> {
    let migrate = async |url: &str| {
        let broker = &servers.urls.broker;
        Installation::new(&programs.engine, &programs.logs, url, broker)
            .migrate()
            .await
    };
    servers.database()?.template(TEMPLATE, migrate).await
}

/// What `broker.lanes` says, with these beside the usual ones.
pub(super) fn lanes(more: &[&str]) -> String {
    [&LANES[..], &[ASIDE], more].concat().join(",")
}

/// Small lanes: what one holds may be in flight at a fault. Quick waits: a round takes seconds.
fn settings() -> [(&'static str, String); 9] {
    [
        ("HERALD__BROKER__LANES", lanes(&[])),
        ("HERALD__LANES__URGENT", "16".to_owned()),
        ("HERALD__LANES__HIGH", "64".to_owned()),
        ("HERALD__LANES__NORMAL", "128".to_owned()),
        ("HERALD__PROVIDERS__CIRCUIT__OPEN_FOR", "500ms".to_owned()),
        ("HERALD__PROVIDERS__CIRCUIT__OPEN_MAX", "2s".to_owned()),
        ("HERALD__RETRY__DEFAULT__BASE", "100ms".to_owned()),
        ("HERALD__RETRY__DEFAULT__MAX", "500ms".to_owned()),
        ("HERALD__LOG__FORMAT", "json".to_owned()),
    ]
}
