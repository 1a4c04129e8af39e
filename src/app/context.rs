//! What every part of the engine stands on.

use std::sync::Arc;

use super::StartError;
use crate::config::Settings;
use crate::providers::HttpClient;
use crate::runtime::{Health, Shutdown, Tasks};
use crate::store::Database;
use crate::store::seal::Sealer;
use crate::telemetry::Metrics;

/// What everything stands on.
#[derive(Debug)]
pub(super) struct EngineContext {
    pub(super) tasks: Tasks,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Health,
    /// Stops taking on work.
    pub(super) stop: Shutdown,
    /// Starts no further provider call.
    pub(super) no_calls: Shutdown,
    /// Ends waiting for work that is in hand.
    pub(super) giving_up: Shutdown,
    /// Ends the run itself.
    pub(super) end_of_run: Shutdown,
    pub(super) database: Database,
    /// Opens stored credentials.
    pub(super) sealer: Sealer,
    /// The client that all HTTP accounts share.
    pub(super) client: HttpClient,
}

impl EngineContext {
    pub(super) fn new(
        settings: &Settings,
        stop: &Shutdown,
        health: Health,
        tasks: Tasks,
    ) -> Result<Self, StartError> {
        Ok(Self {
            metrics: Arc::new(Metrics::new()),
            health,
            stop: stop.clone(),
            no_calls: Shutdown::new(),
            giving_up: Shutdown::new(),
            end_of_run: Shutdown::new(),
            database: Database::lazy(&super::database_settings(settings), tasks.handle()),
            sealer: super::sealer(settings)?,
            client: HttpClient::new(&settings.providers)?,
            tasks,
        })
    }
}
