//! What an engine needs around it, for one round: a database, a vhost, simulated providers, a ledger.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::broker::Vhost;
use super::database::{Database, TEMPLATE};
use super::engine::Engine;
use super::seed::{self, Strict};
use super::servers::Servers;
use crate::engine;
use crate::ledger::Ledger;
use crate::ports::free_port;
use crate::seed::Target;
use crate::simulator::{Behaviour, Provider, Simulator};

/// The lanes of the load.
pub(super) const LANES: [&str; 6] = [
    "email.high",
    "email.normal",
    "sms.high",
    "sms.normal",
    "push.high",
    "push.normal",
];
/// A lane that the load leaves alone.
pub(super) const ASIDE: &str = "email.urgent";
/// How many people there are; the load writes to all but the last one.
pub(super) const PEOPLE: u32 = 24;
/// The providers; the mail server stands behind SendGrid.
const PROVIDERS: [Provider; 4] = [
    Provider::SendGrid,
    Provider::Smtp,
    Provider::Twilio,
    Provider::Fcm,
];

/// The node that a fault of one engine strikes, and the one beside it.
pub(super) const NODES: [&str; 2] = ["one", "two"];

/// Where engines come from, and where their logs go.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) engine: PathBuf,
    pub(super) logs: PathBuf,
}

/// What is special about a scene.
#[derive(Debug)]
pub(super) struct Wishes<'a> {
    /// What the providers do from the start on.
    pub(super) behaviour: Behaviour,
    /// Where the database is kept, if not with the others.
    pub(super) tablespace: Option<&'a str>,
    /// How many seconds the engine waits for a provider. An answer that comes later is a lost one:
    /// on a busy machine this must be long.
    pub(super) provider_timeout: u32,
    /// A rate limit and daily caps, if they are to be looked at.
    pub(super) strict: Option<Strict>,
}

impl Default for Wishes<'_> {
    fn default() -> Self {
        Self {
            behaviour: Behaviour::default(),
            tablespace: None,
            provider_timeout: 30,
            strict: None,
        }
    }
}

/// A stage for one round.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) database: Database,
    pub(super) vhost: Vhost,
    pub(super) ledger: Arc<Ledger>,
    pub(super) simulators: Vec<Simulator>,
    environment: BTreeMap<String, String>,
    /// What is special about the first node.
    first: BTreeMap<String, String>,
    name: String,
    programs: Arc<Programs>,
}

impl Scene {
    /// `name` is part of what a whole server shares: letters, digits and underscores.
    pub(super) async fn build(
        servers: &Servers,
        programs: &Arc<Programs>,
        name: &str,
        wishes: &Wishes<'_>,
    ) -> Result<Self> {
        let database = Database::named(&servers.database, name);
        let vhost = Vhost::named(&servers.broker, &servers.admin, name)?;
        let (cloned, made) =
            tokio::join!(database.clone_template(wishes.tablespace), vhost.create());
        cloned.context("a database for the round")?;
        made.context("a virtual host for the round")?;
        let ledger = Arc::new(Ledger::new());
        let simulators: Result<Vec<_>, _> = PROVIDERS
            .into_iter()
            .map(|provider| {
                Simulator::builder(provider)
                    .ledger(ledger.clone())
                    .behaviour(wishes.behaviour.clone())
                    .patience(Duration::from_secs(wishes.provider_timeout.into()))
                    .start()
            })
            .collect();
        let scene = Self {
            environment: environment(&database.url(), vhost.url()),
            first: BTreeMap::new(),
            database,
            vhost,
            ledger,
            simulators: simulators.context("the simulators")?,
            name: name.to_owned(),
            programs: programs.clone(),
        };
        scene.apply(servers.folder(), wishes)?;
        Ok(scene)
    }

    /// Changes a setting of the engines that start from now on.
    pub(super) fn set(&mut self, variable: &str, value: impl Into<String>) {
        self.environment.insert(variable.to_owned(), value.into());
    }

