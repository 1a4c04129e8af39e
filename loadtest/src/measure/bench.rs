//! What all runs of a measurement have in common: servers, simulators, prepared databases, files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hooks::Hooks;
use super::variant::{Hook, Kind, Variant};
use crate::harness::database::{Database, DatabaseServer};
use crate::harness::engine::{Installation, bare};
use crate::harness::environment::Servers;
use crate::harness::ports::free_port;
use crate::harness::process::{Log, Process};
use crate::harness::vhost::Vhost;
use crate::ledger::Ledger;
use crate::seed::{Target, seed_file};
use crate::simulator::{Provider, Simulator};

/// Longest for `herald migrate` and `herald apply`.
const PREPARED_WITHIN: Duration = Duration::from_secs(600);

/// What a prepared database depends on: the program that migrates it, its seed, and its webhook.
type Preparation = (PathBuf, Option<PathBuf>, bool, Option<Hook>);

/// Everything around the runs.
#[derive(Debug)]
pub struct Bench {
    servers: Servers,
    databases: DatabaseServer,
    simulators: Vec<Simulator>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) hooks: Hooks,
    files: PathBuf,
    herald: PathBuf,
    users: u32,
    key: String,
    prepared: HashMap<Preparation, Database>,
    /// Filled databases, by what fills them.
    pub(super) filled: HashMap<String, Database>,
}

/// A process of a variant, and how it says that it works.
pub(super) struct Started {
    pub(super) process: Process,
    /// Where it answers by HTTP.
    pub(super) url: Option<String>,
}

impl Started {
    pub(super) async fn ready(&self) -> Result<()> {
        match &self.url {
            Some(url) => self.process.ready(&format!("{url}/readyz")).await,
            None => self.process.says("ready").await.map(drop),
        }
    }
}

impl Bench {
    /// Starts simulators for all providers and makes a folder for logs. `herald` is the engine that
    /// prepares the databases of variants that bring none of their own.
    ///
    /// # Errors
    /// When a URL has another form, a port cannot be had or the folder cannot be made.
    pub fn prepare(servers: Servers, herald: PathBuf, files: PathBuf, users: u32) -> Result<Self> {
        std::fs::create_dir_all(&files).with_context(|| files.display().to_string())?;
        let ledger = Arc::new(Ledger::new());
        let start = |provider: Provider| {
            let simulator = Simulator::builder(provider).ledger(ledger.clone()).start();
            simulator.with_context(|| format!("the {provider} simulator"))
        };
        Ok(Self {
            databases: DatabaseServer::new(&servers.database)?,
            servers,
            simulators: Provider::ALL
                .into_iter()
                .map(start)
                .collect::<Result<_>>()?,
            ledger,
            hooks: Hooks::start()?,
            files,
            herald,
            users,
            key: STANDARD.encode(rand::random::<[u8; 32]>()),
            prepared: HashMap::new(),
            filled: HashMap::new(),
        })
    }

    /// What the simulators have accepted.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// Removes all that was made, also what a run that was broken off has left.
    ///
    /// # Errors
    /// When a server fails.
    pub async fn clear(self) -> Result<()> {
        let vhost = self.vhost()?.remove().await;
        self.database("run").remove().await?;
        for database in self.prepared.values().chain(self.filled.values()) {
            database.remove().await?;
        }
        vhost
    }

    /// A database of this process.
    pub(super) fn database(&self, what: &str) -> Database {
        self.databases.database(&name_of(what))
    }

    /// The virtual host of a run.
    pub(super) fn vhost(&self) -> Result<Vhost> {
        let Servers {
            broker,
            broker_admin,
            ..
        } = &self.servers;
        Vhost::named(broker, broker_admin, &name_of("run"))
    }

