//! What an engine needs around it: a database, a virtual host, simulated providers with a ledger, and
//! its installation. All of it is made for one test, round or run, on servers that run already.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::database::{Database, DatabaseServer};
use super::engine::Installation;
use super::vhost::Vhost;
use crate::ledger::Ledger;

/// The servers that environments are made on, by the URLs of their administrators.
#[derive(Clone, Debug)]
pub struct Servers {
    /// `postgres://user:password@host:port/database` of somebody who may create databases.
    pub database: String,
    /// `amqp://user:password@host:port/vhost`.
    pub broker: String,
    /// `http://user:password@host:port` of the broker's management interface.
    pub broker_admin: String,
}

/// One environment.
#[derive(Debug)]
pub struct Environment {
    /// The database.
    pub database: Database,
    /// The virtual host.
    pub vhost: Vhost,
    /// What the simulated providers have accepted.
    pub ledger: Arc<Ledger>,
    /// The engine.
    pub engine: Installation,
}

/// What a new environment is made from.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Its name, part of what whole servers share: letters, digits and underscores.
    pub name: &'a str,
    /// The database that its own is a copy of; `template0` is empty.
    pub template: &'a str,
    /// Further words of CREATE DATABASE.
    pub further: &'a str,
    /// The engine's program.
    pub program: &'a Path,
    /// Where the engine works, and its logs go.
    pub folder: &'a Path,
}

impl Environment {
    /// Makes one.
    ///
    /// # Errors
    /// When a server does not answer, or refuses.
    pub async fn make(servers: &Servers, plan: Plan<'_>) -> Result<Self> {
        let database = DatabaseServer::new(&servers.database)?.database(plan.name);
        let vhost = Vhost::named(&servers.broker, &servers.broker_admin, plan.name)?;
        let (copied, made) =
            tokio::join!(database.create(plan.template, plan.further), vhost.create());
        let environment = Self {
            engine: Installation::new(plan.program, plan.folder, &database.url(), vhost.url()),
            database,
            vhost,
            ledger: Arc::new(Ledger::new()),
        };
        if let Err(error) = copied
            .context("a database")
            .and(made.context("a virtual host"))
        {
            // Nobody else knows of what was made of it.
            environment.remove().await?;
            return Err(error);
        }
        Ok(environment)
    }

    /// Gives back what whole servers share; whoever is still connected is cut off.
    ///
    /// # Errors
    /// With what could not be removed.
    pub async fn remove(&self) -> Result<()> {
        let (database, vhost) = tokio::join!(self.database.remove(), self.vhost.remove());
        database.and(vhost)
    }
}

/// Runs a future to its end on a thread and a runtime of its own, whatever runtime there is: for what
/// must be removed when a value is dropped.
///
/// # Errors
/// As the future; or when the machine has no thread for it.
pub fn to_its_end(future: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build()?.block_on(future)
    })?;
    thread
        .join()
        .unwrap_or_else(|_| anyhow::bail!("it panicked"))
}
