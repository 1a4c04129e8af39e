//! Trying declared rules on recorded traffic.

use std::sync::Arc;

use uuid::Uuid;

use crate::config::Settings;
use crate::config::manifest::Manifest;
use crate::ops::simulate::preference_of;
use crate::ops::trials::Trials;
use crate::policy::what_if::ChangedRules;
use crate::store::Database;
use crate::store::preferences::PreferenceFields;
use crate::templates::workflow::{self, Workflow};

/// A workflow that a file declares.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedWorkflow {
    /// Whose it is.
    pub tenant_id: Uuid,
    /// What it says.
    pub workflow: Workflow,
}

/// The workflows that files declare. What is wrong with one was said when the files were read.
#[must_use]
pub fn workflows(manifest: &Manifest) -> Vec<ChangedWorkflow> {
    let declared = manifest.workflows.iter().map(|entry| &entry.value);
    let read = declared.filter_map(|declared| {
        Some(ChangedWorkflow {
            tenant_id: declared.tenant_id,
            workflow: workflow::read(&declared.definition).ok()?,
        })
    });
    read.collect()
}

/// What trials of workflows are made with.
#[must_use]
pub fn trials(settings: &Settings, database: &Database) -> Trials {
    Trials {
        database: database.clone(),
        global: Arc::new(settings.policy.clone()),
        library: None,
    }
}

/// The rules that files declare.
///
/// # Errors
/// They declare something else too, in words.
pub fn changed(manifest: &Manifest) -> Result<ChangedRules, String> {
    let rules = manifest.preferences.len() + manifest.categories.len() + manifest.workflows.len();
    if manifest.len() > rules {
        let words = "only [[preferences]], [[categories]] and [[workflows]] can be tried: leave the other tables out";
        return Err(words.to_owned());
    }
    let mut changed = ChangedRules::default();
    for declared in manifest.preferences.iter().map(|entry| &entry.value) {
        let preference = preference_of(&PreferenceFields {
            scope: declared.scope.clone(),
            enabled: declared.enabled,
            frequency_cap: declared.frequency_cap,
            quiet_hours: declared.quiet_hours,
            quiet_hours_days: declared.quiet_hours_days.clone(),
            timezone: declared.timezone.clone(),
        });
        match declared.user_id {
            Some(user_id) => changed
                .people
                .push(((declared.tenant_id, user_id), preference)),
            None => changed.defaults.push((declared.tenant_id, preference)),
        }
    }
    let categories = manifest.categories.iter();
    changed.categories = categories.map(|entry| entry.value.clone()).collect();
    Ok(changed)
}
