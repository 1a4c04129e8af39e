//! Explaining a message on the command line.

use std::sync::Arc;

use super::StartError;
use crate::cache::recipients::RecipientCache;
use crate::cache::templates::TemplateCache;
use crate::config::Settings;
use crate::delivery::cap_reservations::CapReservations;
use crate::delivery::eligibility::{Eligibility, RecheckRequests};
use crate::ops::explain::Explainer;
use crate::providers::HttpClient;
use crate::runtime::Shutdown;
use crate::store::Database;
use crate::templates::Limits;

/// An explainer that looks everybody up.
///
/// # Errors
/// When a key or a client is no good.
pub fn explainer(settings: &Settings, database: &Database) -> Result<Explainer, StartError> {
    let eligibility = Eligibility {
        database: database.clone(),
        recipients: recipients(settings, database),
        rechecks: RecheckRequests::default(),
        pace: Default::default(),
        cap_reservations: CapReservations::new(database.clone(), Shutdown::new()),
        global: settings.policy.clone(),
        giving_up: Shutdown::new(),
    };
    Ok(Explainer {
        database: database.clone(),
        eligibility: Arc::new(eligibility),
        templates: templates(settings),
        sealer: super::sealer(settings)?,
        client: HttpClient::new(&settings.providers)?,
        max_body_bytes: settings.broker.max_body_bytes,
    })
}

/// People, each looked up: nobody listens for changes, so nobody is kept.
pub(super) fn recipients(settings: &Settings, database: &Database) -> RecipientCache {
    RecipientCache::new(database.clone(), 1, settings.engine.recipient_cache_ttl)
}

/// No templates yet.
pub(super) fn templates(settings: &Settings) -> TemplateCache {
    TemplateCache::new(limits(settings))
}

/// What a template may use.
pub(super) fn limits(settings: &Settings) -> Limits {
    Limits {
        max_output_bytes: settings.templates.max_output_bytes,
        fuel: settings.templates.fuel,
    }
}
