//! The ground that contenders run on: servers, simulators, prepared databases, files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;

use super::contender::{Contender, Kind};
use super::error::ComparisonError;
use crate::broker_admin::BrokerAdmin;
use crate::child::{Child, Readiness};
use crate::database::{DatabaseServer, url_with};
use crate::ledger::Ledger;
use crate::ports::free_port;
use crate::seed::{Target, seed_file};
use crate::simulator::{Provider, Simulator};

/// Where the servers are, with the right to make databases and virtual hosts there.
#[derive(Clone, Debug)]
pub struct Servers {
    /// A PostgreSQL superuser's URL.
    pub database: String,
    /// The broker.
    pub broker: String,
    /// Its management interface: `http://user:password@host:port`.
    pub admin: String,
}

/// What a prepared database depends on: the program that migrates it, and its seed.
type Preparation = (PathBuf, Option<PathBuf>, bool);

/// Everything around the contenders.
pub struct Ground {
    servers: Servers,
    pub(crate) databases: DatabaseServer,
    pub(crate) vhosts: BrokerAdmin,
    simulators: Vec<Simulator>,
    pub(crate) ledger: Arc<Ledger>,
    files: PathBuf,
    herald: PathBuf,
    users: u32,
    key: String,
    prepared: HashMap<Preparation, String>,
}

impl std::fmt::Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Ground {
    /// Starts simulators for all providers and makes a folder for logs. `herald` is the engine that
    /// prepares the databases of contenders that bring none of their own.
    ///
    /// # Errors
    /// When a server cannot be reached, a port cannot be had or the folder cannot be made.
    pub async fn prepare(
        servers: Servers,
        herald: PathBuf,
        files: PathBuf,
        users: u32,
    ) -> Result<Self, ComparisonError> {
        std::fs::create_dir_all(&files).map_err(|error| ComparisonError::File {
            path: files.clone(),
            error,
        })?;
        let ledger = Arc::new(Ledger::new());
        let mut simulators = Vec::new();
        for provider in Provider::ALL {
            let started = Simulator::builder(provider).ledger(ledger.clone()).start();
            let simulator = started.map_err(|error| ComparisonError::Program {
                program: format!("the {provider} simulator"),
                what: error.to_string(),
            })?;
            simulators.push(simulator);
        }
        url_with(&servers.broker, "x").ok_or(ComparisonError::Url("--broker"))?;
        Ok(Self {
            databases: DatabaseServer::connect(&servers.database).await?,
            vhosts: BrokerAdmin::new(&servers.admin).map_err(ComparisonError::Admin)?,
            servers,
            simulators,
            ledger,
            files,
            herald,
            users,
            key: STANDARD.encode(rand::random::<[u8; 32]>()),
            prepared: HashMap::new(),
        })
    }

    /// What the simulators have accepted.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// Removes the prepared databases.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn clear(self) -> Result<(), ComparisonError> {
        for name in self.prepared.values() {
            self.databases.drop(name).await?;
        }
        Ok(())
    }

    /// A name for a database and a virtual host of this process.
    pub(crate) fn name_of(&self, what: &str) -> String {
        format!("herald_compare_{}_{what}", std::process::id())
    }

    pub(crate) fn vhost_url(&self, vhost: &str) -> String {
        url_with(&self.servers.broker, vhost).unwrap_or_default()
    }

    /// The migrated and seeded database to clone for a contender, made when it is first asked for.
    pub(crate) async fn template(
        &mut self,
        contender: &Contender,
    ) -> Result<String, ComparisonError> {
        let herald = self.herald_of(contender);
        let seed = contender.seed.clone();
        let preparation = (herald, seed, contender.policies);
        if let Some(known) = self.prepared.get(&preparation) {
            return Ok(known.clone());
        }
        let name = self.name_of(&format!("template_{}", self.prepared.len()));
        self.databases.create(&name, "template0").await?;
        // Remembered before it is filled, so that it is removed whatever happens.
        self.prepared.insert(preparation, name.clone());
        let seed = match &contender.seed {
            Some(file) => file.clone(),
            None => self.write_seed(contender)?,
        };
        let file = seed.to_string_lossy().into_owned();
        for arguments in [vec!["migrate"], vec!["apply", &file]] {
            let mut command = self.bare(&self.herald_of(contender), contender);
            command
                .env("HERALD__DATABASE__URL", self.databases.url_of(&name))
                .env("HERALD__BROKER__URL", &self.servers.broker)
                .args(&arguments);
            let log = self.files.join(format!("{}-prepare.log", contender.name));
            Child::start(command, &log)?.finish().await?;
        }
        Ok(name)
    }

    fn write_seed(&self, contender: &Contender) -> Result<PathBuf, ComparisonError> {
        let targets: Vec<Target> = self.simulators.iter().map(Target::from).collect();
        let text = seed_file(self.users, &targets, contender.policies)
            .map_err(ComparisonError::Unknown)?;
        let path = self.files.join("seed.toml");
        std::fs::write(&path, text).map_err(|error| ComparisonError::File {
            path: path.clone(),
            error,
        })?;
        Ok(path)
    }

    fn herald_of(&self, contender: &Contender) -> PathBuf {
        match (contender.kind, &contender.program) {
            (Kind::Engine, Some(program)) => program.clone(),
            _ => self.herald.clone(),
        }
    }

    /// Starts a contender on a database and a virtual host.
    pub(crate) fn start(
        &self,
        contender: &Contender,
        database: &str,
        vhost: &str,
        log: &str,
    ) -> Result<(Child, Readiness), ComparisonError> {
        let log = self.files.join(format!("{log}.log"));
        let (mut command, readiness) = match contender.kind {
            Kind::Engine => {
                let mut command = self.bare(&self.herald_of(contender), contender);
                let bind = free_address().map_err(|error| ComparisonError::Program {
                    program: "a free port".to_owned(),
                    what: error.to_string(),
                })?;
                command.env("HERALD__HTTP__BIND", &bind).arg("serve");
                (command, Readiness::Probe(format!("http://{bind}/readyz")))
            }
            Kind::Floor => (self.floor(contender)?, Readiness::Line),
        };
        command
            .env("HERALD__DATABASE__URL", self.databases.url_of(database))
            .env("HERALD__BROKER__URL", self.vhost_url(vhost))
            .envs(contender.environment.iter().cloned())
            .args(&contender.arguments);
        Ok((Child::start(command, &log)?, readiness))
    }

    fn floor(&self, contender: &Contender) -> Result<Command, ComparisonError> {
        let program = match &contender.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(|error| ComparisonError::File {
                path: "loadtest".into(),
                error,
            })?,
        };
        let mut command = self.bare(&program, contender);
        command.arg("floor");
        for simulator in &self.simulators {
            // It has no fail-over, so that it needs no mail server.
            if simulator.provider() != Provider::Smtp {
                command
                    .arg(format!("--{}", simulator.provider()))
                    .arg(simulator.base_url());
            }
        }
        Ok(command)
    }

    /// A command that sees none of our own settings: neither variables nor files.
    fn bare(&self, program: &Path, contender: &Contender) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HERALD") {
                command.env_remove(name);
            }
        }
        command
            .env("HERALD__SECRETS__KEY", &self.key)
            .envs(contender.environment.iter().cloned())
            .current_dir(&self.files);
        command
    }
}

fn free_address() -> std::io::Result<String> {
    Ok(format!("127.0.0.1:{}", free_port()?))
}