    /// Changes a setting of the first node alone.
    pub(super) fn set_first(&mut self, variable: &str, value: impl Into<String>) {
        self.first.insert(variable.to_owned(), value.into());
    }

    /// The engine of a node, once it takes messages.
    pub(super) async fn engine(&self, node: &'static str) -> Result<Engine> {
        let http = format!("127.0.0.1:{}", free_port().context("a free port")?);
        let mut command = self.herald(&["serve"]);
        if NODES.first() == Some(&node) {
            command.envs(&self.first);
        }
        command.env("HERALD__ENGINE__NODE_NAME", node);
        command.env("HERALD__HTTP__BIND", &http);
        let log = format!("{}-{node}.log", self.name);
        Engine::start(command, node, &http, &self.programs.logs.join(log)).await
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
    pub(super) async fn clear(&self) -> Result<()> {
        let (database, vhost) = tokio::join!(self.database.remove(), self.vhost.remove());
        database.and(vhost)
    }

    fn apply(&self, folder: &Path, wishes: &Wishes<'_>) -> Result<()> {
        let path = folder.join(format!("{}.toml", self.name));
        let targets: Vec<_> = self.simulators.iter().map(Target::from).collect();
        let text = seed::file(&targets, wishes)?;
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        let mut apply = self.herald(&["apply"]);
        succeed(apply.arg(&path))
    }

    fn herald(&self, arguments: &[&str]) -> Command {
        herald(&self.programs, &self.environment, arguments)
    }
}

/// Makes the database that those of all rounds are copies of.
pub(super) async fn prepare(servers: &Servers, programs: &Programs) -> Result<()> {
    let template = Database::named(&servers.database, TEMPLATE);
    template.create().await?;
    let environment = environment(&template.url(), &servers.broker);
    succeed(&mut herald(programs, &environment, &["migrate"]))
}

fn herald(
    programs: &Programs,
    environment: &BTreeMap<String, String>,
    arguments: &[&str],
) -> Command {
    let mut command = engine::herald(&programs.engine, &programs.logs, environment);
    command.args(arguments);
    command
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| {
        let program = command.get_program().to_string_lossy();
        format!("{program}: build it, or name one with --engine")
    })?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", errors.trim());
    Ok(())
}

/// Small lanes: what one holds may be in flight at a fault. Quick waits: a round takes seconds.
fn environment(database: &str, broker: &str) -> BTreeMap<String, String> {
    let lanes = format!("{},{ASIDE}", LANES.join(","));
    let settings = [
        ("HERALD__DATABASE__URL", database),
        ("HERALD__DATABASE__POOL_SIZE", "6"),
        ("HERALD__BROKER__URL", broker),
        ("HERALD__BROKER__LANES", &lanes),
        ("HERALD__BROKER__RECONNECT_MAX", "500ms"),
        (
            "HERALD__SECRETS__KEY",
            "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
        ),
        ("HERALD__ENGINE__IO_THREADS", "2"),
        ("HERALD__ENGINE__SCHEDULER_POLL", "50ms"),
        ("HERALD__ENGINE__RELOAD_INTERVAL", "200ms"),
        ("HERALD__LANES__URGENT", "16"),
        ("HERALD__LANES__HIGH", "64"),
        ("HERALD__LANES__NORMAL", "128"),
        ("HERALD__PROVIDERS__CIRCUIT__OPEN_FOR", "500ms"),
        ("HERALD__PROVIDERS__CIRCUIT__OPEN_MAX", "2s"),
        ("HERALD__RETRY__DEFAULT__BASE", "100ms"),
        ("HERALD__RETRY__DEFAULT__MAX", "500ms"),
        ("HERALD__LOG__FORMAT", "json"),
        ("HERALD__LOG__FILTER", "warn,herald=info"),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    settings.into_iter().map(owned).collect()
}
