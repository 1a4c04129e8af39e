//! Explaining a message on the command line.

use super::StartError;
use crate::cache::templates::TemplateCache;
use crate::config::Settings;
use crate::ops::explain::Explainer;
use crate::providers::HttpClient;
use crate::store::Database;
use crate::templates::Limits;

/// An explainer for a command.
///
/// # Errors
/// When a key or a client is no good.
pub fn explainer(settings: &Settings, database: &Database) -> Result<Explainer, StartError> {
    Ok(Explainer {
        database: database.clone(),
        global: settings.policy.clone(),
        templates: templates(settings),
        sealer: super::sealer(settings)?,
        client: HttpClient::new(&settings.providers)?,
        max_body_bytes: settings.broker.max_body_bytes,
    })
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
