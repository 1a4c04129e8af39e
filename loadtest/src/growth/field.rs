//! The databases that growth is measured on, filled once and copied for each go.

use std::collections::HashMap;

use super::error::GrowthError;
use super::fill;
use super::setup::Setup;
use crate::comparison::{Contender, Ground, Kind};
use crate::ledger::Ledger;

/// What a filled database depends on: rows, people, tenants.
type Filling = (u64, u64, u64);

/// Servers, simulators, and the filled databases.
#[derive(Debug)]
pub struct Field {
    pub(super) ground: Ground,
    filled: HashMap<Filling, String>,
    environment: Vec<(String, String)>,
}

impl Field {
    /// On a ground without people. The variables are set for every node.
    #[must_use]
    pub fn new(ground: Ground, environment: Vec<(String, String)>) -> Self {
        Self {
            ground,
            filled: HashMap::new(),
            environment,
        }
    }

    /// What the simulators have accepted.
    #[must_use]
    pub fn ledger(&self) -> std::sync::Arc<Ledger> {
        self.ground.ledger()
    }

    /// Makes the databases of these setups: before anything is measured, so that the first round is
    /// like the others.
    ///
    /// # Errors
    /// When the server fails, or its disk is full.
    pub async fn fill(&mut self, setups: &[Setup]) -> Result<(), GrowthError> {
        let empty = self.ground.template(&self.node(1)).await?;
        for setup in setups {
            let filling = filling(*setup);
            if self.filled.contains_key(&filling) {
                continue;
            }
            println!("filling a database for {setup}");
            let name = self
                .ground
                .name_of(&format!("filled_{}", self.filled.len()));
            // Remembered before it is filled, so that it is removed whatever happens.
            self.filled.insert(filling, name.clone());
            self.ground.databases.copy(&name, &empty).await?;
            fill::fill(&self.ground.databases.url_of(&name), *setup).await?;
        }
        Ok(())
    }

    pub(super) fn filled(&self, setup: Setup) -> &str {
        self.filled
            .get(&filling(setup))
            .map_or("template0", String::as_str)
    }

    /// A node, by its number from 1.
    pub(super) fn node(&self, number: u64) -> Contender {
        let name = format!("node-{number}");
        let mut environment = vec![("HERALD__ENGINE__NODE_NAME".to_owned(), name.clone())];
        environment.extend(self.environment.iter().cloned());
        Contender {
            kind: Kind::Engine,
            name,
            program: None,
            environment,
            arguments: Vec::new(),
            seed: None,
            policies: false,
        }
    }

    /// The name of the database and the virtual host of a go.
    pub(super) fn name(&self) -> String {
        self.ground.name_of("growth")
    }

    /// Removes all that was made.
    ///
    /// # Errors
    /// When a server fails.
    pub async fn clear(self) -> Result<(), GrowthError> {
        let name = self.name();
        let vhost = self.ground.vhosts.delete_vhost(&name).await;
        self.ground.databases.drop(&name).await?;
        for name in self.filled.values() {
            self.ground.databases.drop(name).await?;
        }
        self.ground.clear().await?;
        vhost.map_err(GrowthError::Admin)
    }
}

fn filling(setup: Setup) -> Filling {
    (setup.rows, setup.users, setup.tenants)
}
