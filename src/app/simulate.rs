//! Trying declared rules on recorded traffic.

use crate::config::manifest::Manifest;
use crate::ops::simulate::preference_of;
use crate::policy::what_if::ChangedRules;
use crate::store::preferences::PreferenceFields;

/// The rules that files declare.
///
/// # Errors
/// They declare something else too, in words.
pub fn changed(manifest: &Manifest) -> Result<ChangedRules, String> {
    let rules = manifest.preferences.len() + manifest.categories.len();
    if manifest.len() > rules {
        let words =
            "only [[preferences]] and [[categories]] can be tried: leave the other tables out";
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
