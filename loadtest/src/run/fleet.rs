//! The engine's nodes during a run.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use crate::harness::engine::{Engine, Installation};
use crate::watch::Roster;

/// The running nodes, and how to start more.
pub(super) struct Fleet {
    installation: Installation,
    roster: Roster,
    nodes: BTreeMap<String, Engine>,
}

impl Fleet {
    pub(super) fn new(installation: Installation) -> Self {
        Self {
            installation,
            roster: Roster::default(),
            nodes: BTreeMap::new(),
        }
    }

    pub(super) fn roster(&self) -> Roster {
        self.roster.clone()
    }

    pub(super) fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Starts a node, and says when its process began.
    pub(super) fn start(&mut self, name: &str) -> Result<Instant> {
        ensure!(
            !self.nodes.contains_key(name),
            "the engine node {name} runs already; kill or stop it before it is started"
        );
        let node = self.installation.start(name)?;
        let started = node.started();
        self.roster.enter(name, node.id());
        self.nodes.insert(name.to_owned(), node);
        Ok(started)
    }

    pub(super) async fn wait_until_ready(&self) -> Result<()> {
        for node in self.nodes.values() {
            node.wait_until_ready().await?;
        }
        Ok(())
    }

    pub(super) async fn kill(&mut self, name: &str) -> Result<()> {
        self.take(name)?.kill().await
    }

    pub(super) async fn stop(&mut self, name: &str) -> Result<()> {
        self.take(name)?.stop().await
    }

    /// Ends all nodes in good order.
    pub(super) async fn stop_all(&mut self) -> Result<()> {
        let names: Vec<_> = self.nodes.keys().cloned().collect();
        let mut said = Ok(());
        for name in names {
            said = said.and(self.stop(&name).await);
        }
        said
    }

    /// An error when a node has ended by itself.
    pub(super) fn must_run(&self) -> Result<()> {
        self.nodes.values().try_for_each(|node| node.must_run())
    }

    fn take(&mut self, name: &str) -> Result<Engine> {
        self.roster.leave(name);
        self.nodes.remove(name).with_context(|| {
            format!("the engine node {name} does not run; start it before it is killed or stopped")
        })
    }
}
