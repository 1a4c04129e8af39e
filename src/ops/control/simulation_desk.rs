//! Rules that are tried on recorded traffic, as the HTTP API asks for it.

use std::sync::Arc;

use super::desk::{Desk, DeskError};
use crate::domain::GlobalPolicy;
use crate::ops::simulate::{SimulatedTraffic, SimulationReport, simulate};
use crate::policy::what_if::ChangedRules;
use crate::store::Database;

/// Tries rules. Clones share it.
#[derive(Debug, Clone)]
pub struct SimulationDesk {
    /// Does the work.
    pub desk: Desk,
    /// What the operator says for everybody.
    pub global: Arc<GlobalPolicy>,
}

impl SimulationDesk {
    /// What changed rules would have done to what has come in. Nothing is sent or written.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn simulate(
        &self,
        changed: ChangedRules,
        traffic: SimulatedTraffic,
    ) -> Result<SimulationReport, DeskError> {
        let global = Arc::clone(&self.global);
        let work = async move |database: Database| {
            Ok(simulate(&database, &global, &changed, traffic).await?)
        };
        self.desk.with("simulate", work).await
    }
}
