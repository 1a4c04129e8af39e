//! The page about a load that was described by options.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::failure::Failure;
use super::load::Load;
use crate::evidence::{Act, Evidence};
use crate::harness::database;
use crate::harness::management::Management;
use crate::ledger::Ledger;
use crate::page::{self, Page};
use crate::publisher::{Progress, Published};
use crate::simulator::Simulator;
use crate::watch::{Roster, Servers, Subjects, Watch};

/// What is watched, and where the page goes.
pub(super) struct Beginning<'a> {
    pub(super) path: &'a Path,
    pub(super) engine: Option<u32>,
    pub(super) database: Option<&'a str>,
    /// The management interface and the broker's URL.
    pub(super) broker: Option<(&'a str, &'a str)>,
    pub(super) ledger: &'a Arc<Ledger>,
    pub(super) simulators: &'a Arc<Vec<Simulator>>,
    pub(super) progress: &'a Arc<Progress>,
}

/// A page in the making.
pub(super) struct Show {
    path: PathBuf,
    watch: Watch,
    ledger: Arc<Ledger>,
    simulators: Arc<Vec<Simulator>>,
    began_micros: u64,
    machine: Vec<(String, String)>,
}

impl Show {
    /// Begins to watch; a server that was not named is not looked at.
    pub(super) async fn begin(begin: Beginning<'_>) -> Result<Self, Failure> {
        let machine = page::machine();
        let roster = Roster::default();
        if let Some(pid) = begin.engine {
            roster.enter("engine", pid);
        }
        let mut servers = Servers::unknown();
        if let Some(url) = begin.database {
            let client = database::connect(url)
                .await
                .map_err(Failure::while_doing("--database"))?;
            servers = servers.database(client).await;
        }
        if let Some((admin, url)) = begin.broker {
            let admin = Management::new(admin).map_err(Failure::while_doing("--broker-admin"))?;
            servers = servers.broker(admin, url);
        }
        Ok(Self {
            path: begin.path.to_owned(),
            began_micros: begin.ledger.clock_micros(),
            machine,
            watch: Watch::start(Subjects {
                roster,
                servers,
                progress: begin.progress.clone(),
                ledger: begin.ledger.clone(),
                simulators: begin.simulators.clone(),
            }),
            ledger: begin.ledger.clone(),
            simulators: begin.simulators.clone(),
        })
    }

    /// Writes the page.
    pub(super) fn finish(
        self,
        load: &Load,
        published: Published,
        published_micros: u64,
        settled: bool,
    ) -> Result<(), Failure> {
        let act = Act {
            name: "load".to_owned(),
            sequences: load.sequences(),
            began_micros: self.began_micros,
            published_micros,
            published,
            may_be_stopped: false,
        };
        let mut evidence = Evidence::of(&self.ledger, vec![act]);
        evidence.timeline = self.watch.finish();
        evidence.malformed = self
            .simulators
            .iter()
            .map(|one| one.stats().malformed)
            .sum();
        let rate = match load.rate {
            rate if rate > 0.0 => format!("{rate}/s"),
            _ => "flat out".to_owned(),
        };
        let settings = [
            ("run", load.run.clone()),
            ("seed", load.seed.to_string()),
            ("load", rate),
        ];
        let page = Page {
            title: "a mixed load".to_owned(),
            about: "From RabbitMQ through the engine to simulated providers.".to_owned(),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            machine: self.machine,
            settled,
            verdicts: &[],
            evidence: &evidence,
        };
        Ok(page::write(&page, &self.path)?)
    }
}