    /// The migrated and seeded database to copy for a variant, made when it is first asked for.
    pub(super) async fn template(&mut self, variant: &Variant) -> Result<Database> {
        let herald = self.herald_of(variant).to_owned();
        let preparation = (herald, variant.seed.clone(), variant.policies, variant.hook);
        if let Some(known) = self.prepared.get(&preparation) {
            return Ok(known.clone());
        }
        let database = self.database(&format!("template_{}", self.prepared.len()));
        database.create("template0", "").await?;
        // Remembered before it is filled, so that it is removed whatever happens.
        self.prepared.insert(preparation, database.clone());
        let seed = match &variant.seed {
            Some(file) => file.clone(),
            None => self.write_seed(variant)?,
        };
        let file = seed.to_string_lossy().into_owned();
        let mut apply = vec!["apply", &file];
        let hook = match variant.hook {
            Some(hook) => Some(self.hooks.declare(&self.files, hook)?),
            None => None,
        };
        apply.extend(hook.as_deref());
        for arguments in [vec!["migrate"], apply] {
            let mut command = self.bare(self.herald_of(variant), variant);
            command
                .env("HERALD__DATABASE__URL", database.url())
                .env("HERALD__BROKER__URL", &self.servers.broker)
                .args(&arguments);
            let log = self.log(&format!("{}-prepare", variant.name));
            let process = Process::start(command, log)?;
            process.finish(PREPARED_WITHIN).await?;
        }
        Ok(database)
    }

    fn write_seed(&self, variant: &Variant) -> Result<PathBuf> {
        let targets: Vec<Target> = self.simulators.iter().map(Target::from).collect();
        let text = seed_file(self.users, &targets, variant.policies)?;
        let path = self.files.join("seed.toml");
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    fn herald_of<'a>(&'a self, variant: &'a Variant) -> &'a Path {
        match (variant.kind, &variant.program) {
            (Kind::Engine, Some(program)) => program,
            _ => &self.herald,
        }
    }

    fn log(&self, name: &str) -> Log {
        Log::File(self.files.join(format!("{name}.log")))
    }

    /// Starts a variant on the database and the virtual host of a run.
    pub(super) fn start(&self, variant: &Variant, log: &str) -> Result<Started> {
        let (mut command, url) = match variant.kind {
            Kind::Engine => {
                let mut command = self.bare(self.herald_of(variant), variant);
                let bind = format!("127.0.0.1:{}", free_port()?);
                command.env("HERALD__HTTP__BIND", &bind).arg("serve");
                (command, Some(format!("http://{bind}")))
            }
            Kind::Floor => (self.floor(variant)?, None),
        };
        command
            .env("HERALD__DATABASE__URL", self.database("run").url())
            .env("HERALD__BROKER__URL", self.vhost()?.url())
            .args(&variant.arguments);
        let process = Process::start(command, self.log(log))?;
        Ok(Started { process, url })
    }

    /// A key with these scopes, or this preset of them, for the database of a run.
    pub(super) async fn key(&self, variant: &Variant, scopes: &str) -> Result<String> {
        let (database, broker) = (self.database("run"), self.vhost()?);
        let mut installation = Installation::new(
            self.herald_of(variant),
            &self.files,
            &database.url(),
            broker.url(),
        );
        installation.set("HERALD__SECRETS__KEY", &self.key);
        installation.key(scopes).await
    }

    fn floor(&self, variant: &Variant) -> Result<Command> {
        let program = match &variant.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().context("this program's place")?,
        };
        let mut command = self.bare(&program, variant);
        command.arg("floor");
        // It has no fail-over, so that it needs no mail server.
        let needed = |simulator: &&Simulator| simulator.provider() != Provider::Smtp;
        for simulator in self.simulators.iter().filter(needed) {
            command
                .arg(format!("--{}", simulator.provider()))
                .arg(simulator.base_url());
        }
        Ok(command)
    }

    fn bare(&self, program: &Path, variant: &Variant) -> Command {
        let mut command = bare(program, &self.files);
        command
            .env("HERALD__SECRETS__KEY", &self.key)
            .envs(variant.hook.map(|_| self.hooks.allowed()))
            .envs(variant.environment.iter().cloned());
        command
    }
}

/// A name for a database or a virtual host of this process.
fn name_of(what: &str) -> String {
    format!("herald_compare_{}_{what}", std::process::id())
}
