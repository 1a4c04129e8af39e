//! The engine's nodes during a run.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::engine::{Installation, Node};
use crate::watch::Roster;

/// The running nodes, and how to start more.
pub(super) struct Fleet {
    installation: Installation,
    roster: Roster,
    nodes: BTreeMap<String, Node>,
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
    pub(super) fn start(&mut self, name: &str) -> Result<Instant, String> {
        if self.nodes.contains_key(name) {
            return Err(format!(
                "the engine node {name} runs already; kill or stop it before it is started"
            ));
        }
        let node = self.installation.start(name)?;
        let started = node.started();
        self.roster.enter(name, node.pid());
        self.nodes.insert(name.to_owned(), node);
        Ok(started)
    }

    pub(super) async fn wait_until_ready(&mut self) -> Result<(), String> {
        for node in self.nodes.values_mut() {
            node.wait_until_ready().await?;
        }
        Ok(())
    }

    pub(super) async fn kill(&mut self, name: &str) -> Result<(), String> {
        self.take(name)?.kill().await;
        Ok(())
    }

    pub(super) async fn stop(&mut self, name: &str) -> Result<(), String> {
        self.take(name)?.stop().await
    }

    /// Ends all nodes in good order.
    pub(super) async fn stop_all(&mut self) -> Result<(), String> {
        let names: Vec<_> = self.nodes.keys().cloned().collect();
        let mut said = Ok(());
        for name in names {
            said = said.and(self.stop(&name).await);
        }
        said
    }

    /// What a node said that ended by itself.
    pub(super) fn ended(&mut self) -> Option<String> {
        self.nodes.values_mut().find_map(Node::ended)
    }

    fn take(&mut self, name: &str) -> Result<Node, String> {
        self.roster.leave(name);
        self.nodes.remove(name).ok_or_else(|| {
            format!("the engine node {name} does not run; start it before it is killed or stopped")
        })
    }
}
