//! Explaining a message on the command line.

use std::sync::Arc;

use super::StartError;
use crate::config::Settings;
use crate::pipeline::explain::Explainer;
use crate::pipeline::judge::Judge;
use crate::pipeline::people::People;
use crate::pipeline::reserver::Reserver;
use crate::pipeline::shelf::Shelf;
use crate::providers::HttpClient;
use crate::runtime::Shutdown;
use crate::store::Database;
use crate::templates::Limits;

/// An explainer that looks everybody up.
///
/// # Errors
/// When a key or a client is no good.
pub fn explainer(settings: &Settings, database: &Database) -> Result<Explainer, StartError> {
    let judge = Judge {
        database: database.clone(),
        // Nobody listens for changes, so nobody is kept.
        people: People::new(database.clone(), 1, settings.engine.people_time_to_live),
        reserver: Reserver::new(database.clone(), Shutdown::new()),
        house: settings.policy.clone(),
        giving_up: Shutdown::new(),
    };
    Ok(Explainer {
        database: database.clone(),
        judge: Arc::new(judge),
        shelf: Shelf::new(Limits {
            max_output_bytes: settings.templates.max_output_bytes,
            fuel: settings.templates.fuel,
        }),
        sealer: super::sealer(settings)?,
        client: HttpClient::new(&settings.providers)?,
        max_body_bytes: settings.broker.max_body_bytes,
    })
}
